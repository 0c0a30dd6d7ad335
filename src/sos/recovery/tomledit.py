"""Puts a table into a TOML text that parses, and takes one out again; every other line stays as it is.

What it does NOT do: change a table that is written inside of another (`sos = { … }`, `mcp_servers.sos.command = …`). Whoever
calls it looks at the value afterwards.
"""

from __future__ import annotations

import re

from sos.recovery import tomltext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEADER = re.compile(r"[ \t]*\[(?!\[)([^\n]*)\][ \t]*(?:#[^\n]*)?\r?\n?\Z")
_ANY_HEADER = re.compile(r"[ \t]*\[")


def put(text: str, steps: tuple[str, ...], value: dict[str, Any], remark: str) -> str:
    """The text with this table behind its last line, under a remark. Raises ValueError for what TOML cannot say."""
    gap = "" if not text or text.endswith("\n") else "\n"
    return text + gap + f"# {remark}\n{tomltext.emit(value, steps).lstrip()}\n"


def take(text: str, steps: tuple[str, ...], remark: str) -> str:
    """The text without the lines of this table, of the tables inside of it, and of the remark above it.

    Comments and empty lines behind its last line stay: they may belong to what follows.
    """
    lines = re.split(r"(?<=\n)", text)
    kept: list[str] = []
    at = 0
    while at < len(lines):
        named = _named(lines[at])
        if named is None or named[: len(steps)] != steps:
            kept.append(lines[at])
            at += 1
            continue
        ends = next((place for place in range(at + 1, len(lines)) if _ANY_HEADER.match(lines[place])), len(lines))
        while ends > at + 1 and (not (line := lines[ends - 1].strip()) or line.startswith("#")):
            ends -= 1
        if kept and kept[-1].strip() == f"# {remark}":
            kept.pop()
        at = ends
    return "".join(kept)


def _named(line: str) -> tuple[str, ...] | None:
    """The name that a line gives to the table that it begins; None for any other line."""
    found = _HEADER.match(line)
    if found is None:
        return None
    try:
        value = tomltext.parse(f"[{found[1]}]")
    except ValueError:
        return None  # a line of an array or of a long string
    names: list[str] = []
    while value:
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)
