"""Whether Claude Code will run our hooks: what its files say. Nothing is started, nothing is changed.

By what was seen of Claude Code 2.1.330: one key in any of its settings switches all hooks off, and none of them says so.
"""

from __future__ import annotations

import os

from sos.model.findings import Finding
from sos.runtimes import looking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sos.model.configs import Places

TITLE = "Claude Code"
PLUGIN = "sos@skills-dir"
"""What Claude Code calls a plugin that it found below `skills/`."""
MANAGED = "/etc/claude-code"
"""Where the administrator of a Linux machine says what users may not change."""


def look(places: Places, projects: Sequence[str]) -> list[Finding]:
    """What its own settings say that keeps plugin hooks from running in sessions in these directories."""
    return [*_settings(places.claude, projects), *_trust(places.claude, places.user, projects)]


def _settings(claude_home: str, places: Sequence[str]) -> Iterator[Finding]:
    given_by_users = [os.path.join(claude_home, "settings.json")]
    for place in places:
        given_by_users += [os.path.join(place, ".claude", name) for name in ("settings.json", "settings.local.json")]
    managed = [os.path.join(MANAGED, "managed-settings.json")]
    folder = os.path.join(MANAGED, "managed-settings.d")
    if os.path.isdir(folder):
        managed += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".json")]
    for path in dict.fromkeys((*given_by_users, *managed)):
        given = looking.settings(path)
        if given.get("disableAllHooks") is True:
            yield looking.disabled(path, "disableAllHooks", TITLE)
        if path in managed and given.get("allowManagedHooksOnly") is True:
            yield looking.disabled(path, "allowManagedHooksOnly", TITLE)
        enabled = given.get("enabledPlugins")
        if isinstance(enabled, dict) and enabled.get(PLUGIN) is False:
            yield Finding(
                code="plugin_disabled",
                severity="critical",
                what=f"{path} switches the plugin {PLUGIN} off",
                why=looking.deaf(TITLE),
                next_step=f'take "{PLUGIN}" out of "enabledPlugins" in {path}',
            )


def _trust(claude_home: str, user_home: str, places: Sequence[str]) -> Iterator[Finding]:
    # With CLAUDE_CONFIG_DIR the state stands inside of it, also where that names the usual directory.
    inside = os.path.join(claude_home, ".claude.json")
    path = inside if os.path.exists(inside) else os.path.join(user_home, ".claude.json")
    projects = looking.settings(path).get("projects")
    for place in places:
        known = projects.get(place) if isinstance(projects, dict) else None
        if isinstance(known, dict) and known.get("hasTrustDialogAccepted") is False:
            yield Finding(
                code="not_trusted",
                severity="critical",
                what=f"Claude Code does not trust {place} ({path})",
                why=looking.deaf(TITLE),
                next_step=f"start claude in {place}, and say that you trust it",
            )
