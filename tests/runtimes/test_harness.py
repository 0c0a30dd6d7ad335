"""The harness itself: a probe plugin in the real Claude Code, and the six ways in which its text reaches the model."""

from __future__ import annotations

import pytest

from .claude_code import ClaudeCode, RuntimeFailed, read_transcript
from .model_endpoint import Json, ModelEndpoint, ToolUse, new_texts, sees, texts, tool_results, when
from .probe_plugin import ProbePlugin, context

SAY = ToolUse("Bash", {"command": "echo $CLAUDE_CODE_SESSION_ID $PROBE_VARIABLE", "description": "say"})
AGENT = ToolUse("Agent", {"description": "sub", "prompt": "work below", "subagent_type": "general-purpose"})


@pytest.fixture
def probe(claude: ClaudeCode) -> ProbePlugin:
    return ProbePlugin(claude.plugins, claude.home.parent / "notes", monitor=True)


def evidence(lines: list[Json], event: str) -> list[Json]:
    """The transcript's lines about context that a hook of this event added."""
    wanted = ("hook_additional_context", event)
    seen = [line for line in lines if line.get("type") == "attachment"]
    return [line for line in seen if (line["attachment"]["type"], line["attachment"].get("hookEvent")) == wanted]


def test_the_context_of_a_prompt_stands_in_the_request_of_that_turn(
    claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin
) -> None:
    probe.add_context("UserPromptSubmit", "walrus one")
    run = claude.run("hello")
    assert run.stdout == "ok"
    (request,) = endpoint.requests
    assert any("UserPromptSubmit hook additional context: walrus one" in text for text in new_texts(request))
    (line,) = evidence(read_transcript(run.transcript), "UserPromptSubmit")
    assert line["attachment"]["content"] == ["walrus one"]
    assert "rendered" in line


def test_the_context_of_a_session_start_stands_in_its_first_request(
    claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin
) -> None:
    probe.add_context("SessionStart", "walrus two")
    run = claude.run("hello", session_id="11111111-2222-4333-8444-555555555555")
    assert run.session_id == "11111111-2222-4333-8444-555555555555"
    assert sees("SessionStart hook additional context: walrus two")(endpoint.requests[0])
    (call,) = probe.calls("SessionStart")
    assert call["stdin"]["source"] == "startup"
    assert call["transcript_size"] is None


def test_the_context_of_a_tool_batch_stands_in_the_next_request(
    claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin
) -> None:
    probe.answer("SessionStart", environment="export PROBE_VARIABLE=from-the-hook\n")
    probe.add_context("PostToolBatch", "walrus three")
    endpoint.answer = when(("run it", SAY))
    run = claude.run("run it")
    first, second = endpoint.requests
    assert not sees("walrus three")(first)
    assert any("PostToolBatch hook additional context: walrus three" in text for text in new_texts(second))
    assert tool_results(second) == [f"{run.session_id} from-the-hook"]


def test_the_context_of_a_stop_continues_the_turn(claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin) -> None:
    probe.add_context("Stop", "walrus four")
    claude.run("hello")
    first, second = endpoint.requests
    assert not sees("walrus four")(first)
    assert any("Stop hook additional context: walrus four" in text for text in new_texts(second))
    assert [call["stdin"]["stop_hook_active"] for call in probe.calls("Stop")] == [False, True]


def test_plain_text_after_a_tool_leaves_a_line_but_reaches_no_request(
    claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin
) -> None:
    probe.answer("PostToolUse", "walrus lost\n")
    endpoint.answer = when(("run it", SAY))
    run = claude.run("run it")
    assert not any(sees("walrus lost")(request) for request in endpoint.requests)
    (line,) = [line for line in read_transcript(run.transcript) if "walrus lost" in str(line)]
    assert line["attachment"]["type"] == "hook_success"
    assert "rendered" not in line


def test_a_monitor_line_starts_a_turn_at_an_idle_prompt(claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin) -> None:
    session = claude.interactive()
    assert probe.wait_monitor()["environment"]["CLAUDE_CODE_SESSION_ID"] == session.session_id
    assert endpoint.requests == []
    probe.wake("two unread")
    request = endpoint.wait_for(sees("two unread"))
    session.wait_idle()
    assert any('<summary>Monitor event: "probe inbox"</summary>' in text for text in new_texts(request))
    (call,) = probe.calls("UserPromptSubmit")
    assert call["stdin"]["prompt"].startswith("<task-notification>")
    assert "source" not in call["stdin"]


def test_the_hooks_of_a_subagent_carry_its_id(claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin) -> None:
    probe.add_context("PostToolBatch", "walrus five")
    endpoint.answer = when(("call it", AGENT), ("work below", SAY))
    run = claude.run("call it")
    stopped = probe.wait_call("SubagentStop")["stdin"]
    assert stopped["session_id"] == run.session_id
    batches = {call["stdin"].get("agent_id") for call in probe.calls("PostToolBatch")}
    assert batches == {None, stopped["agent_id"]}
    assert [call["stdin"].get("agent_id") for call in probe.calls("Stop")].count(None) == len(probe.calls("Stop"))
    below = [request for request in endpoint.requests if request.headers.get("x-claude-code-agent-id")]
    assert sees("walrus five")(below[-1])


def test_compaction_starts_the_session_again(claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin) -> None:
    session = claude.interactive()
    session.submit("hello there")
    endpoint.wait_for(sees("hello there"))
    session.wait_idle()
    before = session.session_id
    probe.add_context("SessionStart", "walrus six")
    session.submit("/compact")
    call = probe.wait_call("SessionStart", lambda stdin: bool(stdin["source"] == "compact"))
    session.wait_idle()
    assert call["stdin"]["session_id"] == before == session.session_id
    session.submit("zebra crossing")
    request = endpoint.wait_for(sees("zebra crossing"))
    assert sees("SessionStart hook additional context: walrus six")(request)
    assert "hello there" not in texts(request)


def test_a_resumed_session_keeps_its_id_and_a_fork_takes_a_new_one(
    claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin
) -> None:
    probe.answer("UserPromptSubmit", context("UserPromptSubmit", "walrus seven"))
    first = claude.run("hello")
    resumed = claude.run("again", resume=first.session_id)
    forked = claude.run("apart", resume=first.session_id, extra_args=["--fork-session"])
    assert resumed.session_id == first.session_id != forked.session_id
    assert [call["stdin"]["source"] for call in probe.calls("SessionStart")] == ["startup", "resume", "fork"]
    assert len(evidence(read_transcript(resumed.transcript), "UserPromptSubmit")) == 2
    assert len(evidence(read_transcript(forked.transcript), "UserPromptSubmit")) == 3
    assert all(
        line["sessionId"] == forked.session_id for line in evidence(read_transcript(forked.transcript), "UserPromptSubmit")
    )


def test_closing_the_terminal_runs_the_last_hook_and_ends_the_monitor(
    claude: ClaudeCode, endpoint: ModelEndpoint, probe: ProbePlugin
) -> None:
    session = claude.interactive()
    probe.wait_monitor()
    session.close()
    assert probe.wait_call("SessionEnd")["stdin"]["reason"] == "other"
    assert endpoint.requests == []


def test_a_refused_request_is_told(claude: ClaudeCode) -> None:
    with pytest.raises(RuntimeFailed, match="No conversation found"):
        claude.run("hello", resume="99999999-2222-4333-8444-555555555555")
