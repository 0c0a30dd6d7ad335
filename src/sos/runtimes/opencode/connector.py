"""Connecting OpenCode: a plugin of ours, the skill, and our tools in its opencode.json."""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.configs import Merge, Own, Put
from sos.model.errors import RuntimeConfigError, SosError
from sos.runtimes import launchers, skill
from sos.runtimes.opencode.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.configs import Places
    from sos.model.findings import Finding

TITLE, PROMPT = "OpenCode", "chat.message"
EVENTS: Mapping[str, int] = {
    "session.start": 5, "chat.message": 5, "tool.execute.after": 5, "session.idle": 5, "experimental.session.compacting": 5,
    "session.end": 5,
}  # fmt: skip
"""What the plugin calls the hook for, and the seconds that it waits (the same as in sos.js)."""
LISTS, LISTED = ("opencode", "mcp", "list"), "sos"
NEXT = "Start opencode there (its first start with a plugin fetches a package of its own from npm)"
WAKES = "its plugin wakes it at an idle prompt"


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """Plugin and skill."""
    source = files.shipped(os.path.join(os.path.dirname(os.path.abspath(__file__)), "sos.js")).decode()
    for name, program in (("@HOOK@", "sos-hook"), ("@WAIT@", "sos-wait")):
        source = source.replace(name, launchers.path_of(home, program))
    return Own(path=_plugin(places), contents={"": source}, vital=("",)), skill.own(places, guide)


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Our tools, in whichever of its files of the user is there."""
    users = [config for config in configs(places) if os.path.dirname(config.path) == os.path.join(places.config, "opencode")]
    config = next((each for each in users if os.path.exists(each.path)), users[0])
    value = {"type": "local", "command": [launchers.path_of(home, "sos-mcp")], "enabled": True}
    return (Merge(config=config, puts=(Put(steps=("mcp", "sos"), value=value),)),)


def _plugin(places: Places) -> str:
    return os.path.join(places.config, "opencode", "plugins", "sos.js")


def command(home: str, places: Places, event: str) -> str:
    """What the plugin starts, as a shell line. Raises RuntimeConfigError where it is not there."""
    path = _plugin(places)
    try:
        source = files.peek(path, 1 << 20).decode("utf-8", "replace")
    except OSError as error:
        raise RuntimeConfigError(f"{path} cannot be read ({error})", next_step="sos connect opencode") from error
    launcher = launchers.path_of(home, "sos-hook")
    if f'"{launcher}"' not in source:
        raise RuntimeConfigError(f"{path} starts no hook of ours", next_step="sos connect opencode")
    return f'"{launcher}" opencode {event}'


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:  # none that is known
    """See `sos.runtimes.connector.Connector`."""
    return []


def ask(program: str, home: str, projects: Sequence[str], seconds: float) -> list[Finding]:  # its files say all of it
    """See `sos.runtimes.connector.Connector`."""
    return []


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    try:
        return str(wire.loads(printed)["text"])
    except (SosError, KeyError, TypeError):
        return ""
