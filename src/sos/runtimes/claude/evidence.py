"""What a Claude Code transcript proves about a message: that it stood in the context, or that a request went without it.

A message id somewhere in the file proves nothing: a hook's own stdout is kept there even when it was thrown away. What counts are
the lines that say what became context (`hook_additional_context`, whatever has `rendered`, the request's own blobs).
"""

from __future__ import annotations

import os
import stat

from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.record import Record
from sos.model.times import parse_iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.times import Millis

WINDOW = 64 * 1024
MAX_READ = 256 * 1024
"""Bytes that one hook run reads (5 MB in one buffer cost 27 ms, in windows 11)."""
MAX_LINE = 4 * 1024 * 1024
_REQUEST, _SHOWN = b'"api-request"', b"[sos "
"""What stands in the lines that can be evidence."""


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


def look(path: str, offset: int, needles: list[str]) -> Look:
    """Read what is new from `offset` on and look for `needles`. A file that is gone or shorter is read from its end."""
    arrived: dict[str, str] = {}
    asked_at: Millis | None = None
    asked = ""
    length = size(path)
    if offset > length:
        offset = length
    for begun, block in _blocks(path, offset):
        offset = begun + len(block)
        for start, line in _telling(begun, block):
            if _REQUEST in line:
                stamp = _request_time(line)
                if stamp is not None:
                    asked_at, asked = stamp, f"api-request at byte {start}"
            elif needles:
                where, text = _context(line)
                for needle in needles:
                    if where and needle in text and needle not in arrived:
                        arrived[needle] = f"{where} at byte {start}"
    return Look(arrived=arrived, asked_at=asked_at, asked=asked, offset=offset)


def _telling(start: int, block: bytes) -> list[tuple[int, bytes]]:
    """The lines of a block that may be evidence. Most blocks have none, and are not cut into lines at all (0.4 ms of a run)."""
    lines: list[tuple[int, bytes]] = []
    if _REQUEST in block or _SHOWN in block:
        for line in block.split(b"\n"):
            if _REQUEST in line or _SHOWN in line:
                lines.append((start, line))
            start += len(line) + 1
    return lines


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


def _request_time(line: bytes) -> Millis | None:
    made = _parsed(line)
    if made.get("type") != "api-request" or not isinstance(made.get("timestamp"), str):
        return None
    return parse_iso(made["timestamp"])


def _context(line: bytes) -> tuple[str, str]:
    """What kind of evidence a line is, and the text that stood in the context; empty for no evidence."""
    made = _parsed(line)
    match made.get("type"):
        case "attachment":
            attachment = made.get("attachment")
            kind = attachment.get("type") if isinstance(attachment, dict) else None
            if kind == "hook_additional_context" or (kind == "hook_success" and "rendered" in made):
                event = attachment.get("hookEvent", "") if isinstance(attachment, dict) else ""
                return f"{kind} ({event})", _text(made.get("rendered")) or _text(attachment)
        case "api-request-blob":
            message = made.get("message")
            if isinstance(message, dict) and message.get("role") in {"user", "system"}:
                return f"api-request-blob ({message['role']})", _text(message.get("content"))
        case "user" if made.get("isMeta") is True:
            return "user (Stop hook feedback)", _text(made.get("message"))
    return "", ""


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        made = wire.loads(line)
    except UnreadableJson:
        return {}
    return made if isinstance(made, dict) else {}


def _text(value: object) -> str:
    """All text inside a JSON value."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    if isinstance(value, dict):
        return "\n".join(_text(value[key]) for key in ("content", "text") if key in value)
    return ""
