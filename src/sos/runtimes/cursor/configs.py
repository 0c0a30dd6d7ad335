"""The config files of Cursor, as its documentation names them (2026); Cursor itself was not run.

What it does with one that does not parse, and whether it takes comments, is not documented: they are read with all that a JSON
file may have, so that no file which Cursor takes is called broken.
"""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not: hooks and servers of the user, and those of a project."""
    folders = (os.path.join(place, ".cursor") for place in (places.user, places.project))
    paths = (os.path.join(folder, name) for folder in folders for name in ("hooks.json", "mcp.json"))
    return tuple(
        Config(runtime="cursor", title="Cursor", path=path, dialect="jsonc", broken="ignored", bom=True) for path in paths
    )
