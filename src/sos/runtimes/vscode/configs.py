"""The file in which VS Code keeps the MCP servers of its user's default profile, as documented (2026); it was not run."""

from __future__ import annotations

import os
import sys

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """The file with its servers, whether it is there or not."""
    if sys.platform == "darwin":
        folder = os.path.join(places.user, "Library", "Application Support")
    else:
        folder = places.config
    path = os.path.join(folder, "Code", "User", "mcp.json")
    return (Config(runtime="vscode", title="VS Code", path=path, dialect="jsonc", broken="ignored", bom=True),)
