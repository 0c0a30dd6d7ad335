"""What a tool that failed says, as its result carries it."""

from __future__ import annotations

from typing import Any

from sos.tools.protocol import ERROR


def failure(result: Any) -> dict[str, Any]:
    """Code, message and next step of a failed result of the official client's."""
    assert result.is_error
    assert result.structured_content is None
    made: dict[str, Any] = result.meta[ERROR]
    return made
