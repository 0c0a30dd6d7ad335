"""Connecting Codex: an entry for each event in its hooks.json, our tools in its config.toml, and the skill beside them.

Not as a plugin: Codex runs a plugin from a copy and trusts it as a whole, so that a changed byte of a skill would silence every
hook without a word. An entry in hooks.json is trusted by itself (seen with 0.169.0). Whether it is trusted, its user alone says.
"""

from __future__ import annotations

import os

from sos.model.configs import Merge, Own, Put
from sos.model.errors import RuntimeConfigError
from sos.model.findings import Finding
from sos.runtimes import launchers, looking, plugin, skill
from sos.runtimes.codex.configs import configs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sos.model.configs import Places

TITLE, PROMPT = "Codex", "UserPromptSubmit"
EVENTS: Mapping[str, int] = {"SessionStart": 10, "UserPromptSubmit": 5, "PostToolUse": 5, "Stop": 10, "SessionEnd": 2}
"""Hook events and their timeouts in seconds; Codex cuts that of SessionEnd to 3."""
LISTS, LISTED = ("codex", "mcp", "list", "--json"), "sos-mcp"
NEXT = "Start codex there and let it trust the hooks when it asks (later: /hooks); until then it runs none and says nothing"
WAKES = "sos watch wakes it at an idle prompt: sos watch add AGENT --notice codex"


_SWITCHES = ("hooks", "codex_hooks")
"""Its switch for all hooks below `features`, and the older name that it still heeds (seen with 0.169.0)."""


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """The skill, where every runtime but Claude Code reads it."""
    return (skill.own(places, guide),)


def merges(home: str, places: Places) -> Sequence[Merge]:
    """Its hooks and our tools."""
    settings, hooks = configs(places)
    puts = [Put(steps=("hooks", event), value={"hooks": [_hook(home, event)]}, element=True) for event in EVENTS]
    tools = Put(steps=("mcp_servers", "sos"), value={"command": launchers.path_of(home, "sos-mcp")})
    return Merge(config=hooks, puts=tuple(puts)), Merge(config=settings, puts=(tools,))


def _hook(home: str, event: str) -> dict[str, Any]:
    return {"type": "command", "command": plugin.command(home, "codex", event), "timeout": EVENTS[event]}


def command(home: str, places: Places, event: str) -> str:
    """The hook line that stands in hooks.json. Raises RuntimeConfigError where ours is not there."""
    path = os.path.join(places.codex, "hooks.json")
    for group in looking.listed(looking.settings(path), "hooks", event):
        for hook in looking.listed(group, "hooks"):
            line = str(hook.get("command", ""))
            if launchers.path_of(home, "sos-hook") in line:
                return line
    raise RuntimeConfigError(f"{path} has no hook of ours at {event}", next_step="sos connect codex")


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
    """Whether hooks are on, and its user has trusted ours: one that is not trusted does not run, and nothing says so."""
    path, hooks = (os.path.join(places.codex, name) for name in ("config.toml", "hooks.json"))
    made = looking.toml(path)
    if made is None:
        return []  # with such a file Codex does not open, and whom it trusts is not known
    features = made.get("features")
    for name in _SWITCHES:
        if isinstance(features, dict) and features.get(name) is False:
            return [looking.disabled(path, f"features.{name}", TITLE)]
    state = made.get("hooks", {}).get("state", {}) if isinstance(made.get("hooks"), dict) else {}
    found = []
    known = looking.settings(hooks)
    for event in EVENTS:
        for place, group in enumerate(looking.listed(known, "hooks", event)):
            for number, hook in enumerate(looking.listed(group, "hooks")):
                if launchers.path_of(home, "sos-hook") not in str(hook.get("command", "")):
                    continue
                key = f"{hooks}:{_snake(event)}:{place}:{number}"
                said = state.get(key) if isinstance(state, dict) else None
                if not isinstance(said, dict) or "trusted_hash" not in said or said.get("enabled") is False:
                    found.append(event)
    return [_untrusted(f"Codex does not trust our hooks at {', '.join(found)} ({path})")] if found else []


def _untrusted(what: str) -> Finding:
    step = "start codex, then: /hooks, and trust them"
    return Finding(code="not_trusted", severity="critical", what=what, why=looking.deaf(TITLE), next_step=step)


def ask(program: str, home: str, projects: Sequence[str], seconds: float) -> list[Finding]:
    """Whether the trust in each of our hooks still fits: Codex alone knows how the hash of an entry is made."""
    from sos.runtimes.codex import asking  # with --deep alone

    found: dict[str, list[str]] = {}
    for hook in asking.hooks(program, projects, seconds):
        if launchers.path_of(home, "sos-hook") in str(hook.get("command", "")):
            state = str(hook.get("trustStatus")) if hook.get("enabled") else "switched off"
            found.setdefault(state, []).append(str(hook.get("eventName")))
    if not found:
        step = "codex features list; sos connect codex"
        return [Finding(code="plugin_unseen", severity="critical", what="Codex opens, and does not know our hooks",
                        why=looking.deaf(TITLE), next_step=step)]  # fmt: skip
    wrong = [f"{state} at {', '.join(dict.fromkeys(events))}" for state, events in found.items() if state != "trusted"]
    return [_untrusted(f"Codex says that our hooks are {' and '.join(wrong)}")] if wrong else []


def _snake(event: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in event).lstrip("_")


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`."""
    return plugin.heeded(event, printed)
