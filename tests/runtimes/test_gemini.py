"""The main job with the real Gemini CLI: messages stand in the model's request, and the reply goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .gemini_cli import Gemini
from .machine import Machine
from .model_endpoint import ModelEndpoint, ToolUse, new_texts, said, sees
from .waiting import wait_until

BODY = "please look at the walrus"
WITH_TOOLS = ("--allowed-mcp-server-names", "sos")


@pytest.fixture
def machine(gemini: Gemini) -> Machine[Gemini]:
    made = Machine(gemini, "gemini")
    made.join("coder", connect=True)
    made.join("reviewer")
    return made


def call(tool: str, **arguments: Any) -> ToolUse:
    return ToolUse(f"mcp_sos_{tool}", arguments)


@pytest.mark.promise("CONNECT-003")
def test_a_message_stands_in_the_request_once_and_the_model_replies_by_tool(
    machine: Machine[Gemini], endpoint: ModelEndpoint
) -> None:
    identifier = machine.send(BODY, "coder", "--request")
    answers: list[ToolUse | str] = [call("reply", id=identifier, text="it is well"), "done"]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("hello", extra_args=WITH_TOOLS)
    ours = [each for each in said(endpoint.requests[0]) if BODY in each.text]
    assert [each.role for each in ours] == ["user"]
    assert ours[0].text.count(BODY) == 1
    assert "[sos] You are coder" in ours[0].text
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "it is well")]
    assert {"surfaced", "replied"} <= set(machine.facts(identifier))


@pytest.mark.promise("CONNECT-003")
def test_mail_that_comes_during_a_turn_is_shown_after_the_next_tool(machine: Machine[Gemini], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(_body: object) -> ToolUse | str:
        if sent:
            return "done"
        sent.append(machine.send("the walrus has moved"))
        return call("whoami")

    endpoint.answer = answer
    machine.runtime.run("go on", extra_args=WITH_TOOLS)
    endpoint.wait_for(sees("the walrus has moved"))
    assert "in context" in machine.facts(sent[0])


@pytest.mark.promise("WHO-005")
def test_the_model_answers_from_its_own_shell(machine: Machine[Gemini], endpoint: ModelEndpoint) -> None:
    identifier = machine.send("is it green?", "coder", "--request")
    answers: list[ToolUse | str] = [
        ToolUse("run_shell_command", {"command": f"{machine.program} reply {identifier} green"}),
        "done",
    ]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("go on", extra_args=["--yolo"])
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "green")]


def test_a_request_that_comes_at_the_end_continues_the_turn_once(machine: Machine[Gemini], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(_body: object) -> str:
        if not sent:
            sent.append(machine.send("answer me", "coder", "--request"))
        return "done"

    endpoint.answer = answer
    machine.runtime.run("hello")
    assert len(endpoint.requests) == 2
    assert sees("answer me")(endpoint.requests[1])


@pytest.mark.promise("CONNECT-009")
def test_after_disconnect_every_file_is_as_it_was(gemini: Gemini) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in gemini.configuration.rglob("*") if path.is_file()}

    before = files()
    machine = Machine(gemini, "gemini")
    machine.join("coder", connect=True)
    assert "sos" in gemini.command("extensions", "list").stderr
    machine.sos("disconnect", "gemini")
    assert {path: data for path, data in files().items() if path in before} == before
    assert not (gemini.configuration / "extensions").exists()


@pytest.mark.promise("PERF-019")
def test_a_hundred_of_a_hundred_are_proven_and_each_stood_in_a_request(machine: Machine[Gemini], endpoint: ModelEndpoint) -> None:
    sent: dict[str, str] = {}
    resumed: list[str] = []
    for turn in range(5):
        for number in range(20):
            text = f"message {turn * 20 + number} of a hundred"
            sent[machine.send(text)] = text
        machine.runtime.run(f"turn {turn}", extra_args=resumed)
        resumed = ["--resume", "latest"]
    seen = "\n".join(each.text for request in endpoint.requests for each in said(request))
    assert [text for text in sent.values() if f"| {text}\n" not in seen] == []
    assert [identifier for identifier in sent if machine.facts(identifier)[2:] != ["surfaced", "in context"]] == []


def test_mail_that_comes_while_a_subagent_works_is_shown_to_the_agent_alone(
    machine: Machine[Gemini], endpoint: ModelEndpoint
) -> None:
    sent: list[str] = []

    def answer(body: Any) -> ToolUse | str:
        new = new_texts(body)
        if any("call it" in text for text in new):
            return ToolUse("invoke_agent", {"agent_name": "generalist", "prompt": "work below"})
        if any("work below" in text for text in new) and not sent:
            sent.append(machine.send("not for the subagent"))
            return ToolUse("run_shell_command", {"command": "true"})
        if sent and any("complete_task" in str(tool) for tool in body.get("tools", [])):
            return ToolUse("complete_task", {"result": "done below"})
        return "done"

    endpoint.answer = answer
    machine.runtime.run("call it", extra_args=["--yolo"])
    assert sent
    seen = [request for request in endpoint.requests if sees("not for the subagent")(request)]
    assert seen
    assert all(sees("call it")(request) for request in seen)


@pytest.mark.promise("HOOK-006")
def test_after_a_compression_the_packet_stands_in_the_next_request(machine: Machine[Gemini], endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("[sos] You are coder"))
    session.wait_screen("ok")
    debt = machine.runtime.home / ".sos" / "run"
    session.submit("/compress")
    wait_until(lambda: any(path.name.startswith("due-") for path in debt.iterdir()), 30, "the packet is due")
    session.submit("zebra crossing")
    request = endpoint.wait_for(sees("zebra crossing"))
    assert any("[sos] You are coder" in text for text in new_texts(request))
    wait_until(lambda: not any(path.name.startswith("due-") for path in debt.iterdir()), 30, "it was shown")
