"""Which runtimes an agent's sessions were connected in: one name a line, in its home. `sos doctor` looks at each of them."""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes

_NAME = "runtimes"


def recorded(root: str, slug: str) -> list[str] | None:
    """Their names, in the order in which they were connected, or None where none ever was. Raises HomeNotPrivate, HomeDamaged.

    An empty list is a wish: the last one was disconnected.
    """
    path = os.path.join(homes.path_of(root, slug), _NAME)
    data = files.read(path) if os.path.lexists(path) else None
    return None if data is None else [line for line in data.decode("ascii", "replace").split("\n") if line]


def runtimes(root: str, slug: str) -> list[str]:
    """The same; none where none ever was."""
    return recorded(root, slug) or []


def add(root: str, slug: str, runtime: str) -> None:
    """It was connected."""
    known = runtimes(root, slug)
    if runtime not in known:
        _write(root, slug, [*known, runtime])


def served(root: str, runtime: str) -> list[str]:
    """The agents here that were connected in a runtime: what serves them is one set of files."""
    return [slug for slug in homes.slugs(root) if runtime in runtimes(root, slug)]


def drop(root: str, slug: str, runtime: str) -> None:
    """It was disconnected, for this agent."""
    _write(root, slug, [each for each in runtimes(root, slug) if each != runtime])


def _write(root: str, slug: str, names: list[str]) -> None:
    files.write(os.path.join(homes.path_of(root, slug), _NAME), "".join(f"{name}\n" for name in names).encode())
