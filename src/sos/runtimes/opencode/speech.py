"""How our plugin for OpenCode and the hook speak with each other: the plugin puts the text in place (1.18.33).

OpenCode has no hooks of its own that start a program. What stood in a request it keeps in a database that is its own, so there is
no evidence of arrival.
"""

from __future__ import annotations

from sos.model import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sos.model.agents import Bodies
    from sos.runtimes.speech import Moment
    from sos.runtimes.transcripts import Lines

NAME, TITLE = "opencode", "OpenCode"
MOMENTS: Mapping[str, Moment] = {
    "session.start": "SessionStart",
    "chat.message": "UserPromptSubmit",
    "tool.execute.after": "PostToolBatch",
    "session.idle": "Stop",
    "experimental.session.compacting": "PreCompact",
    "session.end": "SessionEnd",
}
SPEAKING: frozenset[Moment] = frozenset(("UserPromptSubmit", "PostToolBatch", "Stop"))
BODIES: Bodies = "fenced"
BUDGET = 8 * 1024
KEYS: Mapping[str, str] = {}
SUBAGENT = ""
SESSION, DAEMON = "", ""
ALONE, OVERLAPS = True, False
LINES: Lines | None = None


def answer(event: str, moment: Moment, text: str) -> str:  # the same at each moment
    """See `sos.runtimes.speech.Speech`."""
    return wire.dumps({"text": text})


def transcript(session: str, given: str, user_home: str) -> str:
    """See `sos.runtimes.speech.Speech`."""
    return ""
