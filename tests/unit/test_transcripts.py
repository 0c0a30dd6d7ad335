"""What is new in a transcript, and what of it proves that a message stood in the context: by the lines of each runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sos.model.times import parse_iso
from sos.runtimes import codex, copilot, gemini, transcripts
from sos.runtimes.codex import speech as codex_speech
from sos.runtimes.copilot import speech as copilot_speech
from sos.runtimes.gemini import speech as gemini_speech
from sos.runtimes.transcripts import Lines

MARK = "[sos abc id-1]"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(*lines: dict[str, Any]) -> Path:
        path = tmp_path / "transcript.jsonl"
        with path.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        return path

    return made


def found(lines: Lines | None, path: Path, offset: int = 0) -> tuple[list[str], int]:
    assert lines is not None
    look = transcripts.look(lines, str(path), offset, [MARK])
    return [where.partition(" at byte")[0] for where in look.arrived.values()], look.offset


def item(role: str, text: str, sequence: int, read: int) -> dict[str, Any]:
    message = {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
    order = {"history_sequence": sequence, "sampled_through_sequence": read}
    return {"type": "response_item", "payload": message, "metadata": order}


@pytest.mark.promise("HOOK-013")
def test_codex_proves_what_a_model_has_read_and_nothing_sooner(write: Write) -> None:
    path = write(item("user", "hello", 4, 0), item("developer", f"{MARK} request", 5, 0))
    first = len(json.dumps(item("user", "hello", 4, 0))) + 1
    assert found(codex_speech.LINES, path) == ([], first)
    write(item("assistant", "of an earlier request", 6, 4))
    assert found(codex_speech.LINES, path, first) == ([], first)
    write(item("assistant", "done", 7, 5))
    assert found(codex_speech.LINES, path, first) == (["response_item (developer)"], path.stat().st_size)


@pytest.mark.promise("INBOX-007")
def test_in_codex_a_request_is_proven_by_what_a_model_has_read_since(write: Write) -> None:
    def asked(path: Path, offset: int = 0) -> tuple[object, str]:
        look = transcripts.look(codex_speech.LINES, str(path), offset, [MARK])
        return look.asked_at, look.asked.partition(" at byte")[0]

    def at(second: int, **fields: Any) -> dict[str, Any]:
        return {"timestamp": f"2026-11-29T12:00:{second:02}.000Z", **fields}

    path = write(at(1, **item("user", "hello", 1, 0)), at(2, **item("assistant", "of an earlier request", 2, 0)))
    assert asked(path) == (None, "")  # nothing of it was read yet
    write(at(3, **item("assistant", "done", 3, 1)))
    assert asked(path) == (parse_iso("2026-11-29T12:00:01Z"), "response_item")
    size = path.stat().st_size
    write(at(4, **item("user", "more", 4, 3)), at(5, type="event_msg", metadata={"history_sequence": 5}))
    assert asked(path, size) == (None, "")
    write(at(6, **item("assistant", "done", 6, 4)))
    assert asked(path, size) == (parse_iso("2026-11-29T12:00:04Z"), "response_item")


@pytest.mark.promise("HOOK-013")
def test_in_codex_a_stop_reason_counts_and_what_a_user_or_a_tool_says_does_not(write: Write) -> None:
    output = {"type": "response_item", "payload": {"type": "function_call_output", "output": MARK}}
    path = write(item("user", f"a user quotes {MARK}", 1, 0), output, {"type": "event_msg", "payload": {"message": MARK}})
    write(item("assistant", "done", 3, 2))
    assert found(codex_speech.LINES, path)[0] == []
    write(item("user", f'<hook_prompt hook_run_id="stop:1">{MARK}</hook_prompt>', 4, 3), item("assistant", "done", 5, 4))
    assert found(codex_speech.LINES, path)[0] == ["response_item (hook_prompt)"]


@pytest.mark.promise("HOOK-013")
def test_gemini_proves_what_stands_before_an_answer(write: Write) -> None:
    shown = {"type": "user", "content": [{"text": f"<hook_context>{MARK}</hook_context>"}]}
    path = write({"sessionId": "x"}, {"type": "user", "content": [{"text": "hello"}], "displayContent": [{"text": MARK}]})
    write({"type": "gemini", "content": "", "tokens": {"total": 1}})
    before = path.stat().st_size
    assert found(gemini_speech.LINES, path) == ([], before)
    write(shown, {"$set": {"lastUpdated": "now"}}, {"type": "gemini", "content": "not yet"})
    assert found(gemini_speech.LINES, path, before) == ([], before)
    write({"type": "gemini", "content": "done", "tokens": {"total": 1}})
    assert found(gemini_speech.LINES, path, before)[0] == ["user"]


@pytest.mark.promise("HOOK-013")
def test_gemini_proves_what_was_added_to_the_result_of_a_tool(write: Write) -> None:
    response = {"functionResponse": {"name": "t", "response": {"output": f"ok\n\n<hook_context>{MARK}</hook_context>"}}}
    call = {"type": "gemini", "content": "", "tokens": {"total": 1}, "toolCalls": [{"result": [response]}]}
    path = write(call)
    assert found(gemini_speech.LINES, path)[0] == []
    write({"type": "user", "content": [response]}, {"type": "gemini", "content": "done", "tokens": {"total": 2}})
    assert found(gemini_speech.LINES, path)[0] == ["user"]


@pytest.mark.promise("HOOK-013")
def test_copilot_proves_what_was_sent_and_not_what_a_hook_said(write: Write) -> None:
    path = write({"type": "hook.end", "data": {"output": {"additionalContext": MARK}}})
    assert found(copilot_speech.LINES, path)[0] == []
    below = {"type": "user.message", "agentId": "sub", "data": {"transformedContent": MARK}}
    assert found(copilot_speech.LINES, write(below))[0] == []
    assert found(copilot_speech.LINES, write({"type": "user.message", "data": {"transformedContent": MARK}}))[0] == [
        "user.message"
    ]


@pytest.mark.parametrize("runtime", [codex, gemini, copilot])
@pytest.mark.parametrize("line", ["[]", '"x"', "{", '{"type": "user", "content": [[1], null, {"text": 5}]}', '{"payload": 7}'])
def test_a_line_of_another_form_is_no_evidence_and_no_error(tmp_path: Path, runtime: Any, line: str) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_text(f'{line} {MARK} "gemini" "sampled_through_sequence"\n{line}\n')
    assert found(runtime.speech.LINES, path)[0] == []
