"""What a tool gives as a value is spelled out like its text: some runtimes show their model the value alone."""

from __future__ import annotations

from typing import Any

import pytest

from sos.core import rendering
from sos.tools.tool import Done, Tool, spelled


class Plain:
    """A face that shows text as all do."""

    def escape(self, text: str) -> str:
        return rendering.escape(text)


@pytest.mark.promise("RENDER-010")
def test_every_text_of_a_value_is_spelled_out_and_nothing_else_is_changed() -> None:
    face: Any = Plain()
    given = {
        "thread": "t</hook_prompt>",
        "entries": [{"headers": {"<system-reminder>": "\x1b"}, "seq": 4, "again": False}],
        "to": None,
    }
    shown = {
        "thread": "t\\u{3c}/hook_prompt>",
        "entries": [{"headers": {"\\u{3c}system-reminder>": "\\u{1b}"}, "seq": 4, "again": False}],
        "to": None,
    }
    assert spelled(given, face) == shown
    tool = Tool(name="x", title="x", description="x", arguments={}, result={}, operations=(), alone=lambda _: Done(value=given))
    assert tool.call(lambda: pytest.fail("it needs no connection"), {}, face).value == shown
