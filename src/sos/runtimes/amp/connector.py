"""Connecting Amp: our tools in its settings.json, and the skill. As documented (2026); Amp itself was not run."""

from __future__ import annotations

from sos.runtimes import hookless
from sos.runtimes.amp.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.configs import Merge, Places

TITLE = "Amp"
NEXT = f"Start amp there; it {hookless.NOWHERE}"
EVENTS, PROMPT, LISTS, LISTED, WAKES = hookless.EVENTS, hookless.PROMPT, hookless.LISTS, hookless.LISTED, hookless.WAKES
owned, command, look, heeded = hookless.owned, hookless.command, hookless.look, hookless.heeded


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Our tools."""
    return hookless.tools(configs(places)[0], home, "amp.mcpServers", "sos")
