"""Connecting Copilot CLI: a file of hooks, an extension that wakes, the skill, and our tools in its mcp-config.json."""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.configs import Merge, Own, Put
from sos.model.errors import RuntimeConfigError, SosError
from sos.runtimes import launchers, looking, skill
from sos.runtimes.copilot.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.configs import Places
    from sos.model.findings import Finding

TITLE, PROMPT = "Copilot CLI", "userPromptSubmitted"
EVENTS: Mapping[str, int] = {
    "sessionStart": 10, "userPromptSubmitted": 5, "postToolUse": 5, "agentStop": 10, "preCompact": 2, "sessionEnd": 2,
}  # fmt: skip
"""Hook events and their timeouts in seconds."""
LISTS, LISTED = ("copilot", "mcp", "list"), "sos"
NEXT = "Start copilot there (without a terminal: copilot --allow-tool sos -p …, or it may use none of our tools)"
WAKES = "an extension of ours wakes it at an idle prompt, once extensions are on in it: /settings experimental on"


_SWITCHING = (
    ".github/copilot/settings.json",
    ".github/copilot/settings.local.json",
    ".claude/settings.json",
    ".claude/settings.local.json",
)
"""Files of a project whose `disableAllHooks` also silences the hooks of its user (seen with 1.0.102)."""


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """Hooks, extension and skill."""
    launcher = launchers.path_of(home, "sos-hook")
    hooks = {
        event: [{"type": "command", "exec": launcher, "args": ["copilot", event], "timeoutSec": seconds}]
        for event, seconds in EVENTS.items()
    }
    source = files.shipped(os.path.join(os.path.dirname(os.path.abspath(__file__)), "extension.mjs")).decode()
    extension = source.replace("@WAIT@", launchers.path_of(home, "sos-wait"))
    return (
        Own(path=_hooks(places), contents={"": wire.dumps({"version": 1, "hooks": hooks}, indent=1)}, vital=("",)),
        Own(path=os.path.join(places.user, ".copilot", "extensions", "sos"), contents={"extension.mjs": extension}),
        skill.own(places, guide),
    )


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Our tools."""
    servers = next(config for config in configs(places) if config.path.endswith("mcp-config.json"))
    value = {"type": "local", "command": launchers.path_of(home, "sos-mcp"), "args": [], "tools": ["*"]}
    return (Merge(config=servers, puts=(Put(steps=("mcpServers", "sos"), value=value),)),)


def _hooks(places: Places) -> str:
    return os.path.join(places.user, ".copilot", "hooks", "sos.json")


def command(home: str, places: Places, event: str) -> str:
    """The shell line of a hook, as it is installed. Raises RuntimeConfigError where there is none that can be read."""
    path = _hooks(places)
    try:
        (hook,) = wire.loads(files.peek(path, 1 << 20))["hooks"][event]
        return " ".join(f'"{word}"' for word in (hook["exec"], *hook["args"]))
    except (OSError, SosError, KeyError, TypeError, ValueError) as error:
        raise RuntimeConfigError(f"{path} cannot be read ({error})", next_step="sos connect copilot") from error


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
    """Whether a project's settings switch all hooks off. In the user's the same key does nothing (seen with 1.0.102)."""
    paths = [os.path.join(place, name) for place in projects for name in _SWITCHING]
    given = [(path, looking.settings(path, comments=True)) for path in dict.fromkeys(paths)]
    return [looking.disabled(path, "disableAllHooks", TITLE) for path, keys in given if keys.get("disableAllHooks") is True]


def ask(program: str, home: str, projects: Sequence[str], seconds: float) -> list[Finding]:  # its files say all of it
    """See `sos.runtimes.connector.Connector`."""
    return []


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    try:
        return str(wire.loads(printed)["additionalContext"])
    except (SosError, KeyError, TypeError):
        return ""
