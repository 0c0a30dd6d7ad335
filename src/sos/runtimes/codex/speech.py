"""How Codex's hooks speak (verified with 0.169.0), and what in its rollout is evidence.

Hook text lands verbatim in a developer message: no peer-written body may stand there, only our headers with their ids. What a
hook printed and Codex threw away leaves no line at all: once a model has read what was written down after it, it did not arrive.
"""

from __future__ import annotations

from sos.model import wire
from sos.model.times import parse_iso
from sos.runtimes.transcripts import Lines, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sos.model.agents import Bodies
    from sos.model.times import Millis
    from sos.runtimes.speech import Moment

NAME, TITLE = "codex", "Codex"
MOMENTS: Mapping[str, Moment] = {
    "SessionStart": "SessionStart",
    "UserPromptSubmit": "UserPromptSubmit",
    "PostToolUse": "PostToolBatch",
    "Stop": "Stop",
    "SessionEnd": "SessionEnd",
}
SPEAKING: frozenset[Moment] = frozenset(("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop"))
BODIES: Bodies = "headers"
BUDGET = 6 * 1024
"""Codex spills a hook's output above 2,500 tokens into a file; headers have about three bytes a token."""
KEYS: Mapping[str, str] = {}
SUBAGENT = ""
SESSION, DAEMON = "", "app-server"
"""Its terminals share one daemon, whose hooks have the environment of the first of them (seen with 0.169.0)."""
ALONE, OVERLAPS = False, False


def transcript(session: str, given: str, user_home: str) -> str:  # it says so at each event
    """See `sos.runtimes.speech.Speech`."""
    return given


def answer(event: str, moment: Moment, text: str) -> str:
    """See `sos.runtimes.speech.Speech`. At Stop it is a user message, between tags that name it a hook's."""
    if moment == "Stop":
        return wire.dumps({"decision": "block", "reason": text})
    return wire.dumps({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})


def _context(made: dict[str, Any]) -> tuple[str, str]:
    payload = made.get("payload")
    if made.get("type") != "response_item" or not isinstance(payload, dict) or payload.get("type") != "message":
        return "", ""
    text = text_of(payload.get("content"))
    if payload.get("role") == "developer":
        return "response_item (developer)", text
    if payload.get("role") == "user" and text.startswith("<hook_prompt "):
        return "response_item (hook_prompt)", text
    return "", ""


def _sequence(made: dict[str, Any], name: str) -> int | None:
    metadata = made.get("metadata")
    found = metadata.get(name) if isinstance(metadata, dict) else None
    return found if isinstance(found, int) else None


def _written(made: dict[str, Any]) -> tuple[Millis, str] | None:
    at = parse_iso(str(made.get("timestamp"))) if made.get("type") == "response_item" else None
    return None if at is None else (at, "response_item")


LINES = Lines(
    asking=b'"response_item"',
    asked=_written,
    context=_context,
    reading=b'"sampled_through_sequence"',
    read=lambda made: _sequence(made, "sampled_through_sequence"),
    placed=lambda made: _sequence(made, "history_sequence") or 0,
)
