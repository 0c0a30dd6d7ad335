"""How Copilot CLI's hooks speak (verified with 1.0.102), and what in its events.jsonl is evidence.

It takes its own shape alone, without the name of an event, so each hook is told its event by its arguments. After a compaction no
session starts, and the next prompt brings the packet. It writes its transcript late, so that absence is never concluded.
"""

from __future__ import annotations

import os

from sos.model import wire
from sos.runtimes.transcripts import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sos.model.agents import Bodies
    from sos.runtimes.speech import Moment

NAME, TITLE = "copilot", "Copilot CLI"
MOMENTS: Mapping[str, Moment] = {
    "sessionStart": "SessionStart",
    "userPromptSubmitted": "UserPromptSubmit",
    "postToolUse": "PostToolBatch",
    "agentStop": "Stop",
    "preCompact": "PreCompact",
    "sessionEnd": "SessionEnd",
    # As a plugin's hooks may be registered:
    "SessionStart": "SessionStart",
    "UserPromptSubmit": "UserPromptSubmit",
    "PostToolUse": "PostToolBatch",
    "Stop": "Stop",
    "PreCompact": "PreCompact",
    "SessionEnd": "SessionEnd",
}
SPEAKING: frozenset[Moment] = frozenset(("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop"))
BODIES: Bodies = "fenced"
BUDGET = 8 * 1024
"""Copilot CLI cuts what a hook says behind a tool at 10 KiB."""
KEYS: Mapping[str, str] = {"session_id": "sessionId", "transcript_path": "transcriptPath"}
SUBAGENT = ""
SESSION, DAEMON = "", ""
ALONE, OVERLAPS = True, True
"""The hooks of sessionStart and of the first userPromptSubmitted were seen to run at once."""


def answer(event: str, moment: Moment, text: str) -> str:  # it takes no name of an event
    """See `sos.runtimes.speech.Speech`. At agentStop it is the next prompt."""
    return wire.dumps({"decision": "block", "reason": text} if moment == "Stop" else {"additionalContext": text})


def transcript(session: str, given: str, user_home: str) -> str:
    """It says where its transcript is at the end of a turn only; it is always there."""
    return given or os.path.join(user_home, ".copilot", "session-state", session, "events.jsonl")


def _context(made: dict[str, Any]) -> tuple[str, str]:
    kind, data = made.get("type"), made.get("data")
    if not isinstance(data, dict) or "agentId" in made:  # a subagent's stand in the same file
        return "", ""
    if kind == "user.message":
        return "user.message", str(data.get("transformedContent") or data.get("content") or "")
    result = data.get("result")
    if kind == "tool.execution_complete" and isinstance(result, dict):
        return "tool.execution_complete", str(result.get("content") or "")
    return "", ""


LINES = Lines(asking=b"", asked=lambda _made: None, context=_context)
