"""Lays what a backup (or the other side of a conflict) has under what was saved: nothing of either is lost.

Objects are merged key by key. Any other value that differs stays as it was saved, and is a conflict that is said. An array that
was cut off keeps its complete elements, and what the backup has behind them follows.
"""

from __future__ import annotations

import json
import re

from sos.model.record import Record
from sos.recovery.jsonparts import Edit, indent, path_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.recovery.jsonparts import Part

    Steps = list[str | int]

_SURROGATE = re.compile("[\ud800-\udfff]")
_ABSENT = object()


class Conflict(Record):
    """A key with two values: the one that stays, and the other."""

    key: str
    kept: Any
    other: Any


class Joined(Record):
    """What a merge made."""

    value: Any
    #: Names of what came from the other document.
    added: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    #: The same with their paths and values.
    missing: tuple[tuple[tuple[str | int, ...], Any], ...]
    #: What has to be written into the text for it.
    edits: tuple[Edit, ...] = ()


class _Joining:
    def __init__(self, text: str) -> None:
        self.text = text
        self.missing: list[tuple[tuple[str | int, ...], Any]] = []
        self.conflicts: list[Conflict] = []
        self.edits: list[Edit] = []

    def made(self, value: Any) -> Joined:
        return Joined(value=value, added=tuple(path_text(list(steps)) for steps, _ in self.missing), missing=tuple(self.missing),
                      conflicts=tuple(self.conflicts), edits=tuple(self.edits))  # fmt: skip


def join(top: Any, others: tuple[Any, ...], part: Part | None = None, text: str = "") -> Joined:
    """Lay other documents under a value, the first of them nearest; `part` is what it was read as from `text`, if there is one.

    Documents of another kind than the value (an array under an object) are passed over.
    """
    said, value = _Joining(text), top
    for other in others:
        if isinstance(other, type(top)):
            value = _join(part, value, other, [], said)
    # What is missing is what all of them together have beyond the value: with them one after the other, a key of the last could
    # belong into what the first had brought.
    into = _Joining(text)
    into.conflicts = said.conflicts
    return into.made(_join(part, top, value, [], into))


def _join(part: Part | None, top: Any, other: Any, steps: Steps, into: _Joining) -> Any:
    if isinstance(top, dict) and isinstance(other, dict):
        merged: Any = dict(top)
        pairs: list[tuple[str | int, Any]] = list(other.items())
    elif isinstance(top, list) and isinstance(other, list) and part is not None and not part.finished:
        merged = list(top)
        pairs = list(enumerate(other))
    else:
        if top != other:
            into.conflicts.append(Conflict(key=path_text(steps), kept=top, other=other))
        return top
    missing: list[tuple[str | int, Any]] = []
    for key, theirs in pairs:
        ours = (
            top.get(key, _ABSENT) if isinstance(top, dict) else top[key] if isinstance(key, int) and key < len(top) else _ABSENT
        )
        if ours is _ABSENT:
            missing.append((key, theirs))
            into.missing.append(((*steps, key), theirs))
            if isinstance(merged, list):
                merged.append(theirs)
            else:
                merged[key] = theirs
        else:
            merged[key] = _join(part.parts.get(key) if part else None, ours, theirs, [*steps, key], into)
    if part is not None and missing:
        into.edits.append(_insertion(part, missing, into.text))
    return merged


def _insertion(part: Part, missing: list[tuple[str | int, Any]], text: str) -> Edit:
    """Members written behind the last one of a part, as it is written: a line each, or all in one."""
    named = isinstance(part.value, dict)
    pad, step = " ", None
    if part.count and text[: part.last].rstrip(" \t").endswith("\n"):
        inner = indent(text, part.last)
        outer = indent(text, part.at)
        pad, step = "\n" + inner, inner.removeprefix(outer) or "  "
    written = [(f"{dumps(key)}: " if named else "") + dumps(value, step).replace("\n", pad) for key, value in missing]
    first = f",{pad}" if part.count else ""
    return Edit(start=part.end, end=part.end, text=first + f",{pad}".join(written), kind="close", order=part.order + 0.2)


def dumps(value: Any, step: str | None = None) -> str:
    """A value as JSON text that any encoding carries: what is half a character is written as its escape."""
    text = json.dumps(value, indent=step, ensure_ascii=False, default=str)  # TOML has dates
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
