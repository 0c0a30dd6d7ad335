"""Connecting Gemini CLI: an extension, `~/.gemini/extensions/sos`, loaded at the next session; no file of its own is touched."""

from __future__ import annotations

import os

from sos.model import wire
from sos.model.configs import Own
from sos.model.findings import Finding
from sos.runtimes import launchers, looking, plugin, skill
from sos.runtimes.gemini.speech import SUBAGENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sos.model.configs import Merge, Places

TITLE, PROMPT = "Gemini CLI", "BeforeAgent"
EVENTS: Mapping[str, int] = {
    "SessionStart": 10, "BeforeAgent": 5, "BeforeTool": 2, "AfterTool": 5, "AfterAgent": 10, "PreCompress": 2, "SessionEnd": 2,
}  # fmt: skip
"""Hook events and their timeouts in seconds; its own file has them in milliseconds."""
_MATCHED = {"BeforeTool": {"matcher": SUBAGENT}}
"""Before a tool our hook runs for the one that begins a subagent alone."""
LISTS, LISTED = ("gemini", "extensions", "list"), "✓ sos"
"""With another mark before it, it is switched off."""
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
    """Whether its settings switch all hooks, or ours, off, or its list of extensions ours."""
    found = _disabled(places, projects)
    for place in (places.user, *projects):
        path = os.path.join(place, ".gemini", "settings.json")
        given = looking.settings(path, comments=True).get("hooksConfig")
        if not isinstance(given, dict):
            continue
        disabled = given.get("disabled")
        if given.get("enabled") is False or (isinstance(disabled, list) and "sos" in disabled):
            found.append(looking.disabled(path, "hooksConfig", TITLE))
    return found


def _disabled(places: Places, projects: Sequence[str]) -> list[Finding]:
    """The directories in whose sessions the extension is switched off: of the rules that cover one the last counts."""
    path = os.path.join(places.user, ".gemini", "extensions", "extension-enablement.json")
    known = looking.settings(path).get("sos")
    rules = known.get("overrides") if isinstance(known, dict) else None
    if not isinstance(rules, list):
        return []
    found = []
    for place in projects or (places.user,):
        covering = [str(rule) for rule in rules if _covers(str(rule).removeprefix("!"), place)]
        if covering and covering[-1].startswith("!"):
            found.append(
                Finding(
                    code="plugin_disabled",
                    severity="critical",
                    what=f"{path} switches the extension sos off in {place}",
                    why=looking.deaf(TITLE),
                    next_step="gemini extensions enable sos",
                )
            )
    return found


def _covers(rule: str, place: str) -> bool:
    """Whether a rule is of a directory: of that one, or with a star at its end of all below too."""
    here = f"{place.rstrip('/')}/"
    return here.startswith(rule[:-1]) if rule.endswith("*") else here == rule


def ask(program: str, home: str, projects: Sequence[str], seconds: float) -> list[Finding]:  # its files say all of it
    """See `sos.runtimes.connector.Connector`."""
    return []


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    return plugin.heeded(event, printed)
