"""The main job with the real Claude Code: what is sent stands in the model's request, and trace says so on evidence."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from .claude_code import ClaudeCode
from .machine import Machine
from .model_endpoint import ModelEndpoint, ToolUse, sees, texts
from .waiting import wait_until

Claude = Machine[ClaudeCode]


@pytest.fixture
def machine(claude: ClaudeCode) -> Claude:
    made = Machine(claude)
    made.join("coder", connect=True)
    made.join("reviewer")
    return made


@pytest.mark.promise("HOOK-014", "CONNECT-001")
def test_a_message_stands_in_the_request_and_trace_says_so(machine: Claude, endpoint: ModelEndpoint) -> None:
    identifier = machine.send("please look at the walrus")
    assert "surfaced" not in machine.facts(identifier)
    machine.runtime.run("hello")
    request = endpoint.wait_for(sees("please look at the walrus"))
    assert any(f"{identifier}]" in text for text in texts(request))
    assert machine.facts(identifier) == ["accepted", "stored", "surfaced", "in context"]


@pytest.mark.promise("CONNECT-001")
def test_what_connect_wrote_is_loaded_hooks_skill_and_monitor(machine: Claude, endpoint: ModelEndpoint) -> None:
    plugin = machine.runtime.home / ".claude" / "skills" / "sos"
    written = machine.sos("connect", "claude", "--as", "coder", "--dir", str(machine.runtime.project))["written"]
    found = {str(path.relative_to(plugin)) for path in plugin.rglob("*") if path.is_file()}
    assert {str(plugin / name) for name in found} <= set(written)
    assert found == {".claude-plugin/plugin.json", "hooks/hooks.json", "monitors/monitors.json", "skills/sos/SKILL.md",
                     "skills/sos/GUIDE.md", ".mcp.json", ".sos-owned"}  # fmt: skip
    session = machine.runtime.interactive()
    session.submit("hello")
    request = endpoint.wait_for(sees("hello"))
    said = "\n".join(texts(request))
    assert "[sos] You are coder" in said  # its hooks run
    assert "Read your inbox, reply to other agents" in said  # its skill is offered
    session.wait_idle()
    listed = subprocess.run(["pgrep", "-f", "sos wait --line"], capture_output=True, text=True, check=True).stdout.split()
    homes = [Path(f"/proc/{pid}/environ").read_bytes() for pid in listed]
    assert any(f"SOS_HOME={machine.runtime.home}/.sos\0".encode() in each for each in homes)  # its monitor waits


def test_the_resume_packet_stands_in_the_first_request(machine: Claude, endpoint: ModelEndpoint) -> None:
    machine.runtime.run("hello")
    endpoint.wait_for(sees("[sos] You are coder"))


@pytest.mark.promise("WHO-005")
def test_the_model_answers_from_its_own_shell(machine: Claude, endpoint: ModelEndpoint) -> None:
    identifier = machine.send("is it green?", "coder", "--request")
    answers: list[str | ToolUse] = [ToolUse("Bash", {"command": f"sos reply {identifier} green", "description": "reply"}), "done"]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("go on")
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "green")]
    assert machine.facts(identifier)[-1] in {"replied", "in context"}
    assert "replied" in machine.facts(identifier)


@pytest.mark.promise("MCP-008")
def test_the_model_answers_by_a_tool_of_ours(machine: Claude, endpoint: ModelEndpoint) -> None:
    identifier = machine.send("is it green?", "coder", "--request")
    called: list[str] = []

    def answer(body: Any) -> ToolUse | str:
        if called:
            return "done"
        ours = [tool["name"] for tool in body.get("tools", []) if tool["name"].endswith("__reply")]
        if not ours:  # Claude Code loads them when they are searched for
            return ToolUse("ToolSearch", {"query": "sos reply", "max_results": 10})
        called.append(ours[0])
        return ToolUse(ours[0], {"id": identifier, "text": "green, by a tool"})

    endpoint.answer = answer
    machine.runtime.run("go on", extra_args=["--allowedTools", "mcp__plugin_sos_sos"])
    assert called == ["mcp__plugin_sos_sos__reply"]
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "green, by a tool")]
    assert "replied" in machine.facts(identifier)


def test_mail_that_comes_during_a_turn_is_shown_after_the_next_tool(machine: Claude, endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(body: object) -> ToolUse | str:
        if sent:
            return "done"
        sent.append(machine.send("stop, the walrus has moved"))
        return ToolUse("Bash", {"command": "true", "description": "nothing"})

    endpoint.answer = answer
    machine.runtime.run("go on")
    endpoint.wait_for(sees("stop, the walrus has moved"))
    assert "in context" in machine.facts(sent[0])


def test_an_unbound_session_is_left_in_peace(machine: Claude, endpoint: ModelEndpoint) -> None:
    other = machine.runtime.home / "elsewhere"
    other.mkdir()
    identifier = machine.send("not for everybody")
    machine.runtime.project = other
    machine.runtime.run("hello", extra_args=["--debug"])
    assert not any("[sos]" in text for request in endpoint.requests for text in texts(request))
    tools = [tool["name"] for request in endpoint.requests for tool in request.body.get("tools", [])]
    assert not [name for name in tools if name.endswith("__reply")]
    assert machine.facts(identifier) == ["accepted", "stored"]


@pytest.mark.promise("INBOX-007")
def test_no_evidence_is_claimed_when_the_output_vanishes(machine: Claude, endpoint: ModelEndpoint) -> None:
    identifier = machine.send("into the void")  # before the harm: a command would mend the launcher
    launcher = machine.runtime.home / ".sos" / "bin" / "sos-hook"
    real = launcher.with_name("sos-hook-real")
    launcher.rename(real)
    launcher.write_text(f'#!/bin/sh\n"{real}" "$@" > /dev/null\nexit 0\n')
    launcher.chmod(0o700)
    machine.runtime.run("hello")
    facts = machine.facts(identifier)
    assert not any("into the void" in text for request in endpoint.requests for text in texts(request))
    assert "surfaced" in facts
    assert "in context" not in facts
    assert "not in context" in facts


@pytest.mark.promise("WAKE-002")
def test_an_idle_session_is_woken_without_peer_text(machine: Claude, endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("hello"))
    session.wait_idle()
    identifier = machine.send("wake up, walrus")
    request = endpoint.wait_for(sees("wake up, walrus"), timeout=60)
    woken = [text for text in texts(request) if "task-notification" in text]
    assert woken
    assert not any("walrus" in text for text in woken)
    assert identifier


@pytest.mark.promise("HOOK-015")
def test_after_a_compaction_the_resume_packet_stands_in_the_next_request(machine: Claude, endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("hello"))
    session.wait_idle()
    session.submit("/compact")
    session.wait_screen("Compacted", 60)
    session.wait_idle()
    before = len(endpoint.requests)
    session.submit("zebra")
    request = endpoint.wait_for(sees("zebra"), after=before)
    assert any("[sos] You are coder" in text for text in texts(request))


@pytest.mark.promise("WHO-008", "WHO-009")
def test_two_sessions_are_two_agents_and_a_third_on_a_taken_inbox_is_told(machine: Claude, endpoint: ModelEndpoint) -> None:
    machine.runtime.environment["SOS_AGENT"] = "reviewer"
    reviewer = machine.runtime.interactive()
    del machine.runtime.environment["SOS_AGENT"]
    coder = machine.runtime.interactive()
    # The prompt may stand there before the session's start is recorded.
    wait_until(lambda: machine.presence("coder") == "idle", 60, "the coder's session is recorded")
    for_coder = machine.send("a walrus for the coder")
    for_reviewer = str(machine.sos("send", "--as", "coder", "reviewer", "a badger for the reviewer")["id"])
    third = machine.runtime.interactive()
    told: list[str] = []
    for word in ("third here", "third again", "third at last"):  # what a busy machine's late hook leaves unsaid, the next says
        third.submit(word)
        told += texts(endpoint.wait_for(sees(word)))
        if any("Another live session" in text for text in told):
            break
        third.wait_idle()
    assert any("Another live session" in text for text in told)
    assert not any("walrus" in text for text in told)
    coder.submit("coder here")
    reviewer.submit("reviewer here")
    request = endpoint.wait_for(sees("coder here"))
    assert any("| a walrus" in text for text in texts(request))
    assert not any("badger" in text for text in texts(request))
    request = endpoint.wait_for(sees("reviewer here"))
    assert any("| a badger" in text for text in texts(request))
    assert not any("walrus" in text for text in texts(request))
    assert for_coder != for_reviewer


@pytest.mark.promise("WHO-007")
def test_a_subagent_at_work_neither_sees_nor_marks_mail(machine: Claude, endpoint: ModelEndpoint) -> None:
    sent: list[str] = []
    started: list[str] = []

    def answer(body: dict[str, Any]) -> ToolUse | str:
        main = any("count the kangaroos" in text for text in texts(body))
        if main and not started:
            started.append("agent")
            return ToolUse("Agent", {"description": "sub", "prompt": "work below", "subagent_type": "general-purpose"})
        if not main and not sent:
            sent.append(machine.send("not for the subagent"))
            return ToolUse("Bash", {"command": "true", "description": "nothing"})
        return "done"

    endpoint.answer = answer
    machine.runtime.run("count the kangaroos")
    assert sent
    below = [request for request in endpoint.requests if not any("count the kangaroos" in text for text in texts(request))]
    assert below
    assert not any("not for the subagent" in text for request in below for text in texts(request))


@pytest.mark.promise("HOOK-014", "PERF-018")
def test_a_hundred_of_a_hundred_are_proven_and_each_stood_in_a_request(machine: Claude, endpoint: ModelEndpoint) -> None:
    sent: dict[str, str] = {}
    session: str | None = None
    for turn in range(5):
        for number in range(20):
            text = f"message {turn * 20 + number} of a hundred"
            sent[machine.send(text)] = text
        session = machine.runtime.run(f"turn {turn}", resume=session).session_id
    seen = "\n".join(text for request in endpoint.requests for text in texts(request))
    for identifier, text in sent.items():
        assert f"| {text}\n" in seen
        assert machine.facts(identifier)[2:] == ["surfaced", "in context"]
