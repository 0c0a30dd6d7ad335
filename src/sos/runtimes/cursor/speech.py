"""How Cursor's hooks speak, as its documentation says (2026); Cursor itself was not run.

Documented: `sessionStart` and `postToolUse` take `additional_context`; `stop` takes `followup_message`, the next prompt, and says
in `loop_count` how often that was done; `beforeSubmitPrompt` takes no text. Reported by others: the editor (3.12) drops what is
said at a session's start and behind a tool, while `cursor-agent` takes it. Nothing shows what has arrived: nothing is concluded.
"""

from __future__ import annotations

from sos.model import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sos.model.agents import Bodies
    from sos.runtimes.speech import Moment
    from sos.runtimes.transcripts import Lines

NAME, TITLE = "cursor", "Cursor"
MOMENTS: Mapping[str, Moment] = {
    "sessionStart": "SessionStart",
    "beforeSubmitPrompt": "UserPromptSubmit",
    "postToolUse": "PostToolBatch",
    "stop": "Stop",
    "preCompact": "PreCompact",
    "sessionEnd": "SessionEnd",
}
SPEAKING: frozenset[Moment] = frozenset(("SessionStart", "PostToolBatch", "Stop"))
BODIES: Bodies = "fenced"
BUDGET = 8 * 1024
KEYS: Mapping[str, str] = {
    "session_id": "conversation_id",
    "cwd": "workspace_roots",
    "stop_hook_active": "loop_count",
    "ended": "status",
}
SUBAGENT = ""
SESSION, DAEMON = "", ""
ALONE, OVERLAPS = False, False
LINES: Lines | None = None


def answer(event: str, moment: Moment, text: str) -> str:
    """See `sos.runtimes.speech.Speech`. At `stop` it is the next prompt."""
    return wire.dumps({"followup_message": text} if moment == "Stop" else {"additional_context": text})


def transcript(session: str, given: str, user_home: str) -> str:  # what its transcript looks like is not documented
    """See `sos.runtimes.speech.Speech`."""
    return ""
