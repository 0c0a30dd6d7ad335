"""What a Claude Code transcript proves about a message: that it stood in the context, or that a request went without it.

What counts are the lines that say what became context: `hook_additional_context`, whatever has `rendered`, the request's own
blobs.
"""

from __future__ import annotations

from sos.model.times import parse_iso
from sos.runtimes.transcripts import Lines, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.times import Millis


def _asked(made: dict[str, Any]) -> tuple[Millis, str] | None:
    if made.get("type") != "api-request" or not isinstance(made.get("timestamp"), str):
        return None
    at = parse_iso(made["timestamp"])
    return None if at is None else (at, "api-request")


def _context(made: dict[str, Any]) -> tuple[str, str]:
    match made.get("type"):
        case "attachment":
            attachment = made.get("attachment")
            kind = attachment.get("type") if isinstance(attachment, dict) else None
            if kind == "hook_additional_context" or (kind == "hook_success" and "rendered" in made):
                event = attachment.get("hookEvent", "") if isinstance(attachment, dict) else ""
                return f"{kind} ({event})", text_of(made.get("rendered")) or text_of(attachment)
        case "api-request-blob":
            message = made.get("message")
            if isinstance(message, dict) and message.get("role") in {"user", "system"}:
                return f"api-request-blob ({message['role']})", text_of(message.get("content"))
        case "user" if made.get("isMeta") is True:
            return "user (Stop hook feedback)", text_of(made.get("message"))
    return "", ""


LINES = Lines(asking=b'"api-request"', asked=_asked, context=_context)
