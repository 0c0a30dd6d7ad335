"""Reads broken JSON by its lines: where brackets are lost or doubled, a key stays in the object that its indentation shows."""

from __future__ import annotations

import re

from sos.recovery.jsonparts import Part, Read, closing
from sos.recovery.jsontext import Reader
from sos.recovery.jsontokens import is_key
from sos.recovery.layout import Layout
from sos.recovery.places import Places

_BEHIND = re.compile(
    r"[ \t]*(?P<comma>,?)[ \t]*(?:(?P<end>\r?\n|//|/\*|\x00|\Z)|(?P<close>[}\]])|(?P<key>\"[^\"\\\n]*\"[ \t]*:)|.)", re.DOTALL
)


def read(text: str, places: Places | None = None) -> Read:
    """Read JSON that may be broken. Raises TooDeep.

    Lines are looked at only where something cannot be read, and only of a text whose lines are indented as it is nested.
    """
    plain = Reader(text, places or Places(text))
    plain.read()
    if plain.whole:
        return plain.done()
    layout = Layout(text)
    if not layout.trusted:
        return plain.done()
    reader = _ByLines(text, plain.places.again(), layout)
    reader.read()
    return reader.done()


class _ByLines(Reader):
    """The reader, with what the lines say before each key that begins one, and at each bracket that closes."""

    def __init__(self, text: str, places: Places, layout: Layout) -> None:
        super().__init__(text, places)
        self.layout = layout
        self.last_counts = False

    def begun(self, part: Part) -> None:
        """See `Reader.begun`."""
        part.row = self.layout.row(part.at)
        part.indent = self.layout.indent(part.row)
        outer = self.open[-1] if self.open else part
        if outer.row < part.row and outer.level >= 0 and not self.layout.is_whole(part.row):
            part.indent = outer.level  # its line does not begin as it did

    def token(self, kind: str, start: int, end: int, stop: int) -> bool:
        """See `Reader.token`."""
        if self.open and kind == "string" and is_key(self.text, end):
            if self.layout.leads(start):
                self.settle(start)
            else:
                self.beside(start)
        elif kind == "open" and self.is_doubled(start):
            self.damage(start, end, f"a second {self.text[start]}")
            return True
        return super().token(kind, start, end, stop)

    def is_doubled(self, start: int) -> bool:
        """Whether it is a second brace of the same object."""
        part = self.open[-1] if self.open else None
        if part is None or not isinstance(part.value, dict) or part.key is not None or part.count:
            return False
        return self.text[start] == "{" and self.text[part.at + 1 : start].strip() == ""

    def fits(self, part: Part, depth: int) -> bool:
        """Whether lines as deep as this are members of an object."""
        if not isinstance(part.value, dict):
            return False
        if part.level >= 0 or part.astray:
            return part.level == depth
        return not self.inline(part) and depth == part.indent + self.layout.step

    def inline(self, part: Part) -> bool:
        """Whether its first member stands on its own line."""
        at = part.key_at if part.key_at >= 0 else part.last
        return at >= 0 and self.layout.row(at) == part.row

    def settle(self, start: int) -> None:
        """A line begins with a key: it is a member of the object whose members stand as deep."""
        depth = self.layout.indent(self.layout.row(start))
        for place in range(len(self.open) - 1, -1, -1):
            part = self.open[place]
            if self.fits(part, depth):
                self.leave(place, start)
                part.level = depth
                if self.layout.row(start) in self.layout.cut:
                    self.lose_sight(start, -1)
                return
            if (part.astray and part.level < 0) or (isinstance(part.value, list) and self.open[place - 1].key is None):
                continue  # what has no key ends with a line that is no part of it
            if part.indent < depth and (not self.inline(part) or place == 0):
                if self.layout.is_level(depth) and isinstance(part.value, dict) and not part.astray:
                    self.leave(place, start)
                    self.lose_sight(start, depth)
                return

    def beside(self, start: int) -> None:
        """A key inside of a line: it is no member of the object whose member the line already holds."""
        part, row = self.open[-1], self.layout.row(start)
        if not isinstance(part.value, dict) or part.astray or part.row >= row:
            return
        first, depth = self.layout.lines[row]
        if part.level == depth if first == "key" else '"' in self.text[self.layout.starts[row] : start]:
            if part.key is not None:
                self.drop(start, "has no value")
            self.lose_sight(start, -1)

    def refuse(self, kind: str, start: int, end: int) -> None:
        """See `Reader.refuse`."""
        before = len(self.open)
        if kind == "open" and self.text[start] == "{":
            self.lose_sight(start, -1)
        if len(self.open) == before:
            super().refuse(kind, start, end)

    def lose_sight(self, start: int, depth: int) -> None:
        """What follows are members of an object whose beginning is lost."""
        if any(part.astray or not isinstance(part.value, dict) for part in self.open):
            return  # which element, or what of what is lost, it would belong to is not known
        if self.open[-1].key is not None:
            self.drop(start, "has no value")
        part = Part(start, "{")
        part.astray = True
        part.mark = len(self.edits)
        part.row = self.layout.row(start)
        part.level = depth
        part.indent = depth - self.layout.step if depth >= 0 else self.layout.indent(part.row)
        self.open.append(part)

    def leave(self, place: int, start: int) -> None:
        """End all parts inside of one, before what follows."""
        if len(self.open) - 1 == place:
            return
        where = start
        while where > self.open[-1].end and self.text[where - 1] in " \t\r\n":
            where -= 1
        if self.commented >= where or (self.edits and self.edits[-1].end > where) or not self.layout.leads(start):
            where = start
        while len(self.open) - 1 > place:
            part = self.open[-1]
            if part.astray:
                self.tidy(where)
                self.end(where, 0.0)
                continue
            many = where < start and not self.inline(part) and part.count > 0
            self.missing(where, "\n" + " " * part.indent if many else "", finished=False)

    def close(self, start: int) -> None:
        """See `Reader.close`."""
        place = self.meant(start)
        if place is None:
            self.damage(start, start + 1, f"{self.text[start]} closes nothing")
            return
        self.leave(place, start)
        part = self.open[-1]
        wanted = closing(part)
        self.tidy(start)
        if wanted != self.text[start]:
            self.damage(start, start + 1, f"{self.text[start]} stands where {wanted} belongs", text=wanted)
        self.end(start + 1, 0.0)

    def meant(self, start: int) -> int | None:
        """The part that a bracket closes; None where it closes nothing."""
        row = self.layout.row(start)
        kind: type = dict if self.text[start] == "}" else list
        if self.layout.leads(start):
            depth = self.layout.indent(row)
            same = [place for place, part in enumerate(self.open) if part.indent == depth and part.row < row]
            same = [place for place in same if not self.goes_on(place, start)]
            if same:
                return next((place for place in reversed(same) if isinstance(self.open[place].value, kind)), same[-1])
            if self.layout.is_level(depth):
                return None
        wanted = [place for place, part in enumerate(self.open) if isinstance(part.value, kind)]
        for place in (*wanted[-1:], len(self.open) - 1):
            if not self.goes_on(place, start):
                return place
        return None

    def goes_on(self, place: int, start: int) -> bool:
        """Whether what follows a bracket belongs to a part that is open, so that the bracket does not close it."""
        row = self.layout.row(start)
        found = _BEHIND.match(self.text, start + 1)
        assert found is not None or start + 1 == len(self.text)
        if found is not None and found["close"]:
            return False
        if found is not None and found["end"] is None:
            if place == 0:
                return True
            outer = self.open[place - 1]
            if not isinstance(outer.value, dict):
                return not found["comma"]
            return outer.row < row or not found["key"]
        first, depth = self.layout.ahead(row)
        inner = [part for part in self.open[place:] if not self.inline(part)]
        if first == "key":
            return any(self.fits(part, depth) for part in inner)
        if first == "close":
            return any(part.indent == depth for part in inner) and not any(part.indent == depth for part in self.open[:place])
        return False

    def complete(self, stop: int) -> int:
        """See `Reader.complete`."""
        place = next((place for place, part in enumerate(self.open) if part.astray), None)
        if place is not None:
            at = self.open[place].at
            while len(self.open) > place:
                if self.open[-1].count or self.open[-1].astray:
                    self.tidy(stop)
                    self.end(stop, 0.0, finished=False)
                else:
                    self.open.pop()
            self.partial = at
        return super().complete(stop)


def tail(read_: Read) -> Read | None:
    """What follows the end of a document, from the first line on that stands as deep as its members; None where nothing does."""
    if read_.rest < 0 or read_.root is None or read_.root.level < 0:
        return None
    layout = Layout(read_.text)
    for row in range(layout.row(read_.rest) + 1, len(layout.lines)):
        if layout.lines[row] == ("key", read_.root.level):
            return read("{\n" + read_.text[layout.starts[row] :])
    return None
