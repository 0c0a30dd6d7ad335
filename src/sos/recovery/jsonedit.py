"""Changes a JSON text that parses at one place, and leaves every other character as it is: comments, order, spacing.

Steps name a place: keys of objects, from the outside in. Comments and a comma before a closing bracket are read where they stand.
"""

from __future__ import annotations

import json

from sos.recovery.jsonparts import indent
from sos.recovery.jsontokens import TOKEN
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


def stands(value: Any, steps: tuple[str, ...]) -> bool:
    """Whether anything stands at a place in a document that was parsed, be it null."""
    outer = value_at(value, steps[:-1])
    return isinstance(outer, dict) and steps[-1] in outer


def put(text: str, steps: tuple[str, ...], value: Any) -> str:
    """Set the member at a place. Raises ValueError where something on the way is no object."""
    holder, left = _descend(read(text), steps)
    known = holder.member(left[0]) if len(left) == 1 else None
    if known is not None:
        shown = _written(value, _newline(text) + indent(text, known.start), _step(text, holder))
        return text[: known.value.start] + shown + text[known.value.end :]
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


def take(text: str, steps: tuple[str, ...], which: Callable[[Any], bool] | None = None, stay: int = 0) -> str:
    """Take away the member at a place, or with `which` the elements of its array that are meant.

    What is empty then goes too, but for the first `stay` levels of the place. Raises ValueError where something on the way is no
    object.
    """
    holder, left = _descend(read(text), steps)
    known = holder.member(left[0]) if len(left) == 1 else None
    if known is None:
        return text
    if which is not None:
        taken = [number for number, each in enumerate(known.value.members) if which(_parsed(text, each.value))]
        for number in reversed(taken):
            _, array = _place(text, steps)
            text = _without(text, array.value, number)
        holder, known = _place(text, steps)
        if known.value.members or not taken or stay >= len(steps):
            return text
    text = _without(text, holder, holder.members.index(known))
    for level in range(len(steps) - 1, stay, -1):
        holder, known = _place(text, steps[:level])
        if known.value.members:
            break
        text = _without(text, holder, holder.members.index(known))
    return text


def _place(text: str, steps: tuple[str, ...]) -> tuple[Value, Member]:
    """A member that is there, and the object that holds it."""
    holder, left = _descend(read(text), steps)
    known = holder.member(left[0])
    assert known is not None  # it was there before
    assert len(left) == 1
    return holder, known


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
    step, newline = _step(text, holder), _newline(text)
    outer = indent(text, holder.start)
    pad = indent(text, holder.members[-1].start) if many and holder.members else outer + step
    shown = _written(value, newline + pad, step) if many else dumps(value)
    piece = shown if key is None else f"{json.dumps(key)}: {shown}"
    if not holder.members:
        inside = _inside(text, holder) or newline + outer
        return f"{text[: holder.start + 1]}{newline}{pad}{piece}{inside}{text[holder.end - 1 :]}"
    last = holder.members[-1]
    at = last.value.end if last.comma < 0 else last.comma + 1
    behind = _line_comment(text, at, holder.end)
    comma = "," if last.comma < 0 else ""
    between = newline + pad if many else " "
    return f"{text[:at]}{comma}{text[at:behind]}{between}{piece}{',' if last.comma >= 0 else ''}{text[behind:]}"


def _inside(text: str, holder: Value) -> str:
    """What stands in an object that has no member: comments stay, behind what is put in."""
    inside = text[holder.start + 1 : holder.end - 1]
    return inside if inside.strip() else ""


def _line_comment(text: str, at: int, end: int) -> int:
    """Behind the comment that follows on the same line, if one does."""
    line = text.find("\n", at, end)
    line -= line > 0 and text[line - 1] == "\r"
    rest = text[at : line if line >= 0 else at].lstrip(" \t")
    return line if rest.startswith("//") or (rest.startswith("/*") and rest.rstrip().endswith("*/")) else at


def _without(text: str, holder: Value, number: int) -> str:
    """The text without a member and its comma. Every comment stays, and no line of one gets anything more to hold."""
    member = holder.members[number]
    start, end = member.start, member.value.end
    before, behind = text[holder.start + 1 : start], text[end : holder.end - 1]
    if member.comma >= 0:
        at = member.comma - end
        behind = behind[:at] + behind[at + 1 :]
    elif number:
        at = holder.members[number - 1].comma - holder.start - 1
        before = before[:at] + before[at + 1 :]
    line = before.rstrip(" \t")
    if line.endswith("\n") and behind.lstrip(" \t").startswith(("\n", "\r\n")):
        before = line[:-1].removesuffix("\r")  # it stood on lines of its own
        behind = behind.lstrip(" \t")
    elif not line.endswith("\n") and number == len(holder.members) - 1:
        before = line
    else:
        behind = behind.lstrip(" \t")
    inside = before + behind
    return text[: holder.start + 1] + (inside if inside.strip() else "") + text[holder.end - 1 :]


def _step(text: str, holder: Value) -> str:
    """How much deeper the members of this text stand, as it shows itself."""
    if holder.members and "\n" in text[holder.start : holder.members[0].start]:
        deeper = indent(text, holder.members[0].start).removeprefix(indent(text, holder.start))
        return deeper or STEP
    root = text[text.find("{") :]
    line = root.partition("\n")[2]
    return line[: len(line) - len(line.lstrip(" \t"))] or STEP


def _newline(text: str) -> str:
    """How the text ends its lines."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _written(value: Any, pad: str, step: str) -> str:
    return dumps(value, step).replace("\n", pad)
