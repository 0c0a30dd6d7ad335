"""Reads broken TOML: its statements (tables, and keys with their values) that parse on their own are kept, the others named."""

from __future__ import annotations

import re
import tomllib

from sos.model.record import Record
from sos.recovery.merging import dumps
from sos.recovery.places import Places, end_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Kind = Literal["space", "header", "pair"]

LONGEST = 400
"""Lines that an array without its end is looked for in."""
MOST_TRIES = 5000
"""Attempts at the ends of such arrays, in all: what bounds the time of a hostile file."""
MOST_CLASHES = 50
_LINE = re.compile(r"\(at line (\d+)")
_QUOTES = re.compile(r'=\s*(\'\'\'|""")')
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Statement(Record):
    """A line, or several that belong together: from `start` to before `end`, counted from 0."""

    start: int
    end: int
    kind: Kind
    text: str
    #: What it says by itself.
    value: dict[str, Any]


class Lines(Record):
    """What was read."""

    text: str
    value: dict[str, Any]
    statements: tuple[Statement, ...]
    places: Places
    unsaved: list[str]
    whole: bool
    #: What stood there twice: complete, and not part of the text any more.
    others: tuple[dict[str, Any], ...]


def parse(text: str) -> dict[str, Any]:
    """A strict TOML document. Raises ValueError with the reason, also for what is nested too deeply or is no Unicode."""
    text.encode()
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _try(text: str) -> dict[str, Any] | None:
    try:
        return parse(text)
    except ValueError:
        return None


def read(text: str, places: Places | None = None) -> Lines:
    """Read TOML that may be broken."""
    reader = _Reader(text, places or Places(text))
    reader.read()
    value = reader.agree()
    return Lines(text="\n".join(each.text for each in reader.kept), value=value, statements=tuple(reader.kept),
                 places=reader.places, unsaved=reader.unsaved, whole=reader.whole, others=tuple(reader.others))  # fmt: skip


class _Reader:
    def __init__(self, text: str, places: Places) -> None:
        self.places = places
        if text.startswith("\ufeff"):
            text = text.lstrip("\ufeff")
            places.add(0, "it begins with a byte order mark", "fault")
        cut = text[: end_of(text)]
        if len(cut) < len(text):
            places.add(len(cut), f"{len(text) - len(cut)} NUL bytes at the end")
        self.whole = len(cut) == len(text)
        self.lines = cut.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.kept: list[Statement] = []
        self.unsaved: list[str] = []
        self.others: list[dict[str, Any]] = []
        self.tries = MOST_TRIES
        #: Whether the table is unknown that the next keys belong to.
        self.astray = False

    def read(self) -> None:
        """Take the lines apart."""
        at = 0
        while at < len(self.lines):
            line = self.lines[at].strip()
            if not line or line.startswith("#"):
                if not self.keep(at, at + 1, "space"):
                    self.lose(at, "a comment with a character that TOML has not")
                at += 1
            elif line.startswith("["):
                self.header(at)
                at += 1
            else:
                at = self.pair(at)

    def keep(self, start: int, end: int, kind: Kind, text: str | None = None) -> bool:
        text = "\n".join(self.lines[start:end]) if text is None else text
        value = _try(text)
        if value is not None:
            self.kept.append(Statement(start=start, end=end, kind=kind, text=text, value=value))
        return value is not None

    def lose(self, at: int, why: str, name: str = "") -> None:
        self.whole = False
        self.places.add(self.starts[at], why)
        if name:
            self.unsaved.append(name)

    def header(self, at: int) -> None:
        line = self.lines[at].rstrip()
        self.astray = not self.keep(at, at + 1, "header")
        if self.astray and at + 1 < len(self.lines):
            closing = "]]" if line.lstrip().startswith("[[") else "]"
            self.astray = not self.keep(at, at + 1, "header", line.rstrip("]") + closing)
            if not self.astray:
                self.whole = False  # the name itself may be cut off as well: what a backup says counts
                self.places.add(self.starts[at], "a table's name lacks its bracket", "fault")
        if self.astray:
            self.lose(at, "a table's name cannot be read, nor what stands in it", line.strip("[] \t")[:60])

    def pair(self, at: int) -> int:
        """A key and its value, over as many lines as it takes; the line behind it."""
        name = self.lines[at].partition("=")[0].strip()[:60]
        end = self.ending(at)
        if end is None:
            quote = _QUOTES.search(self.lines[at])
            self.lose(at, f"{name or 'a line'} has no readable value", name)
            # The lines of a text without an end look like keys, and are none.
            return len(self.lines) if quote and self.lines[at].count(quote[1]) % 2 else at + 1
        if self.astray:
            self.unsaved.append(name)
        elif end == len(self.lines) and self.is_open(at, end):
            self.lose(at, f"the text ends inside of {name}", name)
        else:
            self.keep(at, end, "pair")
        return end

    def ending(self, at: int) -> int | None:
        text = self.lines[at]
        if _try(text) is not None:
            return at + 1
        quote = _QUOTES.search(text)
        if quote is None and not re.search(r"=\s*[\[{]", text):
            return None
        for end in range(at + 2, min(len(self.lines), at + LONGEST if quote is None else len(self.lines)) + 1):
            line = self.lines[end - 1]
            if (quote[1] not in line) if quote else ("]" not in line and "}" not in line):
                continue
            self.tries -= 1
            if self.tries < 0:
                return None
            if _try("\n".join(self.lines[at:end])) is not None:
                return end
        return None

    def is_open(self, start: int, end: int) -> bool:
        """Whether a value at the very end of the text might go on: a number, a word, a date, or quotes that were to be three."""
        last = self.lines[end - 1]
        if last.endswith(('""', "''")):
            return True
        value: Any = parse("\n".join(self.lines[start:end]))
        while isinstance(value, dict) and len(value) == 1:
            (value,) = value.values()
        return not isinstance(value, str | list | dict) and "#" not in last and last == last.rstrip()

    def agree(self) -> dict[str, Any]:
        """The value of all statements together, without those that clash with earlier ones."""
        for _ in range(MOST_CLASHES):
            try:
                return parse("\n".join(each.text for each in self.kept))
            except ValueError as error:
                found = _LINE.search(str(error))
                number = int(found[1]) if found else sum(each.text.count("\n") + 1 for each in self.kept)
                self.leave_out(number)
        self.whole = False
        self.kept.clear()
        return {}

    def leave_out(self, number: int) -> None:
        """Leave out the statement of a line, a table with all that stands in it; what it says is kept beside."""
        place, line = 0, self.kept[0].text.count("\n") + 1
        while line < number and place + 1 < len(self.kept):
            place += 1
            line += self.kept[place].text.count("\n") + 1
        header = next((back for back in range(place, -1, -1) if self.kept[back].kind == "header"), None)
        end = place + 1
        if self.kept[place].kind == "header":
            while end < len(self.kept) and self.kept[end].kind != "header":
                end += 1
        first = "" if header is None or header == place else self.kept[header].text + "\n"
        value = _try(first + "\n".join(each.text for each in self.kept[place:end]))
        name = self.kept[place].text.partition("=")[0].strip("[] \t\r")[:60]
        self.places.add(
            self.starts[self.kept[place].start], f"{name} stands there twice, or clashes with what is before it", "fault"
        )
        if value is None:
            self.whole = False
            self.unsaved.append(name)
        else:
            self.others.append(value)
        del self.kept[place:end]


def written(lines: Lines, missing: tuple[tuple[tuple[str | int, ...], Any], ...], value: dict[str, Any]) -> str:
    """The text with missing keys (paths and values) written in, or, where that cannot be done, all of the value anew.

    Raises ValueError for what TOML has no form for.
    """
    after: dict[tuple[str, ...], int] = {(): 0}
    texts = [each.text for each in lines.statements]
    for place, each in enumerate(lines.statements):
        if each.kind == "header":
            after.setdefault(_path(each.value), place + 1)
    inserts: list[tuple[int, str]] = []
    for steps, each_value in missing:
        parent, last = tuple(str(step) for step in steps[:-1]), str(steps[-1])
        if isinstance(each_value, dict):
            inserts.append((len(texts), emit(each_value, (*parent, last))))
        elif parent in after:
            inserts.append((after[parent], f"{_key(last)} = {_inline(each_value)}"))
        else:
            return emit(value)
    for place, text in sorted(inserts, key=lambda insert: insert[0], reverse=True):
        texts.insert(place, text)
    made = "\n".join(texts)
    return made if _try(made) == value else emit(value)


def _path(value: Any) -> tuple[str, ...]:
    steps: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        steps.append(key)
    return tuple(steps)


def emit(value: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """A table as TOML text, tables inside it with headers of their own. Raises ValueError."""
    lines = [f"\n[{'.'.join(map(_key, path))}]"] if path else []
    lines += [f"{_key(key)} = {_inline(each)}" for key, each in value.items() if not isinstance(each, dict)]
    lines += [emit(each, (*path, key)) for key, each in value.items() if isinstance(each, dict)]
    return "\n".join(lines) + ("" if path else "\n")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    return dumps(text).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_inline(each)}" for key, each in value.items()) + "}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise ValueError(f"{type(value).__name__} has no form in TOML")
