"""Our block in an AGENTS.md, which many runtimes read as instructions: put in between its two marks, and taken out again.

All that stands outside of the marks stays byte for byte. A text that did not end with a line end has the block without one, too.
"""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from functools import partial

from sos import files
from sos.model.errors import RuntimeConfigError
from sos.runtimes.skill import BEGIN, END, block
from sos.wiring import foreignfiles, originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OWNER = "agents-md"
NAME = "AGENTS.md"
PATIENCE = 30.0
"""Seconds that another connect or disconnect is waited for."""


def path_of(given: str, command: str) -> str:
    """The file that is meant, absolute: a directory means the one in it. Raises RuntimeConfigError. `command`: what was typed."""
    path = os.path.abspath(given or NAME)
    path = os.path.join(path, NAME) if os.path.isdir(path) else path
    if not os.path.isdir(os.path.dirname(path)):
        raise RuntimeConfigError(f"{os.path.dirname(path)} is no directory", next_step=f"{command} --agents-md PATH")
    return path


def put(home: str, path: str) -> bool:
    """Put the block in, or write it anew; whether anything had to be. `home` is SOS_HOME.

    Raises RuntimeConfigError where the marks do not stand as a pair, or it cannot be read or written; Conflict, StorageFull.
    """
    return _change(home, path, "connect", lambda now: _with(path, now or b""))


def take(home: str, path: str) -> bool:
    """Take the block out; whether it was there. A file that only we have made goes as a whole. Raises as `put`."""
    return _change(home, path, "disconnect", partial(_taken, home, path))


def _change(home: str, path: str, command: str, made: Callable[[bytes | None], bytes | None]) -> bool:
    run = files.private_directory(os.path.join(home, "run"))
    with ExitStack() as held:
        held.enter_context(files.Lock(os.path.join(run, "connect.lock"), PATIENCE))
        held.callback(foreignfiles.clear, home, path)
        for _ in range(foreignfiles.TRIES):
            now = foreignfiles.read(path)
            after = made(now)
            if command == "connect" and after is not None and after != now:
                originals.keep(home, OWNER, path, now, after, lambda data, _: _bare(path, data))
            if after == now or foreignfiles.replace(home, path, now, after):
                if command == "disconnect":
                    originals.forget(home, OWNER, path)
                return after != now
    raise foreignfiles.restless(path, f"sos {command} --agents-md {shlex.quote(path)}")


def _taken(home: str, path: str, now: bytes | None) -> bytes | None:
    marks, before = originals.kept(home, OWNER, path)
    if now is None or originals.mark(now) in marks:
        return before if now is not None else None
    bare = _bare(path, now)
    return None if marks and before is None and not bare.strip() and bare != now else bare


def _with(path: str, now: bytes) -> bytes:
    place = _place(path, now)
    end = b"\r\n" if b"\r\n" in (now if place is None else now[place]) else b"\n"
    ours = block().encode().rstrip().replace(b"\n", end)
    if place is not None:
        return now[: place.start] + ours + now[place.stop :]
    return now + ours + end if not now or now.endswith(b"\n") else now + b"\n" + ours


def _bare(path: str, now: bytes) -> bytes:
    place = _place(path, now)
    if place is None:
        return now
    front, rest = now[: place.start], now[place.stop :]
    if rest.startswith((b"\n", b"\r\n")):
        return front + rest[rest.find(b"\n") + 1 :]
    return front + rest if rest else front.removesuffix(b"\n")


def _place(path: str, now: bytes) -> slice | None:
    """Where the block stands, from the first letter of its marks to the last; None where there is none."""
    begin, end = BEGIN.encode(), END.encode()
    start, stop = now.find(begin), now.find(end)
    if start < 0 and stop < 0:
        return None
    if (now.count(begin), now.count(end)) != (1, 1) or stop < start:
        step = f"look at it: {shlex.quote(path)}; leave one pair of these lines, or none"
        raise RuntimeConfigError(f"{BEGIN} and {END} do not stand as one pair in {path}; nothing was written", next_step=step)
    return slice(start, stop + len(end))
