"""The services as HTTP: thin faces over the core. Needs the extra `server`."""
