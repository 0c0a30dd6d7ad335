"""Faults made on purpose against a store of the user's own kind: `python -m sos.testing.faults`, no root needed."""
