"""The two doors out: the answer on standard output, remarks on standard error. Nothing that a peer wrote passes them raw."""

from __future__ import annotations

import io
import os
import sys

from sos.core.rendering import escape
from sos.model.errors import AnswerLost


def prepare() -> None:
    """A terminal without Unicode gets escapes where it has no character, and never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def answer(text: str) -> None:
    """Write a line or more to standard output and flush. Raises AnswerLost, BrokenPipeError."""
    if sys.stdout is None:
        raise AnswerLost("standard output is closed, so the answer was not written")
    try:
        sys.stdout.write(escape(text) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget_output()
        raise AnswerLost(f"the answer could not be written: {error.strerror}") from error


def value(made: object) -> None:
    """Write a value as one line of JSON, each `<` in it by its code: what `escape` would make of a tag there is no JSON."""
    from sos.model import wire

    answer(wire.dumps(made).replace("<", "\\u003c"))


def remark(text: str) -> None:
    """Say something beside the answer; where nobody can hear it, not."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(escape(text) + "\n")
        sys.stderr.flush()
    except OSError:
        return  # a full disk behind standard error must not hide the exit code


def forget_output() -> None:
    """Let what standard output still holds go nowhere, so that the flush at the end does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
