"""The port `Connection` over HTTP, with the standard library alone."""
