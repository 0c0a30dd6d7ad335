"""Takes a text that git's conflict markers stand in apart into its two sides."""

from __future__ import annotations

import re

from sos.model.record import Record

_BEGINS = re.compile(r"<{7}(?: .*)?\s*$")
_BASE = re.compile(r"\|{7}(?: .*)?\s*$")
_MIDDLE = re.compile(r"={7}\s*$")
_ENDS = re.compile(r">{7}(?: .*)?\s*$")


class Side(Record):
    """One side: its text, the number of each of its lines in the whole, and what git calls it."""

    text: str
    lines: list[int]
    name: str


def sides(text: str) -> tuple[Side, Side] | None:
    """Ours and theirs; None where no conflict begins. One that does not end before the text does ends with it."""
    if "<<<<<<<" not in text:
        return None
    kept: dict[str, list[tuple[int, str]]] = {"ours": [], "theirs": []}
    names = {"ours": "", "theirs": ""}
    state = "both"
    for number, line in enumerate(text.split("\n"), 1):
        if state == "both" and _BEGINS.match(line):
            state, names["ours"] = "ours", names["ours"] or line[8:].strip()
        elif state == "ours" and _BASE.match(line):
            state = "base"
        elif state in {"ours", "base"} and _MIDDLE.match(line):
            state = "theirs"
        elif state == "theirs" and _ENDS.match(line):
            state, names["theirs"] = "both", names["theirs"] or line[8:].strip()
        else:
            for side in kept:
                if state in {"both", side}:
                    kept[side].append((number, line))
    if len(kept["ours"]) == text.count("\n") + 1:
        return None
    ours, theirs = (
        Side(text="\n".join(line for _, line in lines), lines=[number for number, _ in lines], name=names[side] or side)
        for side, lines in kept.items()
    )
    return ours, theirs
