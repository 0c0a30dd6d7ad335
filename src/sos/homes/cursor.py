"""The cursor of a home: the highest number of the store that its agent has seen. A cache, never a position.

Only ever compared: a store whose newest number is lower than what was seen once has been put back to an older state, or has lost
messages to another hand. (A copy made by `sos backup` is noticed by its epoch; a file copied by hand keeps its epoch.)
"""

from __future__ import annotations

import os

from sos.files import read

_DIGITS = 20


def load(home: str) -> int:
    """What was seen; 0 where nothing is known, a damaged cursor included."""
    text, end, _ = (read(os.path.join(home, "cursor")) or b"").partition(b"\n")
    return int(text) if end and len(text) == _DIGITS and text.isdigit() else 0


def save(home: str, number: int) -> None:
    """Remember, in one write of a fixed width and without a sync: what is lost with the power is only an older number.

    So it is where the disk refuses: no command ends for want of a cache.
    """
    try:
        descriptor = os.open(os.path.join(home, "cursor"), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        os.pwrite(descriptor, f"{number:0{_DIGITS}}\n".encode(), 0)
    except OSError:
        return
    finally:
        os.close(descriptor)
