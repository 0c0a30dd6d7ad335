"""One plugin directory that Claude Code, Codex and Copilot CLI install from a marketplace file, for those who roll plugins out.

Which of them runs a hook, the variables say that each sets for a plugin's hook alone (seen with 2.1.330, 0.169.0 and 1.0.102).
Codex trusts a plugin as a whole: after a new version its user has to trust the hooks again, which `sos connect codex` avoids.
"""

from __future__ import annotations

from sos.model import wire
from sos.runtimes import launchers, plugin
from sos.runtimes.claude.connector import monitors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "sos"
EVENTS: Mapping[str, int] = {
    "SessionStart": 10, "UserPromptSubmit": 5, "PostToolBatch": 5, "PostToolUse": 5, "Stop": 10, "PreCompact": 3, "SessionEnd": 2,
}  # fmt: skip
"""Events of any of the three, and the seconds that a hook has. PostToolBatch is Claude Code's, PostToolUse of the other two."""
_OF_OTHERS = ("PostToolUse", "PreCompact")
"""Events that Claude Code has too, and at which it has nothing to hear."""


def contents(home: str, guide: str) -> dict[str, str]:
    """Every file of the marketplace: path inside → text."""
    listed = {"name": NAME, "source": f"./{NAME}", "description": plugin.DESCRIPTION}
    market = {"name": NAME, "owner": {"name": "SOS"}, "plugins": [listed]}
    hooks = {
        event: [{"hooks": [{"type": "command", "command": command(home, event), "timeout": seconds}]}]
        for event, seconds in EVENTS.items()
    }
    files = plugin.contents(home, "claude", {}, {}, guide)
    files[plugin.HOOKS] = wire.dumps({"hooks": hooks}, indent=1)
    files["monitors/monitors.json"] = monitors(home)
    made = {f"{NAME}/{path}": text for path, text in files.items()}
    return {".claude-plugin/marketplace.json": wire.dumps(market, indent=1), **made}


def command(home: str, event: str) -> str:
    """The shell line of one hook: it tells by the variables which runtime it runs in, and always ends with 0."""
    runtime = 'r=claude; [ -z "$PLUGIN_ROOT" ] || r=codex; [ -z "$COPILOT_PLUGIN_ROOT" ] || r=copilot'
    launcher = f'"{launchers.path_of(home, "sos-hook")}" $r {event}'
    if event == "PostToolBatch":
        return plugin.command(home, "claude", event, "CLAUDE_CODE_SESSION_ID")
    if event in _OF_OTHERS:
        return f"{runtime}; [ $r = claude ] || {launcher}; exit 0"
    return f"{runtime}; {launcher}; exit 0"
