"""Says where in a text something is wrong: line and column, the first of many."""

from __future__ import annotations

import re

_NULS = re.compile(r"\x00[\x00 \t\r\n]*\Z")
MOST = 20
"""Remarks of one kind on one text that are said in full; of the rest, how many."""


class Places:
    """Collects remarks on a text, in the order of reading; `lines` are its lines' numbers where it is part of another text."""

    def __init__(self, text: str, lines: list[int] | None = None) -> None:
        self._text = text
        self._lines = lines
        self._said: list[tuple[str, str]] = []
        self._counts: dict[str, int] = {}

    def add(self, at: int, what: str, kind: str = "damage") -> None:
        """Remark on what stands at an offset."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= MOST:
            self._said.append((kind, f"{self.place(at)}: {what}"))

    def again(self) -> Places:
        """None yet, for another reading of the same text."""
        return Places(self._text, self._lines)

    def place(self, at: int) -> str:
        """Line and column of an offset, both counted from 1."""
        line = self._text.count("\n", 0, at)
        column = at - self._text.rfind("\n", 0, at)
        return f"{self._lines[min(line, len(self._lines) - 1)] if self._lines else line + 1}:{column}"

    def said(self, allowed: frozenset[str] = frozenset()) -> list[str]:
        """The remarks, but those of kinds that are allowed; those that were too many as a number."""
        said = [what for kind, what in self._said if kind not in allowed]
        more = sum(max(count - MOST, 0) for kind, count in self._counts.items() if kind not in allowed)
        return [*said, f"and {more} more"] if more else said


def end_of(text: str) -> int:
    """Where a text ends: before the NUL bytes that a power cut leaves of what was not written."""
    found = _NULS.search(text, len(text.rstrip("\0 \t\r\n")))
    return found.start() if found else len(text)
