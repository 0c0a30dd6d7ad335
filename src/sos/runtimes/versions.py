"""Which version of a runtime is installed, and which were tried: those in the table that scripts/conformance writes from runs."""

from __future__ import annotations

import os
import re
import shutil

from sos import files
from sos.model import wire
from sos.model.findings import Finding
from sos.runtimes import packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "conformance.json")
_VERSION = re.compile(rb"\b[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.]+)?")


def table() -> list[dict[str, Any]]:
    """The rows, one for each runtime and version that was tried; what stands in one, docs/reference/runtimes.md says."""
    rows: list[dict[str, Any]] = wire.loads(files.shipped(TABLE))["runtimes"]
    return rows


def tried(runtime: str) -> list[str]:
    """The versions of a runtime in the table."""
    return [row["version"] for row in table() if row["name"] == runtime]


def installed(program: str) -> str | None:
    """The version of the program on PATH, by the package.json of its npm package; None where it is not npm's. Starts nothing."""
    found = shutil.which(program)
    if found is None:
        return None
    for package in packages.above(found):
        programs = package.get("bin")
        if isinstance(programs, str) or (isinstance(programs, dict) and program in programs):
            return str(package["version"])
    return None


def said(printed: bytes) -> str | None:
    """The version in what a program printed when asked for it; None where there is none."""
    found = _VERSION.search(printed)
    return found[0].decode() if found else None


def unverified(runtime: str, title: str, version: str) -> Finding | None:
    """What to say of a version that is not in the table; None of one that is."""
    known = tried(runtime)
    if version in known:
        return None
    return Finding(
        code="runtime_unverified",
        severity="note",
        what=f"{title} {ascii(version)[1:-1]} is not among the versions that were tried with SOS ({', '.join(known) or 'none'})",
        why="Another version may call hooks, or take what they say, in another way.",
        next_step="sos probe AGENT   (tries the whole way of a message, up to its context)",
    )
