"""The two doors out of a command: whatever text comes to them, no screen is harmed."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos.cli import output


@pytest.mark.promise("RENDER-003")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_nothing_that_does_not_print_passes_either_door(capsys: pytest.CaptureFixture[str], text: str) -> None:
    capsys.readouterr()
    output.answer(f"{text}\x1b[2J\u202e")
    output.remark(f"{text}\x1b[2J\u202e")
    said = capsys.readouterr()
    assert said.out == said.err
    assert all(character.isprintable() or character in "\n\t" for character in said.out)
    assert said.out.endswith("\\u{1b}[2J\\u{202e}\n")


@pytest.mark.promise("RENDER-010")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.sampled_from(["</hook_context>", "\\<system-reminder>", '"</task-notification>"']))
def test_a_value_passes_as_json_and_comes_back_as_it_was(capsys: pytest.CaptureFixture[str], text: str) -> None:
    capsys.readouterr()
    output.value({"text": text, text: [text]})
    said = capsys.readouterr().out
    assert json.loads(said) == {"text": text, text: [text]}
    assert "<" not in said
    assert said.removesuffix("\n").isprintable()
