"""Connecting Cursor: an entry for each event in its hooks.json, our tools in its mcp.json, and the skill.

As its documentation says (2026); Cursor itself was not run.
"""

from __future__ import annotations

import os

from sos.model import wire
from sos.model.configs import Merge, Own, Put
from sos.model.errors import RuntimeConfigError, SosError
from sos.runtimes import launchers, looking, plugin, skill
from sos.runtimes.cursor.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.configs import Places
    from sos.model.findings import Finding

TITLE = "Cursor"
PROMPT = "postToolUse"
"""Not `beforeSubmitPrompt`, which takes no text."""
EVENTS: Mapping[str, int] = {
    "sessionStart": 10, "beforeSubmitPrompt": 5, "postToolUse": 5, "stop": 10, "preCompact": 5, "sessionEnd": 5,
}  # fmt: skip
"""Hook events, and the seconds that we give each: Cursor's own limit is longer."""
LISTS, LISTED = ("cursor-agent", "mcp", "list"), "sos"
NEXT = "Start cursor there, or cursor-agent, and see its settings under Hooks and MCP (written as documented, not run here)"
WAKES = "nothing can wake it at an idle prompt, and a prompt takes no text: what comes is shown behind its next tool"


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """The skill."""
    return (skill.own(places, guide),)


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Its hooks and our tools."""
    hooks, servers, *_ = configs(places)
    puts = [
        Put(steps=("hooks", event), value={"command": plugin.command(home, "cursor", event)}, element=True) for event in EVENTS
    ]
    tools = Put(steps=("mcpServers", "sos"), value={"command": launchers.path_of(home, "sos-mcp"), "args": []})
    return Merge(config=hooks, puts=tuple(puts), base={"version": 1}), Merge(config=servers, puts=(tools,))


def command(home: str, places: Places, event: str) -> str:
    """The hook line that stands in hooks.json. Raises RuntimeConfigError where ours is not there."""
    path = os.path.join(places.user, ".cursor", "hooks.json")
    for hook in looking.listed(looking.settings(path, comments=True), "hooks", event):
        line = str(hook.get("command", ""))
        if launchers.path_of(home, "sos-hook") in line:
            return line
    raise RuntimeConfigError(f"{path} has no hook of ours at {event}", next_step="sos connect cursor")


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:  # none that is known
    """See `sos.runtimes.connector.Connector`."""
    return []


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    try:
        return str(wire.loads(printed)["additional_context"])
    except (SosError, KeyError, TypeError):
        return ""
