"""The main job with the real Copilot CLI: messages stand in the model's request, the reply goes back, an idle one is woken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .copilot_cli import CopilotCli
from .machine import Machine
from .model_endpoint import ModelEndpoint, ToolUse, sees, texts
from .waiting import wait_until

pytestmark = pytest.mark.full

BODY = "please look at the walrus"


@pytest.fixture
def machine(copilot: CopilotCli) -> Machine[CopilotCli]:
    made = Machine(copilot, "copilot")
    made.join("coder", connect=True)
    made.join("reviewer")
    return made


def call(tool: str, **arguments: Any) -> ToolUse:
    return ToolUse(f"sos-{tool}", arguments)


@pytest.mark.promise("CONNECT-004")
def test_a_message_stands_in_the_request_once_and_the_model_replies_by_tool(
    machine: Machine[CopilotCli], endpoint: ModelEndpoint
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


@pytest.mark.promise("CONNECT-004")
def test_mail_that_comes_during_a_turn_is_shown_after_the_next_tool(
    machine: Machine[CopilotCli], endpoint: ModelEndpoint
) -> None:
    sent: list[str] = []

    def answer(_body: object) -> ToolUse | str:
        if sent:
            return "done"
        sent.append(machine.send("the walrus has moved"))
        return ToolUse("bash", {"command": "sleep 1", "description": "rest"})

    endpoint.answer = answer
    machine.runtime.run("go on")
    endpoint.wait_for(sees("the walrus has moved"))
    assert "surfaced" in machine.facts(sent[0])


@pytest.mark.promise("WHO-005")
def test_the_model_answers_from_its_own_shell(machine: Machine[CopilotCli], endpoint: ModelEndpoint) -> None:
    identifier = machine.send("is it green?", "coder", "--request")
    command = f"{machine.program} reply {identifier} green"
    answers: list[ToolUse | str] = [ToolUse("bash", {"command": command, "description": "reply"}), "done"]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("go on", extra_args=["--allow-all-paths"])
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "green")]


def test_a_request_that_comes_at_the_end_continues_the_turn_once(machine: Machine[CopilotCli], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(_body: object) -> str:
        if not sent:
            sent.append(machine.send("answer me", "coder", "--request"))
        return "done"

    endpoint.answer = answer
    machine.runtime.run("hello")
    assert len(endpoint.requests) == 2
    assert sees("answer me")(endpoint.requests[1])


@pytest.mark.promise("WAKE-005")
def test_an_idle_terminal_is_woken_by_our_extension(machine: Machine[CopilotCli], endpoint: ModelEndpoint) -> None:
    machine.runtime.settings(enabledFeatureFlags={"EXTENSIONS": True})
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("You are coder"))
    wait_until(lambda: machine.presence("coder") == "idle", 20, "coder is idle")
    identifier = machine.send(BODY)
    request = endpoint.wait_for(sees("1 unread message for coder"))
    assert sees(BODY)(request)
    wait_until(lambda: "surfaced" in machine.facts(identifier), 20, "it is marked")
    session.submit("and now?")
    endpoint.wait_for(sees("and now?"))
    wait_until(lambda: "in context" in machine.facts(identifier), 20, "it is proven")


@pytest.mark.promise("CONNECT-009")
def test_after_disconnect_every_file_is_as_it_was(copilot: CopilotCli) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in copilot.configuration.rglob("*") if path.is_file()}

    (copilot.configuration / "mcp-config.json").write_text('{"mcpServers": {"mine": {"command": "x"}}}')
    before = files()
    machine = Machine(copilot, "copilot")
    machine.join("coder", connect=True)
    assert files() != before
    machine.sos("disconnect", "copilot")
    assert files() == before


@pytest.mark.promise("HOOK-006")
def test_after_a_compaction_the_packet_stands_in_the_next_request(machine: Machine[CopilotCli], endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("[sos] You are coder"))
    wait_until(lambda: machine.presence("coder") == "idle", 20, "coder is idle")
    debt = machine.runtime.home / ".sos" / "run"
    session.submit("/compact")
    wait_until(lambda: any(path.name.startswith("due-") for path in debt.iterdir()), 30, "the packet is due")
    session.submit("zebra crossing")
    endpoint.wait_for(lambda request: sees("zebra crossing")(request) and sees("[sos] You are coder")(request), 60)
