"""Time as whole milliseconds since 1970 in UTC: what stores keep, and how people read and write it.

Integers rather than datetimes, since every command loads this and `datetime` is not free; the text form is RFC 3339.
"""

from __future__ import annotations

import time

from sos.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    Millis = NewType("Millis", int)
else:
    Millis = int

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
MAX_DURATION = 366 * DAY
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999: later ones have no RFC 3339 form. (For what is read from files that may be damaged.)"""


def iso(at: Millis) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-24T00:16:03.120Z."""
    seconds, millis = divmod(at, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{millis:03d}Z"


def parse_iso(text: str) -> Millis | None:
    """Read RFC 3339 in UTC (`Z` or `+00:00`, any number of decimals). None where it is not that: foreign data."""
    body = text[:-1] if text.endswith("Z") else text[:-6] if text.endswith("+00:00") else ""
    whole, _, fraction = body.partition(".")
    digits = whole[:4] + whole[5:7] + whole[8:10] + whole[11:13] + whole[14:16] + whole[17:] + fraction
    if len(whole) != 19 or whole[4::3] != "--T::" or not (digits.isdigit() and digits.isascii()):
        return None
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    days = _days(year, month, day)
    if time.gmtime(days * 86400).tm_mday != day:
        return None  # 30 February
    return Millis((days * 86400 + hour * 3600 + minute * 60 + second) * 1000 + int((fraction + "000")[:3]))


def _days(year: int, month: int, day: int) -> int:
    # Days since 1970 in the Gregorian calendar; March is month 0 so that the leap day comes last.
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (year // 400) * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719468


def parse_duration(text: str) -> int:
    """Milliseconds of `30s`, `5m`, `1h`, `2d`, `250ms`. Raises InvalidInput; at most a year."""
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = _UNITS.get(text[len(digits) :])
    if unit is None or not (digits.isdigit() and digits.isascii()) or len(digits) > 12:
        raise InvalidInput(f"{text[:80]!a} is not a duration", next_step="write it like 30s, 5m, 1h or 2d")
    span = int(digits) * unit
    if not 0 < span <= MAX_DURATION:
        raise InvalidInput(f"{text[:80]!a} is out of range", next_step="use more than 0 and at most 366d")
    return span


def ago(span: int) -> str:
    """A span in the largest unit that fits, as people say it: 3 m, 2 h, 5 d."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if span >= size:
            return f"{span // size} {unit}"
    return f"{max(span, 0) // SECOND} s"


def left(span: int) -> str:
    """The time until a deadline in its two largest units, begun seconds counted as whole: 5 m, 4 m 58 s, 2 h 10 m."""
    seconds = max(-(-span // SECOND), 0)
    found = [f"{count} {unit}" for unit, count in zip("dhms", _parts(seconds), strict=True) if count]
    return " ".join(found[:2]) or "0 s"


def _parts(seconds: int) -> tuple[int, int, int, int]:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return (*divmod(hours, 24), minute, second)
