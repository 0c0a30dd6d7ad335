"""The main job with the real Codex: headers stand in its developer message, the body comes by a tool, the reply goes back."""

from __future__ import annotations

from typing import Any

import pytest

from .codex_cli import Codex
from .machine import Machine
from .model_endpoint import ModelEndpoint, ToolUse, said, sees, tool_results, when
from .waiting import wait_until

BODY = "please look at the walrus"


@pytest.fixture
def machine(codex: Codex) -> Machine[Codex]:
    made = Machine(codex, "codex")
    made.join("coder", connect=True)
    made.join("reviewer")
    codex.trust_hooks()
    return made


def call(tool: str, **arguments: Any) -> ToolUse:
    return ToolUse(tool, arguments, "mcp__sos")


@pytest.mark.promise("CONNECT-002", "RENDER-004")
def test_a_header_stands_in_the_request_the_model_reads_and_replies_by_tool(
    machine: Machine[Codex], endpoint: ModelEndpoint
) -> None:
    identifier = machine.send(BODY, "coder", "--request")
    answers: list[ToolUse | str] = [call("read", ids=[identifier]), call("reply", id=identifier, text="it is well"), "done"]
    endpoint.answer = lambda _body: answers.pop(0) if answers else "done"
    machine.runtime.run("hello")
    first = endpoint.requests[0]
    ours = [each for each in said(first) if "[sos" in each.text and each.role != "instructions"]
    assert {each.role for each in ours} == {"developer"}
    shown = "\n".join(each.text for each in ours)
    assert f"{identifier}]" in shown
    assert "You are coder" in shown
    assert not sees(BODY)(first)
    assert any(BODY in text for text in tool_results(endpoint.requests[1]))
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "it is well")]
    assert {"surfaced", "in context", "replied"} <= set(machine.facts(identifier))


@pytest.mark.promise("CONNECT-002")
def test_mail_that_comes_during_a_turn_is_announced_after_the_next_tool(machine: Machine[Codex], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(_body: object) -> ToolUse | str:
        if sent:
            return "done"
        sent.append(machine.send("the walrus has moved"))
        return ToolUse("exec_command", {"cmd": "true"})

    endpoint.answer = answer
    machine.runtime.run("go on")
    endpoint.wait_for(sees(f"{sent[0]}]"))
    assert "in context" in machine.facts(sent[0])


@pytest.mark.promise("INBOX-007")
def test_what_vanished_on_its_way_is_known_not_to_have_arrived_and_comes_again(
    machine: Machine[Codex], endpoint: ModelEndpoint
) -> None:
    identifier = machine.send("into the void")  # before the harm: a command would mend the launcher
    launcher = machine.runtime.home / ".sos" / "bin" / "sos-hook"
    whole = launcher.read_text()
    real = launcher.with_name("sos-hook-real")
    launcher.rename(real)
    launcher.write_text(f'#!/bin/sh\n"{real}" "$@" > /dev/null\nexit 0\n')
    launcher.chmod(0o700)
    endpoint.answer = when(("hello", ToolUse("exec_command", {"cmd": "true"})))
    machine.runtime.run("hello")
    assert not any(sees(f"{identifier}]")(request) for request in endpoint.requests)
    facts = machine.facts(identifier)  # which mends the launcher
    assert launcher.read_text() == whole
    assert ("surfaced" in facts, "in context" in facts, facts[-1]) == (True, False, "not in context")
    machine.runtime.run("again")
    endpoint.wait_for(sees(f"{identifier}]"))
    assert machine.facts(identifier)[-1] == "in context"


@pytest.mark.promise("WHO-005")
def test_the_model_answers_from_its_own_shell(machine: Machine[Codex], endpoint: ModelEndpoint) -> None:
    identifier = machine.send("is it green?", "coder", "--request")
    endpoint.answer = when(("go on", ToolUse("exec_command", {"cmd": f"{machine.program} reply {identifier} green"})))
    machine.runtime.run("go on")
    inbox = machine.sos("inbox", "--as", "reviewer")
    assert [(entry["sender"], entry["text"]) for entry in inbox["entries"]] == [("coder", "green")]


def test_a_request_that_comes_at_the_end_continues_the_turn_once(machine: Machine[Codex], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []

    def answer(_body: object) -> str:
        if not sent:
            sent.append(machine.send("answer me", "coder", "--request"))
        return "done"

    endpoint.answer = answer
    machine.runtime.run("hello")
    assert len(endpoint.requests) == 2
    (asked,) = [each for each in said(endpoint.requests[1]) if f"{sent[0]}]" in each.text]
    assert asked.role == "user"
    assert asked.text.startswith("<hook_prompt ")


def test_hooks_that_are_not_trusted_are_found_and_named(codex: Codex, endpoint: ModelEndpoint) -> None:
    machine = Machine(codex, "codex")
    machine.join("coder", connect=True)
    machine.join("reviewer")
    identifier = machine.send(BODY)
    codex.run("hello")
    assert machine.facts(identifier) == ["accepted", "stored"]
    assert "not_trusted" in machine.troubles("coder")
    codex.trust_hooks()
    assert "not_trusted" not in machine.troubles("coder")
    codex.run("hello again")
    assert "surfaced" in machine.facts(identifier)


@pytest.mark.promise("DOCTOR-003", "DOCTOR-006")
def test_trust_that_does_not_fit_any_more_is_seen_by_the_deep_look_alone(machine: Machine[Codex]) -> None:
    codex = machine.runtime
    codex.environment["PATH"] = f"{codex.binary.program.parent}:{codex.environment['PATH']}"

    def found(*words: str) -> list[str]:
        examined = machine.sos("doctor", "--as", "coder", *words, check=False)
        return [f"{each['code']}: {each['what']}" for rung in examined["rungs"] for each in rung["findings"]]

    assert found("--deep") == []
    config = codex.configuration / "config.toml"
    trusted = config.read_text()
    digest = next(line for line in trusted.splitlines() if line.startswith("trusted_hash"))
    config.write_text(trusted.replace(digest, digest[:-2] + ("0" if digest[-2] != "0" else "1") + '"'))
    assert found() == []
    (said,) = found("--deep")
    assert said.startswith("not_trusted: Codex says that our hooks are modified at ")
    config.write_text(trusted)
    hooks = codex.configuration / "hooks.json"
    hooks.write_text(hooks.read_text().replace('"timeout": 5', '"timeout": 6', 1))
    assert next(each.partition(":")[0] for each in found("--deep")) == "hook_changed"
    machine.sos("doctor", "--fix", "--as", "coder")
    assert found("--deep") == []
    config.write_text(f"{trusted}\n[features]\nhooks = false\n")
    assert [each.partition(":")[0] for each in found()] == ["hooks_disabled"]
    assert codex.hooks() == []


@pytest.mark.promise("CONNECT-009")
def test_after_disconnect_every_file_is_as_it_was(codex: Codex) -> None:
    config = codex.configuration / "config.toml"
    before = config.read_bytes()
    machine = Machine(codex, "codex")
    machine.join("coder", connect=True)
    assert config.read_bytes() != before
    known = {hook["eventName"] for hook in codex.hooks()}
    assert known == {"sessionStart", "userPromptSubmit", "postToolUse", "stop", "sessionEnd"}
    machine.sos("disconnect", "codex")
    assert config.read_bytes() == before
    assert not (codex.configuration / "hooks.json").exists()
    assert not (codex.home / ".agents").exists()


def test_what_codex_wrote_since_stays_and_only_ours_is_taken_out(machine: Machine[Codex]) -> None:
    config = machine.runtime.configuration / "config.toml"
    assert "trusted_hash" in config.read_text()
    machine.sos("disconnect", "codex")
    assert "mcp_servers" not in config.read_text()
    assert "trusted_hash" in config.read_text()
    assert machine.runtime.hooks() == []


@pytest.mark.promise("PERF-019")
def test_a_hundred_of_a_hundred_are_proven_and_each_stood_in_a_request(machine: Machine[Codex], endpoint: ModelEndpoint) -> None:
    sent: list[str] = []
    thread: str | None = None
    for turn in range(5):
        sent += [machine.send(f"message {turn * 20 + number} of a hundred") for number in range(20)]
        thread = machine.runtime.run(f"turn {turn}", resume=thread).thread_id
    seen = "\n".join(each.text for request in endpoint.requests for each in said(request) if each.role == "developer")
    assert [identifier for identifier in sent if f"{identifier}]" not in seen] == []
    assert [identifier for identifier in sent if machine.facts(identifier)[2:] != ["surfaced", "in context"]] == []


@pytest.mark.promise("WAKE-005")
@pytest.mark.parametrize("daemon", [True, False])
def test_an_idle_terminal_is_woken_by_the_watch(machine: Machine[Codex], endpoint: ModelEndpoint, *, daemon: bool) -> None:
    session = machine.runtime.interactive(daemon=daemon)
    session.submit("hello")
    session.wait_turns(1)
    wait_until(lambda: machine.presence("coder") == "idle", 20, "coder is idle")
    machine.sos("watch", "add", "coder", "--notice", "codex", "--", str(machine.runtime.binary.program))
    with machine.running("watch", "run"):
        identifier = machine.send(BODY)
        request = endpoint.wait_for(sees("1 unread message for coder"))
        (notice,) = [each for each in said(request) if "1 unread message" in each.text]
        assert notice.role == "user"
        assert notice.text.startswith("[sos] A notice of this machine")
        assert sees(f"{identifier}]")(request)
        assert not sees(BODY)(request)
        wait_until(lambda: "surfaced" in machine.facts(identifier), 20, "it is marked")


@pytest.mark.promise("HOOK-006")
def test_after_a_compaction_the_packet_stands_in_the_next_request(machine: Machine[Codex], endpoint: ModelEndpoint) -> None:
    session = machine.runtime.interactive(daemon=False)
    session.submit("hello")
    endpoint.wait_for(sees("You are coder"))
    session.wait_turns(1)
    session.submit("/compact")
    session.wait_turns(2)
    session.submit("zebra crossing")
    request = endpoint.wait_for(sees("zebra crossing"))
    packets = [each for each in said(request) if "[sos] You are coder" in each.text]
    assert [each.role for each in packets] == ["developer"]
