"""Connecting Claude Code: a plugin directory, `skills/sos/` below its own, loaded at the next session; nothing else is touched.

Its own settings and `~/.claude.json` are never opened.
"""

from __future__ import annotations

import os

from sos.model import wire
from sos.runtimes import launchers, looking, owned, plugin
from sos.runtimes.claude import health

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.configs import Places
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


def contents(home: str) -> dict[str, str]:
    """Every file of the plugin but the guide: path inside it → text. `home` is SOS_HOME, absolute."""
    waiter = f'"{launchers.path_of(home, "sos-wait")}"'
    monitors = [{"name": "inbox", "command": waiter, "description": "SOS inbox", "when": "always"}]
    made = plugin.contents(home, "claude", EVENTS, {"PostToolBatch": "CLAUDE_CODE_SESSION_ID"})
    return {**made, "monitors/monitors.json": wire.dumps(monitors, indent=1)}


def planned(home: str, places: Places) -> list[str]:
    """What connecting would write."""
    return [os.path.join(directory(places), name) for name in (*contents(home), plugin.GUIDE)]


def connect(home: str, places: Places, guide: str) -> list[str]:
    """Write the plugin; the paths written. Raises RuntimeConfigError, StorageFull."""
    return owned.write(directory(places), {**contents(home), plugin.GUIDE: guide}, "claude")


def disconnect(home: str, places: Places) -> bool:  # the same for every runtime
    """Remove it; whether it was there."""
    return owned.remove(directory(places))


def connected(home: str, places: Places) -> bool:
    """Whether the plugin directory is there and ours."""
    return owned.exists(directory(places))


def command(home: str, places: Places, event: str) -> str:
    """The hook line that stands in the installed plugin. Raises RuntimeConfigError where there is none that can be read."""
    return plugin.installed(os.path.join(directory(places), plugin.HOOKS), event, "claude")


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
    """What keeps hooks from running in sessions in these directories."""
    target = directory(places)
    if not owned.exists(target):
        found = [looking.gone(target, "claude", TITLE)]
    else:
        vital = (owned.MARK, ".claude-plugin", "hooks/")
        found = [*looking.directory(target, contents(home), vital, "claude", TITLE)]
    return [*found, *looking.launcher(home, "claude", TITLE), *health.look(places, projects)]


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    return plugin.heeded(event, printed)
