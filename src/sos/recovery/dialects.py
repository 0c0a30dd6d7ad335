"""The dialects that runtimes' configs are written in: a strict reading, and one that saves what it can. Bytes in, no I/O.

`json` is what JSON.parse takes; `json-comments` allows comments, `jsonc` also commas before a closing bracket.
"""

from __future__ import annotations

import json

from sos.model.record import Record
from sos.recovery import homing, jsonlayout, jsontext, jsontokens, merging, tomltext
from sos.recovery.jsonparts import KINDS
from sos.recovery.places import Places
from sos.recovery.sides import sides
from sos.recovery.tomltext import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.configs import Dialect
    from sos.recovery.jsonparts import Astray, Read
    from sos.recovery.merging import Conflict, Joined
    from sos.recovery.sides import Side

ALLOWED: dict[Dialect, frozenset[str]] = {
    "json": frozenset(),
    "json-comments": frozenset(("comment",)),
    "jsonc": frozenset(("comment", "trailing")),
    "toml": frozenset(),
}
_NO_DOCUMENT = "nothing of it can be read"


class Unreadable(ValueError):
    """It does not parse; the message says why and where."""


class Salvage(Record):
    """What could be saved of a broken document, before anything else is laid under it."""

    dialect: Dialect
    #: None where nothing could be saved.
    value: Any
    #: What is wrong, each with its line and column.
    problems: tuple[str, ...]
    #: Names of keys that had begun and are not complete, as far as they are known.
    unsaved: tuple[str, ...]
    #: Whether all that was there is in the value.
    whole: bool
    #: Keys that both sides of a conflict, or two documents in a row, have with different values.
    conflicts: tuple[Conflict, ...] = ()
    #: Further documents that were found in it, whose missing keys are kept.
    others: tuple[Any, ...] = ()
    #: What was complete in an object whose beginning is lost.
    astray: tuple[Astray, ...] = ()
    read: Read | Lines | None = None


class Mended(Record):
    """A document that parses again."""

    data: bytes
    value: Any
    #: Names of keys that came from elsewhere.
    added: tuple[str, ...]
    conflicts: tuple[Conflict, ...]


def strict(data: bytes, dialect: Dialect, *, bom: bool = False) -> Any:
    """The value of a sound document, as the runtime's own parser takes it. Raises Unreadable.

    Bytes that are not UTF-8 are sound inside of JSON strings: those parsers put a replacement character there.
    """
    if bom:
        data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        if dialect == "toml":
            return tomltext.parse(data.decode())
        text = data.decode("utf-8", "surrogateescape")
        if dialect != "json":
            text = _plain(text, dialect)
        return json.loads(text, parse_int=jsontokens.number, parse_constant=_no_constant)
    except ValueError as error:
        raise Unreadable(str(error)) from error
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error


def _plain(text: str, dialect: Dialect) -> str:
    """JSON without what the dialect allows beyond it: still broken where it was."""
    found = jsontext.read(text)
    return found.edited(KINDS - ALLOWED[dialect])


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def salvage(data: bytes, dialect: Dialect) -> Salvage:
    """What of a broken document can be saved. Raises Unreadable where it is nested too deeply to be looked into."""
    text, remarks = _decoded(data)
    pair = sides(text)
    try:
        if pair is None:
            found = _one(text, dialect, Places(text))
        else:
            ours, theirs = (_one(side.text, dialect, Places(side.text, side.lines)) for side in pair)
            found = _better(ours, theirs, pair)
    except jsontext.TooDeep as error:
        raise Unreadable(str(error)) from error
    return found.replace(problems=(*remarks, *found.problems))


def _decoded(data: bytes) -> tuple[str, list[str]]:
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[2 : len(data) & ~1].decode(name, "replace"), ["the text is UTF-16, not UTF-8"]
    if len(data) > 3 and data[0] and data[2] and not data[1] and not data[3]:
        return data[: len(data) & ~1].decode("utf-16-le", "replace"), ["the text is UTF-16, not UTF-8"]
    return data.decode("utf-8", "surrogateescape"), []


def _one(text: str, dialect: Dialect, places: Places) -> Salvage:
    if dialect == "toml":
        lines = tomltext.read(text, places)
        return Salvage(dialect=dialect, value=lines.value or None, problems=tuple(lines.places.said()), whole=lines.whole,
                       unsaved=tuple(lines.unsaved), others=lines.others, read=lines if lines.value else None)  # fmt: skip
    read = jsonlayout.read(text, places)
    value = read.root.value if read.root is not None and (read.root.value or read.whole) else None
    others = list(read.shadowed)
    if read.rest >= 0 and text[read.rest] in "{[":
        second: Read | None = jsonlayout.read(text[read.rest :])
    else:
        second = jsonlayout.tail(read)
    others += [second.root.value] if second is not None and second.root is not None else []
    return Salvage(dialect=dialect, value=value, problems=tuple(read.places.said(ALLOWED[dialect])), whole=read.whole,
                   unsaved=tuple(read.unsaved), others=tuple(others), astray=read.astray,
                   read=None if value is None else read)  # fmt: skip


def _better(ours: Salvage, theirs: Salvage, pair: tuple[Side, Side]) -> Salvage:
    """One side of a conflict with the other below it: ours, but where only theirs can be read whole."""
    first, second, names = ours, theirs, (pair[0].name, pair[1].name)
    if ours.read is None or (theirs.whole and not ours.whole):
        first, second, names = theirs, ours, names[::-1]
    said = f"conflict markers of git: {names[0]} is kept, with the keys that only {names[1]} has"
    below = () if second.value is None else (second.value,)
    return first.replace(problems=(said, *first.problems), others=(*first.others, *below, *second.others),
                         astray=(*first.astray, *second.astray),
                         unsaved=(*first.unsaved, *second.unsaved), whole=first.whole and second.whole)  # fmt: skip


def mend(found: Salvage, base: Any = None) -> Mended:
    """A sound document of what was saved, with what only `base` has (None: there is none). Raises Unreadable where it cannot be.

    The text stays as it was but for the smallest edits; where that cannot be, it is written anew from its value.
    """
    if found.read is None:
        raise Unreadable(_NO_DOCUMENT)
    homes: tuple[Any, ...] = ()
    if found.astray:
        known = merging.join(found.value, (*found.others, base)).value
        homes = homing.documents(found.astray, found.value, known)
    text, joined = _joined(found, (*found.others, *homes, base))
    return Mended(data=_encoded(text, found.dialect, joined.value), value=joined.value, added=joined.added,
                  conflicts=joined.conflicts)  # fmt: skip


def _joined(found: Salvage, others: tuple[Any, ...]) -> tuple[str, Joined]:
    read = found.read
    if isinstance(read, Lines):
        joined = merging.join(found.value, others)
        try:
            text = tomltext.written(read, joined.missing, joined.value) if joined.added else read.text
            return text.rstrip("\n") + "\n", joined
        except ValueError as error:
            raise Unreadable(str(error)) from error
    assert read is not None
    joined = merging.join(found.value, others, read.root, read.text)
    return read.edited(ALLOWED[found.dialect], joined.edits), joined


def _encoded(text: str, dialect: Dialect, value: Any) -> bytes:
    """The bytes of a text whose value must be this one."""
    for made in (text, None):
        if made is None and dialect == "toml":
            break
        made = merging.dumps(value, "  ") + "\n" if made is None else made
        try:
            data = made.encode("utf-8", "surrogateescape")
            if strict(data, dialect) == value:
                return data
        except ValueError:  # not readable, or half a character
            continue
    raise Unreadable("no sound document could be made of it")
