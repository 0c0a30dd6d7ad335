"""The main job with the real OpenCode: messages stand in the model's request, the reply goes back, an idle session is woken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .machine import Machine
from .model_endpoint import ModelEndpoint, ToolUse, sees, texts
from .opencode_cli import OpenCode
from .waiting import wait_until

pytestmark = pytest.mark.full

BODY = "please look at the walrus"


@pytest.fixture
def machine(opencode: OpenCode) -> Machine[OpenCode]:
    made = Machine(opencode, "opencode")
    made.join("coder", connect=True)
    made.join("reviewer")
    return made


def call(tool: str, **arguments: Any) -> ToolUse:
    return ToolUse(f"sos_{tool}", arguments)


@pytest.mark.promise("CONNECT-005")
def test_a_message_stands_in_the_request_once_and_the_model_replies_by_tool(
    machine: Machine[OpenCode], endpoint: ModelEndpoint
) -> None:
    identifier = machine.send(BODY, "coder", "--request")
    answers: list[ToolUse | str] = [call("reply", id=identifier, text="it is well"), "done"]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("hello")
    seen = "\n".join(texts(endpoint.requests[0]))
    assert seen.count(BODY) == 1
    assert "[sos] You are coder" in seen
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "it is well")]
    assert {"surfaced", "replied"} <= set(machine.facts(identifier))


@pytest.mark.promise("CONNECT-005")
def test_mail_that_comes_during_a_turn_is_shown_after_the_next_tool(machine: Machine[OpenCode], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(_body: object) -> ToolUse | str:
        if sent:
            return "done"
        sent.append(machine.send("the walrus has moved"))
        return ToolUse("bash", {"command": "true", "description": "nothing"})

    endpoint.answer = answer
    machine.runtime.run("go on")
    endpoint.wait_for(sees("the walrus has moved"))
    assert "surfaced" in machine.facts(sent[0])


@pytest.mark.promise("WHO-005")
def test_the_model_answers_from_its_own_shell(machine: Machine[OpenCode], endpoint: ModelEndpoint) -> None:
    identifier = machine.send("is it green?", "coder", "--request")
    command = f"{machine.program} reply {identifier} green"
    answers: list[ToolUse | str] = [ToolUse("bash", {"command": command, "description": "reply"}), "done"]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("go on")
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "green")]


@pytest.mark.promise("WAKE-005")
def test_an_idle_terminal_is_woken_by_our_plugin(machine: Machine[OpenCode], endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("You are coder"))
    wait_until(lambda: machine.presence("coder") == "idle", 20, "coder is idle")
    identifier = machine.send(BODY)
    request = endpoint.wait_for(sees("1 unread message for coder"))
    assert sees(BODY)(request)
    wait_until(lambda: "surfaced" in machine.facts(identifier), 20, "it is marked")


@pytest.mark.promise("CONNECT-009")
def test_after_disconnect_every_file_is_as_it_was(opencode: OpenCode) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in opencode.configuration.rglob("*") if path.is_file()}

    before = files()
    machine = Machine(opencode, "opencode")
    machine.join("coder", connect=True)
    assert files() != before
    machine.sos("disconnect", "opencode")
    assert files() == before


def test_a_request_that_comes_at_the_end_continues_the_turn_once(machine: Machine[OpenCode], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(body: Any) -> str:
        if not sent and any("hello" in text for text in texts(body)):
            sent.append(machine.send("answer me", "coder", "--request"))
        return "done"

    endpoint.answer = answer
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("answer me"))
    wait_until(lambda: machine.presence("coder") == "idle", 20, "coder is idle")
    assert "surfaced" in machine.facts(sent[0])


@pytest.mark.promise("HOOK-006")
def test_after_a_compaction_the_packet_stands_in_the_next_request(machine: Machine[OpenCode], endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("[sos] You are coder"))
    wait_until(lambda: machine.presence("coder") == "idle", 20, "coder is idle")
    debt = machine.runtime.home / ".sos" / "run"
    session.type("/compact")
    session.wait_screen("Compact session")
    session.press("enter")
    wait_until(lambda: any(path.name.startswith("due-") for path in debt.iterdir()), 30, "the packet is due")
    before = len(endpoint.requests)
    wait_until(lambda: len(endpoint.requests) >= before and machine.presence("coder") == "idle", 30, "it is compacted")
    session.submit("zebra crossing")
    request = endpoint.wait_for(sees("zebra crossing"))
    assert sees("[sos] You are coder")(request)
