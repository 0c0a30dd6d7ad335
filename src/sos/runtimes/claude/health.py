"""Whether Claude Code will run our hooks: what its files say. Nothing is started, nothing is changed.

By what was seen of Claude Code 2.1.330: one key in any of its settings switches all hooks off, and none of them says so.
"""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.findings import Finding
from sos.runtimes.claude import plugin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

PLUGIN = "sos@skills-dir"
"""What Claude Code calls a plugin that it found below `skills/`."""
MANAGED = "/etc/claude-code"
"""Where the administrator of a Linux machine says what users may not change."""
DEAF = "No hook runs, so no message is shown, and nothing in Claude Code says so."
_MOST = 16 << 20
_AGAIN = "sos connect claude --as AGENT   (in the agent's directory; writes it anew)"
BY_CONNECTING = frozenset(("hook_gone", "hook_changed", "launcher_gone", "python_gone", "skill_changed"))
"""Codes of what connecting again mends."""


def look(home: str, claude_home: str, user_home: str, places: Sequence[str]) -> list[Finding]:
    """What keeps hooks from running in sessions in these directories. `home` is SOS_HOME."""
    found = [*_plugin(home, claude_home), *_launcher(home)]
    found += _settings(claude_home, places)
    found += _trust(claude_home, user_home, places)
    return found


def _plugin(home: str, claude_home: str) -> Iterator[Finding]:
    directory = plugin.directory(claude_home)
    if not plugin.installed(claude_home):
        yield Finding(
            code="hook_gone",
            severity="critical",
            what=f"{directory} is not there: Claude Code has no hook of ours",
            why=DEAF,
            next_step=_AGAIN,
        )
        return
    for name, wanted in plugin.contents(home).items():
        path = os.path.join(directory, name)
        data = _bytes(path)
        if data == wanted.encode():
            continue
        vital = name == "hooks/hooks.json" or name.startswith(".claude-plugin")
        yield Finding(
            code="hook_changed" if vital else "skill_changed",
            severity="critical" if vital else "warning",
            what=f"{path} {'is gone' if data is None else 'is not what sos connect wrote'}",
            why=DEAF if vital else "The session has not all of what SOS brings: its skill, its tools or its monitor.",
            next_step=_AGAIN,
        )


def _launcher(home: str) -> Iterator[Finding]:
    path = os.path.join(home, "bin", "sos-hook")
    data = _bytes(path)
    if data is None:
        yield Finding(
            code="launcher_gone",
            severity="critical",
            what=f"{path} is not there, and the hooks start it",
            why=DEAF,
            next_step=_AGAIN,
        )
        return
    named = dict(line.split("=", 1) for line in data.decode("utf-8", "replace").split("\n") if "=" in line)
    python, program = (named.get(name, "").strip('"') for name in ("p", "f"))
    for place, mode in ((python, os.X_OK), (program, os.R_OK)):
        if not os.access(place, mode):
            yield Finding(
                code="python_gone",
                severity="critical",
                what=f"the hooks start {place or 'nothing'}, which is gone",
                why="Each hook says so in the agent's context, and shows no message.",
                next_step=_AGAIN,
            )
            return


def _settings(claude_home: str, places: Sequence[str]) -> Iterator[Finding]:
    given_by_users = [os.path.join(claude_home, "settings.json")]
    for place in places:
        given_by_users += [os.path.join(place, ".claude", name) for name in ("settings.json", "settings.local.json")]
    managed = [os.path.join(MANAGED, "managed-settings.json")]
    folder = os.path.join(MANAGED, "managed-settings.d")
    if os.path.isdir(folder):
        managed += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".json")]
    for path in dict.fromkeys((*given_by_users, *managed)):
        given = _object(path)
        if given.get("disableAllHooks") is True:
            yield _disabled(path, "disableAllHooks")
        if path in managed and given.get("allowManagedHooksOnly") is True:
            yield _disabled(path, "allowManagedHooksOnly")
        enabled = given.get("enabledPlugins")
        if isinstance(enabled, dict) and enabled.get(PLUGIN) is False:
            yield Finding(
                code="plugin_disabled",
                severity="critical",
                what=f"{path} switches the plugin {PLUGIN} off",
                why=DEAF,
                next_step=f'take "{PLUGIN}" out of "enabledPlugins" in {path}',
            )


def _disabled(path: str, key: str) -> Finding:
    return Finding(
        code="hooks_disabled",
        severity="critical",
        what=f"{path} says {key}",
        why=DEAF,
        next_step=f'take "{key}" out of {path}, then start a new session',
    )


def _trust(claude_home: str, user_home: str, places: Sequence[str]) -> Iterator[Finding]:
    # With CLAUDE_CONFIG_DIR the state stands inside of it, also where that names the usual directory.
    inside = os.path.join(claude_home, ".claude.json")
    path = inside if os.path.exists(inside) else os.path.join(user_home, ".claude.json")
    projects = _object(path).get("projects")
    for place in places:
        known = projects.get(place) if isinstance(projects, dict) else None
        if isinstance(known, dict) and known.get("hasTrustDialogAccepted") is False:
            yield Finding(
                code="not_trusted",
                severity="critical",
                what=f"Claude Code does not trust {place} ({path})",
                why=DEAF,
                next_step=f"start claude in {place}, and say that you trust it",
            )


def _bytes(path: str) -> bytes | None:
    try:
        return files.peek(path, _MOST)
    except OSError:
        return None


def _object(path: str) -> dict[str, Any]:
    """The object in a settings file; one that cannot be read has no keys for Claude Code either, and is another finding."""
    try:
        made = wire.loads(_bytes(path) or b"{}")
    except UnreadableJson:
        return {}
    return made if isinstance(made, dict) else {}
