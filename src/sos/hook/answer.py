"""What Claude Code reads on a hook's standard output."""

from __future__ import annotations

from sos.model import wire

SPEAKING = ("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop")
"""Events whose output reaches the model; SessionEnd's does not."""


def context(event: str, text: str) -> str:
    """The JSON that puts `text` into the context at `event`. At Stop it also continues the turn."""
    return wire.dumps({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})
