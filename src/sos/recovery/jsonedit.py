"""Changes a JSON text that parses at one place, and leaves every other character as it is: comments, order, spacing.

Steps name a place: keys of objects, from the outside in. Comments and a comma before a closing bracket are read where they stand.
"""

from __future__ import annotations

import json

from sos.recovery.jsonparts import indent
from sos.recovery.jsontext import TOKEN
from sos.recovery.merging import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STEP = "  "
"""How much deeper a member stands than its object, where the text does not show it."""


class Value:
    """A value of the text: where it stands, and what it holds."""

    __slots__ = ("end", "members", "opening", "start")

    def __init__(self, start: int, opening: str) -> None:
        self.start, self.end = start, start
        #: `{` or `[`; empty for a string, number or word.
        self.opening = opening
        self.members: list[Member] = []

    def member(self, key: str) -> Member | None:
        """The member of this key that counts: the last one."""
        return next((each for each in reversed(self.members) if each.key == key), None)


class Member:
    """One member of an object, or element of an array (then without a key)."""

    __slots__ = ("comma", "key", "start", "value")

    def __init__(self, start: int, key: str | None) -> None:
        self.start, self.key = start, key
        self.value = Value(start, "")
        #: Where the comma behind it stands, or -1.
        self.comma = -1


def read(text: str) -> Value:
    """The places of a text that parses. Raises ValueError where it is no object."""
    open_: list[Value] = []
    root: Value | None = None
    key: tuple[str, int] | None = None
    for found in TOKEN.finditer(text):
        kind, start, end = found.lastgroup, found.start(), found.end()
        if kind == "open":
            made = Value(start, text[start])
            if open_:
                _take(open_[-1], made, key)
            root, key = root or made, None
            open_.append(made)
        elif kind == "close":
            open_.pop().end = end
        elif kind == "comma":
            open_[-1].members[-1].comma = start
        elif kind == "string" and open_ and open_[-1].opening == "{" and key is None:
            key = json.loads(text[start:end]), start
        elif kind in {"string", "word"}:
            made = Value(start, "")
            made.end = end
            if open_:
                _take(open_[-1], made, key)
            key = None
    if root is None or root.opening != "{":
        raise ValueError("it is no object")
    return root


def _take(outer: Value, value: Value, key: tuple[str, int] | None) -> None:
    member = Member(value.start if key is None else key[1], None if key is None else key[0])
    member.value = value
    outer.members.append(member)


def value_at(value: Any, steps: tuple[str, ...]) -> Any:
    """What stands at a place in a document that was parsed; None where nothing does."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def put(text: str, steps: tuple[str, ...], value: Any) -> str:
    """Set the member at a place. Raises ValueError where something on the way is no object."""
    holder, left = _descend(read(text), steps)
    known = holder.member(left[0]) if len(left) == 1 else None
    if known is not None:
        return (
            text[: known.value.start] + _written(value, indent(text, known.start), _step(text, holder)) + text[known.value.end :]
        )
    for step in reversed(left[1:]):
        value = {step: value}
    return _insert(text, holder, value, left[0])


def append(text: str, steps: tuple[str, ...], value: Any) -> str:
    """Add an element behind the last one of the array at a place. Raises ValueError where it is no array."""
    holder, left = _descend(read(text), steps)
    known = holder.member(left[0]) if len(left) == 1 else None
    if known is None:
        return put(text, steps, [value])
    if known.value.opening != "[":
        raise ValueError(f"{'.'.join(steps)} is no list")
    return _insert(text, known.value, value, None)


def take(text: str, steps: tuple[str, ...], which: Callable[[Any], bool] | None = None) -> str:
    """Take away the member at a place, or with `which` the elements of its array that are meant; what is empty then goes too."""
    holder, left = _descend(read(text), steps)
    known = holder.member(left[0]) if len(left) == 1 else None
    if known is None:
        return text
    if which is not None:
        for number in range(len(known.value.members) - 1, -1, -1):
            each = known.value.members[number]
            if which(_parsed(text, each.value)):
                return take(_without(text, known.value, number), steps, which)
        if known.value.members:
            return text
    text = _without(text, holder, holder.members.index(known))
    outer, rest = _descend(read(text), steps[:-1]) if len(steps) > 1 else (None, ())
    if outer is not None and len(rest) == 1 and (above := outer.member(rest[0])) is not None and not above.value.members:
        return take(text, steps[:-1])
    return text


def _descend(root: Value, steps: tuple[str, ...]) -> tuple[Value, tuple[str, ...]]:
    """The innermost object on the way that is there, and the steps that are left (one or more)."""
    holder = root
    while len(steps) > 1 and (known := holder.member(steps[0])) is not None:
        if known.value.opening != "{":
            raise ValueError(f"{steps[0]} is no object")
        holder, steps = known.value, steps[1:]
    return holder, steps


def _parsed(text: str, value: Value) -> Any:
    """The value that stands there, comments and commas too many left out."""
    parts: list[str] = []
    for found in TOKEN.finditer(text, value.start, value.end):
        if found.lastgroup == "close" and parts and parts[-1] == ",":
            parts.pop()
        if found.lastgroup not in {"space", "comment"}:
            parts.append(found[0])
    return json.loads("".join(parts))


def _insert(text: str, holder: Value, value: Any, key: str | None) -> str:
    many = "\n" in text[holder.start : holder.end] or not holder.members
    step = _step(text, holder)
    outer = indent(text, holder.start)
    pad = indent(text, holder.members[-1].start) if many and holder.members else outer + step
    shown = _written(value, pad, step) if many else dumps(value)
    piece = shown if key is None else f"{json.dumps(key)}: {shown}"
    if not holder.members:
        inside = _inside(text, holder) or f"\n{outer}"
        return f"{text[: holder.start + 1]}\n{pad}{piece}{inside}{text[holder.end - 1 :]}"
    last = holder.members[-1]
    at = last.value.end if last.comma < 0 else last.comma + 1
    behind = _line_comment(text, at, holder.end)
    comma = "," if last.comma < 0 else ""
    between = f"\n{pad}" if many else " "
    return f"{text[:at]}{comma}{text[at:behind]}{between}{piece}{',' if last.comma >= 0 else ''}{text[behind:]}"


def _inside(text: str, holder: Value) -> str:
    """What stands in an object that has no member: comments stay, behind what is put in."""
    inside = text[holder.start + 1 : holder.end - 1]
    return inside if inside.strip() else ""


def _line_comment(text: str, at: int, end: int) -> int:
    """Behind the comment that follows on the same line, if one does."""
    line = text.find("\n", at, end)
    rest = text[at : line if line >= 0 else at].lstrip(" \t")
    return line if rest.startswith("//") or (rest.startswith("/*") and rest.rstrip().endswith("*/")) else at


def _without(text: str, holder: Value, number: int) -> str:
    member = holder.members[number]
    start, end = member.start, member.value.end
    while text[start - 1] in " \t":
        start -= 1
    if text[start - 1] == "\n":
        start -= 1 + (text[start - 2] == "\r")
    if member.comma >= 0:
        return text[:start] + text[end : member.comma] + text[member.comma + 1 :]
    if number:
        comma = holder.members[number - 1].comma
        return text[:comma] + text[comma + 1 : start] + text[end:]
    inside = text[holder.start + 1 : start] + text[end : holder.end - 1]
    return text[: holder.start + 1] + (inside if inside.strip() else "") + text[holder.end - 1 :]


def _step(text: str, holder: Value) -> str:
    """How much deeper the members of this text stand, as it shows itself."""
    if holder.members and "\n" in text[holder.start : holder.members[0].start]:
        deeper = indent(text, holder.members[0].start).removeprefix(indent(text, holder.start))
        return deeper or STEP
    root = text[text.find("{") :]
    line = root.partition("\n")[2]
    return line[: len(line) - len(line.lstrip(" \t"))] or STEP


def _written(value: Any, pad: str, step: str) -> str:
    return dumps(value, step).replace("\n", f"\n{pad}")
