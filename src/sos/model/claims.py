"""Single values that others claim: each function takes anything and gives something sound, and none of them raises."""

from __future__ import annotations

from sos.model import wire
from sos.model.digests import sha256
from sos.model.errors import UnreadableJson
from sos.model.ids import text_of
from sos.model.messages import MAX_TEXT
from sos.model.times import MAX_DURATION, SECOND, Millis, parse_iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.ids import MessageId

MAX_FIELD = 4 * MAX_TEXT
"""Bytes of one field that are looked at."""


def mark(pairs: list[tuple[Any, Any]]) -> str:
    """A digest of the fields of an entry, 16 hexadecimal digits: the same for the same fields, in any order."""
    raw = sorted((_bytes(name), _bytes(value)) for name, value in pairs)
    return sha256(b"".join(b"%d:%b%d:%b" % (len(name), name, len(value), value) for name, value in raw)).hex()[:16]


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def clean(value: str | bytes, limit: int) -> str:
    """Unicode without lone surrogates, of at most `limit` bytes; what is no UTF-8 stands as visible escapes."""
    raw = value if isinstance(value, bytes) else value[:limit].encode("utf-8", "backslashreplace")
    return raw[:limit].decode("utf-8", "backslashreplace").encode("utf-8")[:limit].decode("utf-8", "ignore")


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """The text, or as much of it as `limit` bytes hold together with a note that says so."""
    raw = text.encode("utf-8")
    if len(raw) <= limit:
        return text
    note = f"\n(cut here: {len(raw)} bytes)"
    return raw[: limit - len(note)].decode("utf-8", "ignore") + note


def as_text(value: object) -> str:
    """A value as text: strings as they are, everything else as JSON."""
    if value is None:
        return ""
    return clean(value if isinstance(value, str) else wire.dumps(value), MAX_FIELD)


def json_object(text: str) -> dict[str, Any] | None:
    """A JSON object, or None where the text is none."""
    try:
        value = wire.loads(text)
        wire.dumps(value)  # what is nested too deeply to be written again is not taken apart either
    except (UnreadableJson, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def body(text: str) -> dict[str, Any]:
    """A payload: a JSON object, or (as one sender wrote it for weeks, and every receiver dropped it) the bare text."""
    found = json_object(text)
    if found is not None:
        return found
    try:
        value = wire.loads(text)
    except (UnreadableJson, RecursionError):
        return {"text": text}
    return {"text": value if isinstance(value, str) else text}


def identifier(value: object) -> MessageId | None:
    """A message id in any of the spellings of a UUID, or None."""
    digits = value.strip().lower().replace("-", "") if isinstance(value, str) and len(value) < 80 else ""
    if len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    return text_of(bytes.fromhex(digits))


def thread(value: object) -> str | None:
    """A thread id within its limits, or None."""
    usable = isinstance(value, str) and 0 < len(value) <= 64 and value.isascii() and value.isprintable()
    return str(value) if usable else None


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or (isinstance(value, str) and len(value) > 40):
        return None
    try:
        made = float(value)
    except (ValueError, OverflowError):
        return None
    return made if abs(made) < 1e15 else None  # NaN is not less than anything


def whole(value: object, low: int, high: int) -> int:
    """A whole number within bounds; the lower one where there is none."""
    made = number(value)
    return low if made is None else max(low, min(int(made), high))


def time(value: object) -> Millis | None:
    """A claimed time: RFC 3339 (without a zone it is UTC, as older senders mean it), seconds, or milliseconds."""
    made = number(value)
    if made is not None:
        millis = int(made * SECOND if made < 1e11 else made)
        return Millis(millis) if millis > 0 else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    return parse_iso(value) or parse_iso(value + "Z")


def span(until: int | None, start: int) -> int | None:
    """A span from `start`, or None where there is none that a message may have."""
    return None if until is None or not 0 < until - start <= MAX_DURATION else until - start
