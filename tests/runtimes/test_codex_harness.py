"""The harness for Codex CLI: how the text of a hook reaches the model, and what its rollout says of it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from .codex_cli import Codex, CodexFailed, read_rollout
from .model_endpoint import Json, ModelEndpoint, Said, ToolUse, new_texts, said, sees, tool_results, when
from .probe import Probe, context

EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "SessionEnd",
)


@pytest.fixture
def probe(codex: Codex, tmp_path: Path) -> Probe:
    made = Probe(tmp_path / "notes")
    codex.write_hooks(made.hook_command, EVENTS)
    return made


def evidence(lines: list[Json]) -> list[str]:
    """The texts of hooks that a rollout says stood in the context."""
    payloads = [line["payload"] for line in lines if line["type"] == "response_item"]
    return [
        payload["content"][0]["text"]
        for payload in payloads
        if payload["type"] == "message"
        and "hooks.additional_context" in payload["internal_chat_message_metadata_passthrough"].get("content_item_kinds", [])
    ]


def test_hooks_that_nobody_trusted_do_not_run(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    assert {hook["trustStatus"] for hook in codex.hooks()} == {"untrusted"}
    run = codex.run("hello")
    assert run.text == "ok"
    assert len(endpoint.requests) == 1
    assert probe.calls() == []


def test_the_context_of_trusted_hooks_stands_once_in_the_request_and_in_the_rollout(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe
) -> None:
    probe.add_context("SessionStart", "walrus one")
    probe.add_context("UserPromptSubmit", "walrus two")
    codex.trust_hooks()
    assert {hook["trustStatus"] for hook in codex.hooks()} == {"trusted"}
    run = codex.run("hello")
    (request,) = endpoint.requests
    assert [each for each in said(request) if "walrus" in each.text] == [
        Said("developer", "walrus one"),
        Said("developer", "walrus two"),
    ]
    assert evidence(read_rollout(run.rollout)) == ["walrus one", "walrus two"]
    assert {call["stdin"]["session_id"] for call in probe.calls()} == {run.thread_id}
    assert {call["stdin"]["transcript_path"] for call in probe.calls()} == {str(run.rollout)}


def test_the_rollout_says_how_far_the_model_has_read(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    def unread(rollout: Path) -> list[str]:
        lines = [line for line in read_rollout(rollout) if line["type"] == "response_item"]
        read = max(line["metadata"]["sampled_through_sequence"] for line in lines)
        return evidence([line for line in lines if line["metadata"]["history_sequence"] > read])

    def fail(_body: Json) -> str:
        raise ConnectionError("the provider is down")

    probe.add_context("UserPromptSubmit", "walrus {n}")
    codex.trust_hooks()
    endpoint.answer = fail
    with pytest.raises(CodexFailed, match="the provider is down"):
        codex.run("hello")
    endpoint.failures.clear()
    thread = probe.calls("UserPromptSubmit")[0]["stdin"]["session_id"]
    assert unread(codex.rollout(thread)) == ["walrus 1"]
    endpoint.answer = when()
    run = codex.run("again", resume=thread)
    assert evidence(read_rollout(run.rollout)) == ["walrus 1", "walrus 2"]
    assert unread(run.rollout) == []


def test_the_context_of_a_tool_stands_before_its_result_and_in_the_rollout_before_the_next_hook(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe
) -> None:
    probe.add_context("PostToolUse", "walrus three")
    codex.trust_hooks()
    endpoint.answer = when(("run it", ToolUse("exec_command", {"cmd": "echo shell"})))
    run = codex.run("run it")
    first, second = endpoint.requests
    assert not sees("walrus three")(first)
    context, result = [each for each in said(second) if each.text == "walrus three" or each.role == "tool"]
    assert context == Said("developer", "walrus three")
    assert "shell" in result.text
    (stop,) = probe.calls("Stop")
    with run.rollout.open("rb") as file:
        before = file.read(stop["transcript_size"]).decode().splitlines()
    assert evidence([json.loads(line) for line in before]) == ["walrus three"]


def test_the_reason_of_a_stop_continues_the_turn_as_a_user(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    probe.answer("Stop", json.dumps({"decision": "block", "reason": "walrus four"}))
    codex.trust_hooks()
    run = codex.run("hello")
    first, second = endpoint.requests
    assert not sees("walrus four")(first)
    (found,) = [each for each in said(second) if "walrus four" in each.text]
    assert found.role == "user"
    assert re.fullmatch(r'<hook_prompt hook_run_id="stop:[^"]+">walrus four</hook_prompt>', found.text)
    assert [call["stdin"]["stop_hook_active"] for call in probe.calls("Stop")] == [False, True]
    payloads = [line["payload"] for line in read_rollout(run.rollout) if line["type"] == "response_item"]
    assert [payload["role"] for payload in payloads if "walrus four" in str(payload)] == ["user"]


@pytest.mark.parametrize(
    ("event", "stdout"),
    [
        ("Stop", context("Stop", "walrus lost")),
        ("PostToolUse", "walrus lost\n"),
        ("UserPromptSubmit", json.dumps({"hookSpecificOutput": {"additionalContext": "walrus lost"}})),
    ],
)
def test_what_codex_does_not_take_reaches_no_request_and_leaves_no_line(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe, event: str, stdout: str
) -> None:
    probe.answer(event, stdout)
    codex.trust_hooks()
    endpoint.answer = when(("run it", ToolUse("exec_command", {"cmd": "echo shell"})))
    run = codex.run("run it")
    assert len(probe.calls(event)) == 1
    assert len(endpoint.requests) == 2
    assert not any(sees("walrus lost")(request) for request in endpoint.requests)
    assert "walrus lost" not in run.rollout.read_text()


def test_a_hook_that_hangs_costs_its_timeout_and_its_text(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    probe.answer("UserPromptSubmit", context("UserPromptSubmit", "walrus late"), sleep=60)
    codex.trust_hooks()
    run = codex.run("hello", timeout=50)
    assert run.text == "ok"
    (request,) = endpoint.requests
    assert not sees("walrus late")(request)
    assert "walrus late" not in run.rollout.read_text()


def test_the_hooks_of_two_tools_run_at_the_same_time(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    probe.answer("PostToolUse", context("PostToolUse", "walrus"), sleep=1)
    codex.trust_hooks()
    endpoint.answer = when(("run both", [ToolUse("exec_command", {"cmd": f"echo {number}"}) for number in (1, 2)]))
    codex.run("run both")
    first, second = sorted(probe.spans("PostToolUse"))
    assert second[0] < first[1]


def test_a_shell_call_knows_its_thread_and_a_call_of_a_tool_carries_it(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe
) -> None:
    codex.command("mcp", "add", "sos", "--", *probe.server_command)
    codex.trust_hooks()
    endpoint.answer = when(
        ("run it", [ToolUse("exec_command", {"cmd": probe.look_command}), ToolUse("reply", {"id": "1"}, "mcp__sos")])
    )
    run = codex.run("run it")
    (look,) = probe.looks()
    assert look["environment"]["CODEX_THREAD_ID"] == run.thread_id
    server, *messages = probe.served()
    (call,) = [each["stdin"] for each in messages if each["stdin"]["method"] == "tools/call"]
    assert call["params"]["_meta"]["x-codex-turn-metadata"]["thread_id"] == run.thread_id
    for each in (server["environment"], probe.calls()[0]["environment"]):
        assert run.thread_id not in each.values()
    runtime = probe.calls()[0]["ancestors"][1]
    assert runtime["comm"] == "codex"
    assert runtime in look["ancestors"]
    assert runtime in server["ancestors"]


@pytest.mark.parametrize(
    ("annotations", "runs"),
    [({}, False), ({"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}, True)],
)
def test_in_a_sandbox_the_annotations_of_a_tool_decide_whether_exec_calls_it(
    codex: Codex, endpoint: ModelEndpoint, tmp_path: Path, annotations: Json, runs: bool
) -> None:
    probe = Probe(tmp_path / "notes", annotations=annotations)
    codex.command("mcp", "add", "sos", "--", *probe.server_command)
    endpoint.answer = when(("call it", ToolUse("reply", {"id": "1"}, "mcp__sos")))
    codex.run("call it", extra_args=["--sandbox", "workspace-write"])
    (result,) = tool_results(endpoint.requests[1])
    assert ("called reply" in result) is runs
    assert ("MCP tool call requires approval, but approval policy is never" in result) is not runs


def test_a_changed_file_of_a_plugin_silences_its_hooks(codex: Codex, endpoint: ModelEndpoint, tmp_path: Path) -> None:
    probe = Probe(tmp_path / "notes")
    codex.add_plugin(tmp_path / "market", "sos", probe.hook_command, EVENTS)
    codex.trust_hooks()
    codex.run("hello")
    assert len(probe.calls("UserPromptSubmit")) == 1
    (tmp_path / "market" / "sos" / "another.txt").write_text("another")
    codex.command("plugin", "add", "sos@sos")
    assert {hook["trustStatus"] for hook in codex.hooks()} == {"modified"}
    codex.run("hello again")
    assert len(probe.calls("UserPromptSubmit")) == 1
    assert len(endpoint.requests) == 2


def test_the_hooks_of_a_subagent_carry_its_id(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    probe.add_context("PostToolUse", "walrus five")
    codex.trust_hooks()

    def answer(body: Json) -> ToolUse | str:
        new = new_texts(body)
        if "call it" in new:
            return ToolUse("spawn_agent", {"message": "work below"}, "multi_agent_v1")
        if "work below" in new:
            return ToolUse("exec_command", {"cmd": "echo shell"})
        spawned = [json.loads(result) for result in tool_results(body) if "agent_id" in result]
        wait = [{"targets": [each["agent_id"]], "timeout_ms": 20000} for each in spawned]
        return ToolUse("wait_agent", wait[0], "multi_agent_v1") if wait else "done"

    endpoint.answer = answer
    run = codex.run("call it")
    (stopped,) = [call["stdin"] for call in probe.calls("SubagentStop")]
    below = [call["stdin"] for call in probe.calls() if call["stdin"].get("agent_id")]
    assert {each["agent_id"] for each in below} == {stopped["agent_id"]} != {run.thread_id}
    assert {each["session_id"] for each in below} == {run.thread_id}
    rollout = str(codex.rollout(stopped["agent_id"]))
    assert {each["transcript_path"] for each in below if each["hook_event_name"] == "PostToolUse"} == {rollout}
    assert evidence(read_rollout(Path(rollout))) == ["walrus five"]


def test_a_queued_message_wakes_an_idle_terminal_as_a_user(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    probe.add_context("UserPromptSubmit", "walrus six")
    codex.trust_hooks()
    session = codex.interactive()
    assert probe.calls() == []  # nothing is known of a session before its first prompt
    session.submit("hello")
    thread = probe.wait_call("Stop")["stdin"]["session_id"]
    session.wait_turns(1)
    before = len(endpoint.requests)
    done = codex.command("queue", "--thread", thread, "--message", "two unread")
    assert re.fullmatch(rf"Queued message \S+ for thread {thread}\.\n", done.stdout)
    request = endpoint.wait_for(sees("two unread"), after=before)
    assert said(request)[-2:] == [Said("user", "two unread"), Said("developer", "walrus six")]
    assert probe.calls("UserPromptSubmit")[-1]["stdin"]["prompt"] == "two unread"


def test_a_closed_thread_is_unlocked_and_what_is_queued_for_it_waits_until_it_is_opened(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe
) -> None:
    codex.trust_hooks()
    session = codex.interactive(daemon=False)
    session.submit("hello")
    thread = probe.wait_call("Stop")["stdin"]["session_id"]
    session.wait_turns(1)
    assert codex.is_loaded(thread)
    session.submit("/quit")
    session.wait_end()
    assert not codex.is_loaded(thread)
    assert probe.wait_call("SessionEnd")["stdin"]["session_id"] == thread
    before = len(endpoint.requests)
    assert codex.command("queue", "--thread", thread, "--message", "two unread").returncode == 0
    opened = datetime.now(UTC)
    codex.interactive(daemon=False, extra_args=["resume", thread])
    request = endpoint.wait_for(sees("two unread"), after=before)
    assert request.arrived > opened
    unknown = codex.command("queue", "--thread", "99999999-2222-4333-8444-555555555555", "--message", "x", check=False)
    assert (unknown.returncode, "no rollout found" in unknown.stderr) == (1, True)


def test_after_a_compaction_the_session_starts_again_with_the_next_prompt(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe
) -> None:
    codex.trust_hooks()
    session = codex.interactive(daemon=False)
    session.submit("hello")
    thread = probe.wait_call("Stop")["stdin"]["session_id"]
    session.wait_turns(1)
    probe.add_context("SessionStart", "walrus seven")
    session.submit("/compact")
    probe.wait_call("PostCompact")
    session.wait_turns(2)
    assert len(probe.calls("SessionStart")) == 1
    session.submit("zebra crossing")
    request = endpoint.wait_for(sees("zebra crossing"))
    started = probe.calls("SessionStart")[-1]["stdin"]
    assert (started["source"], started["session_id"]) == ("compact", thread)
    assert said(request)[-2:] == [Said("developer", "walrus seven"), Said("user", "zebra crossing")]
