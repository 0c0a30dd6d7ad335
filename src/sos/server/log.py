"""The server's log: one JSON object a line on standard error, with nothing in it that looks like a token."""

from __future__ import annotations

import sys
import time

from sos.model import wire
from sos.model.redaction import redacted
from sos.model.times import Millis, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def say(event: str, **facts: Any) -> None:
    """Write a line. `event`: what happened, in words that never change."""
    shown = {key: redacted(value) if isinstance(value, str) else value for key, value in facts.items()}
    line = wire.dumps({"at": iso(Millis(time.time_ns() // 1_000_000)), "event": event, **shown})
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        return  # nobody reads it any more
