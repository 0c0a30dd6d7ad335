"""The file in which Windsurf keeps its MCP servers, as documented (2026); Windsurf itself was not run."""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """The file with its servers, whether it is there or not."""
    path = os.path.join(places.user, ".codeium", "windsurf", "mcp_config.json")
    return (Config(runtime="windsurf", title="Windsurf", path=path, dialect="jsonc", broken="ignored", bom=True),)
