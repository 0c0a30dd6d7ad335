"""How Gemini CLI's hooks speak (verified with 0.61.0), and what in its chat recording is evidence.

A prompt with context of SessionStart before it is dropped, prompt and all, when the session is resumed: so nothing is said there,
and the first prompt brings what a start would. Its recording writes a message again when it changes, so that absence is never
concluded.
"""

from __future__ import annotations

from sos.model import wire
from sos.runtimes.transcripts import Lines, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sos.model.agents import Bodies
    from sos.runtimes.speech import Moment

NAME, TITLE = "gemini", "Gemini CLI"
MOMENTS: Mapping[str, Moment] = {
    "SessionStart": "SessionStart",
    "BeforeAgent": "UserPromptSubmit",
    "BeforeTool": "SubagentStart",
    "AfterTool": "PostToolBatch",
    "AfterAgent": "Stop",
    "PreCompress": "PreCompact",
    "SessionEnd": "SessionEnd",
}
SPEAKING: frozenset[Moment] = frozenset(("UserPromptSubmit", "PostToolBatch", "Stop"))
BODIES: Bodies = "fenced"
BUDGET = 8 * 1024
KEYS: Mapping[str, str] = {"source": "trigger"}
SUBAGENT = "invoke_agent"
SESSION, DAEMON = "", ""
ALONE, OVERLAPS = True, False


def transcript(session: str, given: str, user_home: str) -> str:  # it says so at each event
    """See `sos.runtimes.speech.Speech`."""
    return given


def answer(event: str, moment: Moment, text: str) -> str:
    """See `sos.runtimes.speech.Speech`. At AfterAgent it is the next prompt, as it is."""
    if moment == "Stop":
        return wire.dumps({"decision": "deny", "reason": text})
    return wire.dumps({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})


def _context(made: dict[str, Any]) -> tuple[str, str]:
    content = made.get("content")
    if made.get("type") != "user" or not isinstance(content, list):
        return "", ""
    texts = []
    for part in content:
        if isinstance(part, dict):
            reply = part.get("functionResponse")
            response = reply.get("response") if isinstance(reply, dict) else None
            texts.append(text_of(part) or (str(response.get("output", "")) if isinstance(response, dict) else ""))
    return "user", "\n".join(texts)


def _read(made: dict[str, Any]) -> int | None:
    return 0 if made.get("type") == "gemini" and isinstance(made.get("tokens"), dict) else None


LINES = Lines(asking=b"", asked=lambda _made: None, context=_context, reading=b'"gemini"', read=_read)
