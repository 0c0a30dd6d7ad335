"""Reading what is new in a runtime's transcript, a file of JSON lines, for evidence of what stood in the context.

Which lines are evidence, each runtime says of its own (`speech.py` beside its other modules). The file is never searched as text:
a hook's own output is kept in it even where the runtime threw it away.
"""

from __future__ import annotations

import os
import stat

from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sos.model.times import Millis

WINDOW = 64 * 1024
MAX_READ = 256 * 1024
"""Bytes that one hook run reads (5 MB in one buffer cost 27 ms, in windows 11)."""
MAX_LINE = 4 * 1024 * 1024
SHOWN = b"[sos "
"""What stands in every line that shows a message of ours."""


class Lines(Record):
    """What the lines of one runtime's transcript say."""

    #: What stands in every line that says when a request went out, or, where `reading` is given, of what a model is to read (one
    #: that it has read, and that was written after a message was shown, proves a request); empty where no line does.
    asking: bytes
    #: Such a line, parsed → when, and what it is called as evidence; None for any other.
    asked: Callable[[dict[str, Any]], tuple[Millis, str] | None]
    #: A line, parsed → what it is called as evidence, and the text that stood in the context; empty for no evidence.
    context: Callable[[dict[str, Any]], tuple[str, str]]
    #: A request that fails takes nothing: where the runtime writes down how far a model has read, only what it has read counts.
    #: What stands in each line that says so (empty where a line of context is proof by itself); such a line → how far, or None;
    #: and a line of context, or of `asked`, → its place in that order.
    reading: bytes = b""
    read: Callable[[dict[str, Any]], int | None] = lambda _made: None
    placed: Callable[[dict[str, Any]], int] = lambda _made: 0


class Look(Record):
    """What one look at new transcript lines found."""

    #: needle → the line that proves it.
    arrived: dict[str, str]
    #: The newest request that was seen, and where.
    asked_at: Millis | None
    asked: str
    offset: int


def size(path: str) -> int:
    """Bytes of a transcript; 0 where there is none yet."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def look(lines: Lines, path: str, offset: int, needles: list[str]) -> Look:
    """Read what is new from `offset` on and look for `needles`. A file that is gone or shorter is read from its end."""
    length = size(path)
    if offset > length:
        offset = length
    found = _Found(lines, needles)
    for begun, block in _blocks(path, offset):
        offset = begun + len(block)
        for start, line in _telling(lines, begun, block):
            found.take(start, line)
    waiting = [start for needle, (_, start, _) in found.held.items() if needle not in found.arrived]
    if waiting and offset >= length:
        offset = min(waiting)  # no model has read it yet: the next look begins here
    return Look(arrived=found.arrived, asked_at=found.asked[0], asked=found.asked[1], offset=offset)


class _Found:
    """What the lines of one look have said so far."""

    def __init__(self, lines: Lines, needles: list[str]) -> None:
        self._lines = lines
        self._needles = needles
        self.arrived: dict[str, str] = {}
        #: needle → place, byte and name of the line that shows it.
        self.held: dict[str, tuple[int, int, str]] = {}
        self.asked: tuple[Millis | None, str] = (None, "")
        #: What no model has read yet: place, time and name of each line.
        self._unread: list[tuple[int, Millis, str]] = []

    def take(self, start: int, line: bytes) -> None:
        """One line more, at this byte."""
        lines, made = self._lines, _parsed(line)
        if lines.reading and lines.reading in line and (through := lines.read(made)) is not None:
            self._read(through)
        if lines.asking and lines.asking in line and (request := lines.asked(made)) is not None:
            at, name = request[0], f"{request[1]} at byte {start}"
            if lines.reading:
                self._unread.append((lines.placed(made), at, name))
            else:
                self.asked = (at, name)
        if self._needles and SHOWN in line:
            where, text = lines.context(made)
            for needle in self._needles:
                if where and needle in text and needle not in self.arrived:
                    self.held.setdefault(needle, (lines.placed(made), start, f"{where} at byte {start}"))
                    if not lines.reading:
                        self.arrived[needle] = f"{where} at byte {start}"

    def _read(self, through: int) -> None:
        """A model has read everything up to this place."""
        self.arrived |= {needle: where for needle, (place, _, where) in self.held.items() if place <= through}
        for place, at, name in self._unread:
            if place <= through:
                self.asked = (at, name)
        self._unread = [each for each in self._unread if each[0] > through]


def _telling(lines: Lines, start: int, block: bytes) -> list[tuple[int, bytes]]:
    """The lines of a block that may be evidence. Most blocks have none, and are not cut into lines at all (0.4 ms of a run)."""
    marks = [mark for mark in (SHOWN, lines.asking, lines.reading) if mark]
    found: list[tuple[int, bytes]] = []
    if any(mark in block for mark in marks):
        for line in block.split(b"\n"):
            if any(mark in line for mark in marks):
                found.append((start, line))
            start += len(line) + 1
    return found


def _blocks(path: str, offset: int) -> list[tuple[int, bytes]]:
    """What is new, in blocks of whole lines, each with its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait for its writer
    except OSError:
        return []
    blocks: list[tuple[int, bytes]] = []
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []  # a device never ends
        rest, start, position = b"", offset, offset
        while position - offset < MAX_READ or (not blocks and len(rest) < MAX_LINE):
            window = os.pread(descriptor, WINDOW, position)
            if not window:
                break
            position += len(window)
            if ends := window.rfind(b"\n") + 1:
                blocks.append((start, rest + window[:ends]))
                start += len(blocks[-1][1])
                rest = window[ends:]
            else:
                rest += window
    except OSError:
        return blocks
    finally:
        os.close(descriptor)
    if not blocks and len(rest) >= MAX_LINE:
        blocks.append((start, rest))  # one line of over 4 MB: passed over, or nothing would ever be read again
    return blocks


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        made = wire.loads(line)
    except UnreadableJson:
        return {}
    return made if isinstance(made, dict) else {}


def text_of(value: object) -> str:
    """All text inside a JSON value: that of strings, lists, and the keys `content` and `text`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(text_of(item) for item in value)
    if isinstance(value, dict):
        return "\n".join(text_of(value[key]) for key in ("content", "text") if key in value)
    return ""
