"""`python -m sos` is the same as `sos`."""

from sos.cli import run

run()
