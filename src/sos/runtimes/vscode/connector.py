"""Connecting VS Code: our tools in its user's mcp.json, and the skill. As documented (2026); VS Code itself was not run.

Its agent can run hooks of other runtimes' files, in preview: none of ours is written for it.
"""

from __future__ import annotations

from sos.runtimes import hookless
from sos.runtimes.vscode.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.configs import Merge, Places

TITLE = "VS Code"
NEXT = f"Start VS Code there and trust the server sos when it asks; it {hookless.NOWHERE}"
EVENTS, PROMPT, LISTS, LISTED, WAKES = hookless.EVENTS, hookless.PROMPT, hookless.LISTS, hookless.LISTED, hookless.WAKES
owned, command, look, heeded = hookless.owned, hookless.command, hookless.look, hookless.heeded


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Our tools."""
    return hookless.tools(configs(places)[0], home, "servers", "sos")
