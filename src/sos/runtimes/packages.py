"""Which version a program is, by the package.json of the npm package that it stands in. Starts nothing, and loads little."""

from __future__ import annotations

import os
import sys

from sos import files
from sos.model import wire
from sos.model.errors import SosError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

LEVELS = 4
"""Directories, from that of a program upwards, in which its package.json is looked for (npm puts it one to three above)."""
_INTERPRETERS = ("node", "bun", "deno")
_SCRIPT = 5
"""Words of a command line in which an interpreter's script stands, after its flags."""
_MOST, _LONGEST = 1 << 20, 64


def above(program: str) -> Iterator[dict[str, Any]]:
    """The packages that a program may be of, the nearest first, each with its `version`."""
    folder = os.path.dirname(os.path.realpath(program))
    for _ in range(LEVELS):
        try:
            found = wire.loads(files.peek(os.path.join(folder, "package.json"), _MOST))
        except (OSError, SosError):
            found = None
        if isinstance(found, dict) and isinstance(found.get("version"), str):
            yield found
        folder = os.path.dirname(folder)


def running(process: int, words: Sequence[str]) -> str:
    """The version of the program that a process runs; empty where no package says it. `words`: of its command line."""
    for place in (f"/proc/{process}/exe", *words[1:_SCRIPT]):
        package = next(above(place), None) if os.path.isabs(place) else None
        if package is not None and package.get("name") not in _INTERPRETERS:
            return str(package["version"]).partition(f"-{sys.platform}-")[0][:_LONGEST]  # Codex has a package for each platform
    return ""
