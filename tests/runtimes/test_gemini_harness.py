"""The harness for Gemini CLI: how the text of a hook reaches the model, and what its recording says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .gemini_cli import Gemini, GeminiFailed, read_chat
from .model_endpoint import Json, ModelEndpoint, Said, ToolUse, new_texts, said, sees, texts, tool_results, when
from .probe import Probe, context
from .waiting import wait_until

EVENTS = ("SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent", "PreCompress", "SessionEnd")
SHELL = ToolUse("run_shell_command", {"command": "echo shell", "description": "say"})
YOLO = ("--yolo",)


@pytest.fixture
def probe(gemini: Gemini, tmp_path: Path) -> Probe:
    made = Probe(tmp_path / "notes")
    gemini.add_extension("sos", made.hook_command, EVENTS, made.server_command)
    return made


def evidence(lines: list[Json]) -> list[str]:
    """The texts of hooks that a recording says stood in the context: of prompts and of tool results."""
    parts = [part for line in lines if line.get("type") == "user" for part in line["content"]]
    found = [part.get("text") or part["functionResponse"]["response"].get("output", "") for part in parts]
    return [text.partition("<hook_context>")[2].partition("</hook_context>")[0] for text in found if "<hook_context>" in text]


def test_the_context_of_a_prompt_stands_once_in_the_request_and_in_the_recording(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe
) -> None:
    probe.add_context("BeforeAgent", "walrus one")
    run = gemini.run("hello")
    (request,) = endpoint.requests
    found = [each for each in said(request) if "walrus one" in each.text]
    assert found == [Said("user", "<hook_context>walrus one</hook_context>")]
    assert evidence(read_chat(run.chat)) == ["walrus one"]
    assert {call["stdin"]["session_id"] for call in probe.calls()} == {run.session_id}
    assert {call["stdin"]["transcript_path"] for call in probe.calls()} == {str(run.chat)}


def test_what_a_failed_request_held_is_written_and_taken_back(gemini: Gemini, endpoint: ModelEndpoint, probe: Probe) -> None:
    def fail(_body: Json) -> str:
        raise ConnectionError("the provider is down")

    probe.add_context("BeforeAgent", "walrus lost")
    endpoint.answer = fail
    with pytest.raises(GeminiFailed, match="the provider is down"):
        gemini.run("hello")
    endpoint.failures.clear()
    chat = gemini.chat(probe.calls("BeforeAgent")[0]["stdin"]["session_id"])
    lines = read_chat(chat)
    assert evidence(lines) == ["walrus lost"]
    assert [line for line in lines if line.get("type") == "gemini"] == []
    kept = [line["$set"]["messages"] for line in lines if "messages" in line.get("$set", {})][-1]
    assert evidence(kept) == []


def test_the_context_of_a_tool_stands_in_its_result_and_in_the_recording_when_the_turn_ends(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe
) -> None:
    probe.add_context("AfterTool", "walrus two")
    endpoint.answer = when(("run it", SHELL))
    run = gemini.run("run it", extra_args=YOLO)
    first, second = endpoint.requests
    assert not sees("walrus two")(first)
    (result,) = tool_results(second)
    assert result.endswith("\n\n<hook_context>walrus two</hook_context>")
    (stop,) = probe.calls("AfterAgent")
    with run.chat.open("rb") as file:
        before = file.read(stop["transcript_size"]).decode().splitlines()
    assert evidence([json.loads(line) for line in before]) == ["walrus two"]


def test_the_reason_of_a_stop_continues_the_turn_as_a_bare_user(gemini: Gemini, endpoint: ModelEndpoint, probe: Probe) -> None:
    probe.answer("AfterAgent", json.dumps({"decision": "deny", "reason": "walrus three"}))
    gemini.run("hello")
    first, second = endpoint.requests
    assert not sees("walrus three")(first)
    assert [each for each in said(second) if "walrus three" in each.text] == [Said("user", "walrus three")]
    assert [call["stdin"]["stop_hook_active"] for call in probe.calls("AfterAgent")] == [False, True]
    assert [call["stdin"]["prompt"] for call in probe.calls("BeforeAgent")] == ["hello", "walrus three"]


@pytest.mark.parametrize(
    ("event", "stdout"),
    [
        ("BeforeAgent", "walrus lost\n"),
        ("AfterAgent", context("AfterAgent", "walrus lost")),
        ("BeforeTool", context("BeforeTool", "walrus lost")),
    ],
)
def test_what_gemini_does_not_take_reaches_no_request_and_leaves_no_line(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe, event: str, stdout: str
) -> None:
    probe.answer(event, stdout)
    endpoint.answer = when(("run it", SHELL))
    run = gemini.run("run it", extra_args=YOLO)
    assert len(probe.calls(event)) == 1
    assert len(endpoint.requests) == 2
    assert not any(sees("walrus lost")(request) for request in endpoint.requests)
    assert "walrus lost" not in run.chat.read_text()


def test_a_prompt_with_the_context_of_a_session_start_is_gone_after_a_resume(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe
) -> None:
    probe.add_context("SessionStart", "walrus four")
    first = gemini.run("zebra crossing")
    assert sees("<hook_context>walrus four</hook_context>\n\nzebra crossing")(endpoint.requests[0])
    (probe.notes / "SessionStart.json").unlink()
    again = gemini.run("again", extra_args=("--resume", "latest"))
    assert (again.session_id, again.chat) == (first.session_id, first.chat)
    assert [call["stdin"]["source"] for call in probe.calls("SessionStart")] == ["startup", "resume"]
    assert not any("zebra" in text for text in texts(endpoint.requests[1]))


def test_only_the_process_tells_a_shell_call_and_a_server_their_session(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe
) -> None:
    endpoint.answer = when(("run it", ToolUse("run_shell_command", {"command": probe.look_command, "description": "look"})))
    run = gemini.run("run it", extra_args=YOLO)
    (look,) = probe.looks()
    server = probe.served()[0]
    hook = probe.calls("SessionStart")[0]
    assert hook["environment"]["GEMINI_SESSION_ID"] == run.session_id
    for each in (look, server):
        assert each["environment"]["GEMINI_CLI"] == "1"
        assert run.session_id not in each["environment"].values()
        assert hook["ancestors"][1] in each["ancestors"]


def test_headless_the_tools_of_a_server_are_offered_where_the_user_allowed_them(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe
) -> None:
    endpoint.answer = when(("call it", ToolUse("mcp_sos_reply", {"id": "1"})))
    gemini.run("call it")
    assert "not found" in tool_results(endpoint.requests[1])[0]
    gemini.allow_server("sos")
    gemini.run("call it")
    assert tool_results(endpoint.requests[3]) == ['<untrusted_context>\ncalled reply {"id": "1"}\n</untrusted_context>']


def test_nothing_marks_the_hooks_of_a_subagent(gemini: Gemini, endpoint: ModelEndpoint, probe: Probe) -> None:
    def answer(body: Json) -> ToolUse | str:
        new = new_texts(body)
        if "call it" in new:
            return ToolUse("invoke_agent", {"agent_name": "generalist", "prompt": "work below"})
        if "work below" in new:
            return SHELL
        names = {each["name"]: each for tool in body["tools"] for each in tool["functionDeclarations"]}
        if "complete_task" in names:
            return ToolUse("complete_task", {"result": "done"})
        return "done"

    endpoint.answer = answer
    run = gemini.run("call it", extra_args=YOLO)
    calls = [call["stdin"] for call in probe.calls() if "tool_name" in call["stdin"]]
    assert [(call["hook_event_name"], call["tool_name"]) for call in calls] == [
        ("BeforeTool", "invoke_agent"),
        ("BeforeTool", "run_shell_command"),
        ("AfterTool", "run_shell_command"),
        ("AfterTool", "invoke_agent"),
    ]
    assert {(call["session_id"], call["transcript_path"]) for call in calls} == {(run.session_id, str(run.chat))}
    assert set(calls[1]) == set(calls[0])


def test_a_terminal_starts_its_session_before_a_prompt_and_a_clear_starts_another(
    gemini: Gemini, endpoint: ModelEndpoint, probe: Probe
) -> None:
    session = gemini.interactive()
    first = probe.wait_call("SessionStart")["stdin"]
    assert (first["source"], endpoint.requests) == ("startup", [])
    session.submit("hello")
    probe.wait_call("AfterAgent")
    session.submit("/compress")
    probe.wait_call("PreCompress", lambda stdin: bool(stdin["trigger"] == "manual"))
    session.submit("zebra crossing")
    endpoint.wait_for(sees("zebra crossing"))
    assert len(probe.calls("SessionStart")) == 1
    wait_until(lambda: len(probe.calls("AfterAgent")) == 2, 30, "the end of the turn")
    session.submit("/clear")
    second = probe.wait_call("SessionStart", lambda stdin: bool(stdin["source"] == "clear"))["stdin"]
    (ended,) = [call["stdin"] for call in probe.calls("SessionEnd")]
    assert (ended["reason"], ended["session_id"]) == ("clear", first["session_id"])
    assert second["session_id"] != first["session_id"]


def test_an_untrusted_folder_is_refused(gemini: Gemini, probe: Probe) -> None:
    (gemini.configuration / "trustedFolders.json").unlink()
    with pytest.raises(GeminiFailed, match="exit 55"):
        gemini.run("hello")
    assert probe.calls() == []
