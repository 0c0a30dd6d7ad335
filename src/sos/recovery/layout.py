"""How deep the lines of a text are indented: where brackets are lost, that shows which object a key belongs to."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    #: What a line begins with: a key, a bracket that closes, anything else, or nothing that counts (space, a comment).
    First = Literal["key", "close", "other", "none"]

_LINE = re.compile(
    r"""([ \t]*)(?:(?P<key>"[^"\\\n]*(?:\\.[^"\\\n]*)*"[ \t]*:)|(?P<close>[}\]])|(?P<none>[\r\n]|\Z|//|/\*)|(?P<other>.))""",
    re.DOTALL,
)
_OPENS = re.compile(r"[{\[][ \t\r]*\Z")
_BRACKET = re.compile(r"[ \t\ufeff]*[{\[]")
_MARKS = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"(?P<key>[ \t]*:)?|(?P<open>[{\[])|(?P<close>[}\]])')
FEW = 3
"""Of so many lines one may speak against the layout, for it is a broken text."""


class Layout:
    """The lines of a text, and how far they can be believed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: list[int] = []
        self.lines: list[tuple[First, int]] = []
        #: Lines that begin with a key, and close an object that does not begin on them: their own beginning is lost.
        self.cut: set[int] = set()
        #: The spaces that an object's members stand deeper than its line, and whether all do.
        self.step = 0
        self.trusted = False
        self._read()

    def _read(self) -> None:
        deeper: Counter[int] = Counter()
        flat = keys = beside = 0
        opened = -1
        at = 0
        for line in self.text.split("\n"):
            found = _LINE.match(line)
            assert found is not None, "its last pattern takes any character"
            first, depth = _first(found), len(found[1])
            self.starts.append(at)
            self.lines.append((first, depth))
            at += len(line) + 1
            if first == "none":
                continue
            if opened >= 0 and depth > opened:
                deeper[depth - opened] += 1
            elif opened >= 0 and first == "key":
                flat += 1
            opened = depth if (first != "other" or _BRACKET.match(line)) and _OPENS.search(line) else -1
            if first == "key":
                keys += 1
                beside += self._odd(line)
        if deeper:
            self.step, same = deeper.most_common(1)[0]
            # Where lines are gone between two, the second may stand several steps deeper.
            odd = flat + sum(count for depth, count in deeper.items() if depth % self.step)
            self.trusted = odd * FEW <= same and beside * FEW <= keys

    def _odd(self, line: str) -> bool:
        """Whether a line holds a second key of the same object, or closes one that does not begin on it."""
        depth, opened, keys, odd = 0, False, 0, False
        for mark in _MARKS.finditer(line):
            if mark["close"] and not opened:
                self.cut.add(len(self.lines) - 1)
                return True
            opened = opened or bool(mark["open"])
            depth += bool(mark["open"]) - bool(mark["close"])
            keys += bool(mark["key"])
            odd = odd or (bool(mark["key"]) and depth <= 0 and keys > 1)
        return odd

    def row(self, at: int) -> int:
        """The line of an offset, counted from 0."""
        return bisect_right(self.starts, at) - 1

    def indent(self, row: int) -> int:
        """The width of the space that a line begins with."""
        return self.lines[row][1]

    def leads(self, at: int) -> bool:
        """Whether an offset is the first of its line that is no space."""
        row = self.row(at)
        return self.starts[row] + self.lines[row][1] == at

    def is_whole(self, row: int) -> bool:
        """Whether a line begins with what lines of a config begin with."""
        return self.lines[row][0] != "other" or _BRACKET.match(self.text, self.starts[row]) is not None

    def is_level(self, depth: int) -> bool:
        """Whether lines stand as deep as this where they are not cut off."""
        return depth % self.step == 0

    def ahead(self, row: int) -> tuple[First, int]:
        """What the next line that says something begins with, and how deep it stands."""
        for first, depth in self.lines[row + 1 : row + 50]:
            if first != "none":
                return first, depth
        return "none", 0


def _first(found: re.Match[str]) -> First:
    if found["key"]:
        return "key"
    if found["close"]:
        return "close"
    return "other" if found["other"] else "none"
