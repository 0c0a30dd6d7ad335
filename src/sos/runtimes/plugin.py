"""A plugin directory in the format that Claude Code began and Codex and Copilot CLI read too: hooks, tools, skill, manifest.

Each runtime gets its own, with its name in every command: which runtime runs a hook cannot be told from the environment where one
was started inside another.
"""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import RuntimeConfigError, SosError
from sos.runtimes import launchers, skill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "0.1.0"
DESCRIPTION = "The agent lifeline: identity, inbox, recovery"
GUIDE = "skills/sos/GUIDE.md"
"""Where in it the recovery guide stands."""
HOOKS = "hooks/hooks.json"
VITAL = (".claude-plugin", "hooks/")
"""Beginnings of the paths without which no hook runs."""
_MOST = 1 << 20


def contents(home: str, runtime: str, events: Mapping[str, int], quiet: Mapping[str, str], guide: str) -> dict[str, str]:
    """Every file: path inside → text. `events`: event → seconds that the runtime gives its hook.

    `quiet`: event → the variable that holds the session, where the shell itself may see that nothing waits.
    """
    hooks = {
        event: [{"hooks": [{"type": "command", "command": command(home, runtime, event, quiet.get(event)), "timeout": seconds}]}]
        for event, seconds in events.items()
    }
    manifest = {"name": "sos", "version": VERSION, "description": DESCRIPTION, "license": "Apache-2.0"}
    return {
        ".claude-plugin/plugin.json": wire.dumps(manifest, indent=1),
        HOOKS: wire.dumps({"hooks": hooks}, indent=1),
        ".mcp.json": wire.dumps({"mcpServers": {"sos": {"command": launchers.path_of(home, "sos-mcp")}}}, indent=1),
        "skills/sos/SKILL.md": skill.text(guide=True),
        GUIDE: guide,
    }


def command(home: str, runtime: str, event: str, quiet: str | None = None) -> str:
    """The shell line of one hook. It always ends with 0: an exit of 2 would block the user's prompt.

    With `quiet` it tests the session's quiet link in the shell itself (0.6 ms) and starts Python only where it is absent. The
    prefix `q-` matters: without it an unset session id tests the directory and is quiet for ever.
    """
    launcher = f'"{launchers.path_of(home, "sos-hook")}" {runtime} {event}'
    if quiet is not None:
        return f'[ -e "{os.path.join(home, "run")}/q-${quiet}" ] || {launcher}; exit 0'
    return f"{launcher}; exit 0"


def heeded(event: str, printed: bytes) -> str:
    """The text that is taken from what a hook printed at an event; empty where none is."""
    try:
        made = wire.loads(printed)["hookSpecificOutput"]
        return str(made["additionalContext"]) if made["hookEventName"] == event else ""
    except (SosError, KeyError, TypeError):
        return ""


def installed(path: str, event: str, runtime: str) -> str:
    """The hook line that stands in an installed hooks file. Raises RuntimeConfigError where there is none that can be read."""
    try:
        return str(wire.loads(files.peek(path, _MOST))["hooks"][event][0]["hooks"][0]["command"])
    except (OSError, SosError, KeyError, IndexError, TypeError) as error:
        raise RuntimeConfigError(f"{path} cannot be read ({error})", next_step=f"sos connect {runtime}") from error
