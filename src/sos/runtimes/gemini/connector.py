"""Connecting Gemini CLI: an extension, `~/.gemini/extensions/sos`, loaded at the next session; no file of its own is touched."""

from __future__ import annotations

import os

from sos.model import wire
from sos.model.configs import Own
from sos.runtimes import launchers, looking, plugin, skill
from sos.runtimes.gemini.speech import SUBAGENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sos.model.configs import Merge, Places
    from sos.model.findings import Finding

TITLE, PROMPT = "Gemini CLI", "BeforeAgent"
EVENTS: Mapping[str, int] = {
    "SessionStart": 10, "BeforeAgent": 5, "BeforeTool": 2, "AfterTool": 5, "AfterAgent": 10, "PreCompress": 2, "SessionEnd": 2,
}  # fmt: skip
"""Hook events and their timeouts in seconds; its own file has them in milliseconds."""
_MATCHED = {"BeforeTool": {"matcher": SUBAGENT}}
"""Before a tool our hook runs for the one that begins a subagent alone."""
LISTS, LISTED = ("gemini", "extensions", "list"), "sos"
NEXT = "Start gemini there (without a terminal: gemini --allowed-mcp-server-names sos -p …, or it offers no tools)"
WAKES = "nothing can wake it at an idle prompt: what comes is shown at its next prompt or tool; sos watch can tell you"


def directory(places: Places) -> str:
    """Where the extension lives."""
    return os.path.join(places.user, ".gemini", "extensions", "sos")


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """The extension."""
    quiet = {"AfterTool": "GEMINI_SESSION_ID"}
    hooks = {event: [{**_MATCHED.get(event, {}), "hooks": [_hook(home, event, quiet.get(event))]}] for event in EVENTS}
    servers = {"sos": {"command": launchers.path_of(home, "sos-mcp")}}
    manifest = {"name": "sos", "version": plugin.VERSION, "description": plugin.DESCRIPTION, "mcpServers": servers}
    contents = {
        "gemini-extension.json": wire.dumps(manifest, indent=1),
        plugin.HOOKS: wire.dumps({"hooks": hooks}, indent=1),
        "skills/sos/SKILL.md": skill.text(guide=True),
        plugin.GUIDE: guide,
    }
    return (Own(path=directory(places), contents=contents, vital=("gemini-extension.json", "hooks/")),)


def _hook(home: str, event: str, quiet: str | None) -> dict[str, Any]:
    line = plugin.command(home, "gemini", event, quiet)
    return {"type": "command", "name": "sos", "command": line, "timeout": EVENTS[event] * 1000}


def merges(home: str, places: Places) -> Sequence[Merge]:  # of no file of its own
    """None."""
    return ()


def command(home: str, places: Places, event: str) -> str:
    """The hook line that stands in the extension. Raises RuntimeConfigError where there is none that can be read."""
    return plugin.installed(os.path.join(directory(places), plugin.HOOKS), event, "gemini")


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
    """Whether its settings switch all hooks, or ours, off."""
    found = []
    for place in (places.user, *projects):
        path = os.path.join(place, ".gemini", "settings.json")
        given = looking.settings(path, comments=True).get("hooksConfig")
        if not isinstance(given, dict):
            continue
        disabled = given.get("disabled")
        if given.get("enabled") is False or (isinstance(disabled, list) and "sos" in disabled):
            found.append(looking.disabled(path, "hooksConfig", TITLE))
    return found


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    return plugin.heeded(event, printed)
