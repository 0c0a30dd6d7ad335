"""Finds where members belong whose object lost its name: in that of the backup, or of the text itself, that says the same."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.recovery.jsonparts import Astray

    Path = tuple[str, ...]

MOST_OBJECTS = 5000
"""Objects that are looked at for one of them."""
MOST_SEARCHES = 50
"""Of so many a place is looked for; the others stay in what they stood in."""


def documents(astray: tuple[Astray, ...], saved: Any, known: Any) -> tuple[Any, ...]:
    """All of them, as documents that are laid below what was saved; `known` is that with the backup already below it.

    No place is taken where another value would hide one of the members: so none is lost. What has no other place stays in the
    object that it stood in.
    """
    found: list[Any] = []
    for lost in astray[:MOST_SEARCHES]:
        left = lost.value
        while left:
            path = _best(lost, left, saved, known)
            there = at(known, path)
            mine = {key: value for key, value in left.items() if key in there} if lost.anywhere and path != lost.path else left
            found.append(_nested(path, mine))
            left = {key: value for key, value in left.items() if key not in mine}
    return (*found, *(_nested(lost.path, lost.value) for lost in astray[MOST_SEARCHES:]))


def _best(lost: Astray, left: dict[str, Any], saved: Any, known: Any) -> Path:
    best, most = lost.path, (0, 0)
    for path in _objects(known, () if lost.anywhere else lost.path):
        there, text = at(known, path), at(saved, path)
        if any(key in text and text[key] != value for key, value in left.items() if key in there):
            continue
        if text and not lost.anywhere and not left.keys() <= there.keys():
            continue  # it is another one, that lost nothing
        agreed = sum(key in there and there[key] == value for key, value in left.items())
        score = agreed, sum(key in there for key in left)
        if score > most:
            best, most = path, score
    return best


def _objects(known: Any, path: Path) -> list[Path]:
    """The paths of the objects below a path and of that itself, the nearest first."""
    found = [path]
    for each in found:
        if len(found) < MOST_OBJECTS:
            found += [(*each, key) for key, value in at(known, each).items() if isinstance(value, dict)]
    return found


def at(value: Any, path: Path) -> dict[str, Any]:
    """The object at a path; an empty one where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _nested(path: Path, value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value
