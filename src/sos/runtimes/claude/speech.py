"""How Claude Code's hooks speak (verified with 2.1.330)."""

from __future__ import annotations

from sos.model import wire
from sos.runtimes.claude.evidence import LINES as LINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sos.model.agents import Bodies
    from sos.runtimes.speech import Moment

NAME, TITLE = "claude", "Claude Code"
MOMENTS: Mapping[str, Moment] = {
    "SessionStart": "SessionStart",
    "UserPromptSubmit": "UserPromptSubmit",
    "PostToolBatch": "PostToolBatch",
    "Stop": "Stop",
    "SessionEnd": "SessionEnd",
}
SPEAKING: frozenset[Moment] = frozenset(("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop"))
BODIES: Bodies = "fenced"
BUDGET = 8 * 1024
"""Claude Code spills a hook's output above 10,000 characters into a file."""
KEYS: Mapping[str, str] = {}
SUBAGENT = ""
SESSION, DAEMON = "CLAUDE_CODE_SESSION_ID", ""
ALONE, OVERLAPS = False, False


def transcript(session: str, given: str, user_home: str) -> str:  # it says so at each event
    """See `sos.runtimes.speech.Speech`."""
    return given


def answer(event: str, moment: Moment, text: str) -> str:  # the same JSON at each moment
    """See `sos.runtimes.speech.Speech`."""
    return wire.dumps({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})
