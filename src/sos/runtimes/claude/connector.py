"""Connecting Claude Code: a plugin directory, `skills/sos/` below its own, loaded at the next session; nothing else is touched.

Its own settings and `~/.claude.json` are never opened.
"""

from __future__ import annotations

import os

from sos.model import wire
from sos.model.configs import Own
from sos.runtimes import launchers, plugin
from sos.runtimes.claude import health

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.configs import Merge, Places
    from sos.model.findings import Finding

EVENTS: Mapping[str, int] = {"SessionStart": 10, "UserPromptSubmit": 5, "PostToolBatch": 5, "Stop": 10, "SessionEnd": 2}
"""Hook events and their timeouts in seconds. Ours end within 400 ms; the rest is for a machine under load."""
TITLE, PROMPT = health.TITLE, "UserPromptSubmit"
LISTS, LISTED = ("claude", "plugin", "list", "--json"), health.PLUGIN
NEXT = "Start Claude Code there"
WAKES = "its plugin's monitor wakes it at an idle prompt"


def directory(places: Places) -> str:
    """Where the plugin lives."""
    return os.path.join(places.claude, "skills", "sos")


def monitors(home: str) -> str:
    """What runs beside a session, and wakes it by each line that it prints."""
    waiter = f'"{launchers.path_of(home, "sos-wait")}"'
    return wire.dumps([{"name": "inbox", "command": waiter, "description": "SOS inbox", "when": "always"}], indent=1)


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """The plugin."""
    contents = plugin.contents(home, "claude", EVENTS, {"PostToolBatch": "CLAUDE_CODE_SESSION_ID"}, guide)
    contents["monitors/monitors.json"] = monitors(home)
    return (Own(path=directory(places), contents=contents, vital=plugin.VITAL),)


def merges(home: str, places: Places) -> Sequence[Merge]:  # of no file of its own
    """None."""
    return ()


def command(home: str, places: Places, event: str) -> str:
    """The hook line that stands in the installed plugin. Raises RuntimeConfigError where there is none that can be read."""
    return plugin.installed(os.path.join(directory(places), plugin.HOOKS), event, "claude")


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
    """See `sos.runtimes.connector.Connector`."""
    return health.look(places, projects)


def ask(program: str, home: str, projects: Sequence[str], seconds: float) -> list[Finding]:  # its files say all of it
    """See `sos.runtimes.connector.Connector`."""
    return []


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    return plugin.heeded(event, printed)
