"""Connecting Windsurf: our tools in its mcp_config.json, and the skill. As documented (2026); Windsurf itself was not run.

Its hooks can put no text into a context, so none is written.
"""

from __future__ import annotations

from sos.runtimes import hookless
from sos.runtimes.windsurf.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.configs import Merge, Places

TITLE = "Windsurf"
NEXT = f"Start Windsurf there and refresh its MCP servers; it {hookless.NOWHERE}"
EVENTS, PROMPT, LISTS, LISTED, WAKES = hookless.EVENTS, hookless.PROMPT, hookless.LISTS, hookless.LISTED, hookless.WAKES
owned, command, look, heeded = hookless.owned, hookless.command, hookless.look, hookless.heeded


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Our tools."""
    return hookless.tools(configs(places)[0], home, "mcpServers", "sos")
