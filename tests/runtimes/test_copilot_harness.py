"""What we rely on in the real Copilot CLI: where a hook's text lands, what proves it, who is told the session, and the wake."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from .copilot_cli import CopilotCli, read_events
from .model_endpoint import Json, ModelEndpoint, ToolUse, new_texts, sees, texts, tool_results, when
from .probe_hook import ProbeHook
from .stand_ins import StandIns
from .waiting import wait_until

pytestmark = pytest.mark.full

SAMPLES = Path(__file__).parent / "samples"
SAY = ToolUse("bash", {"command": "echo says $COPILOT_AGENT_SESSION_ID", "description": "say"})
SUBAGENT = ToolUse("task", {"agent_type": "task", "name": "sub", "description": "sub", "prompt": "work below"})


@pytest.fixture
def probe(copilot: CopilotCli, tmp_path: Path) -> ProbeHook:
    made = ProbeHook(tmp_path / "notes")
    copilot.install_probe(made)
    return made


def add(probe: ProbeHook, event: str, text: str) -> None:
    probe.answer(event, json.dumps({"additionalContext": text}))


def count(endpoint: ModelEndpoint, needle: str) -> list[int]:
    """How often a text stands in each request."""
    return [sum(text.count(needle) for text in texts(request)) for request in endpoint.requests]


def prompts(events: list[Json]) -> list[str]:
    """The prompts as they went to the model: the evidence for what userPromptSubmitted added."""
    found = [event["data"] for event in events if event["type"] == "user.message"]
    return [data.get("transformedContent") or data["content"] for data in found]


def test_the_context_of_a_prompt_stands_once_in_the_request_and_in_the_events(
    copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook
) -> None:
    add(probe, "userPromptSubmitted", "walrus one")
    run = copilot.run("hello")
    assert count(endpoint, "<system_reminder>\nwalrus one\n</system_reminder>") == [1]
    assert ["walrus one" in prompt for prompt in prompts(read_events(run.transcript))] == [True]
    add(probe, "userPromptSubmitted", "walrus two")
    copilot.run("again", resume=run.session_id)
    assert count(endpoint, "walrus one") == [1, 1], "it is kept"
    assert count(endpoint, "walrus two") == [0, 1]


def test_the_context_of_a_session_start_is_replaced_at_a_resume(
    copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook
) -> None:
    add(probe, "sessionStart", "walrus one")
    run = copilot.run("hello")
    add(probe, "sessionStart", "walrus two")
    copilot.run("again", resume=run.session_id)
    assert count(endpoint, "walrus one") == [1, 0], "it is no part of the conversation"
    assert count(endpoint, "walrus two") == [0, 1]
    assert [call["stdin"]["source"] for call in probe.calls("sessionStart")] == ["new", "resume"]


def test_the_context_of_a_tool_stands_in_its_result(copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook) -> None:
    add(probe, "postToolUse", "walrus three")
    endpoint.answer = when(("run it", SAY))
    run = copilot.run("run it")
    (result,) = tool_results(endpoint.requests[-1])
    assert f"says {run.session_id}\n" in result, "the shell tool knows its session"
    assert result.endswith("Additional guidance from postToolUse hooks:\nwalrus three")
    (done,) = (event["data"] for event in read_events(run.transcript) if event["type"] == "tool.execution_complete")
    assert done["result"]["content"] == result


def test_a_stop_that_is_blocked_is_a_prompt_and_the_next_stop_says_so(
    copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook
) -> None:
    probe.answer("agentStop", json.dumps({"decision": "block", "reason": "walrus four"}))
    run = copilot.run("hello")
    assert count(endpoint, "walrus four") == [0, 1]
    assert [call["stdin"]["stop_hook_active"] for call in probe.calls("agentStop")] == [False, True]
    assert [call["stdin"]["prompt"] for call in probe.calls("userPromptSubmitted")] == ["hello", "walrus four"]
    assert "walrus four" in prompts(read_events(run.transcript))[-1]


@pytest.mark.parametrize(
    "printed",
    [
        "walrus five",
        json.dumps({"hookSpecificOutput": {"hookEventName": "userPromptSubmitted", "additionalContext": "walrus five"}}),
    ],
)
def test_another_output_is_lost_and_leaves_no_evidence(
    copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook, printed: str
) -> None:
    probe.answer("userPromptSubmitted", printed)
    run = copilot.run("hello")
    assert count(endpoint, "walrus five") == [0]
    assert "walrus five" not in run.transcript.read_text()


def test_a_hook_that_hangs_is_ended_and_the_turn_goes_on(copilot: CopilotCli, endpoint: ModelEndpoint, tmp_path: Path) -> None:
    probe = ProbeHook(tmp_path / "notes")
    copilot.install_probe(probe, seconds=1)
    probe.answer("userPromptSubmitted", json.dumps({"additionalContext": "walrus six"}), seconds=60)
    copilot.run("hello", timeout=40)
    assert count(endpoint, "walrus six") == [0]


def test_a_subagent_is_told_by_its_agent_id(copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook) -> None:
    endpoint.answer = when(("work below", SAY), ("call an agent", SUBAGENT))
    run = copilot.run("call an agent")
    main, below = (call["stdin"] for call in probe.calls("userPromptSubmitted"))
    assert (main["sessionId"], "agentId" in main) == (run.session_id, False)
    assert (below["sessionId"], below["parentAgentId"]) == (below["agentId"], run.session_id)
    assert below["agentId"] != run.session_id
    events = [event for event in read_events(run.transcript) if event["type"] == "user.message"]
    assert [event.get("agentId") for event in events] == [None, below["agentId"]], "its prompt stands in the same file"


def test_the_hooks_of_a_repository_run_too_and_those_of_claude_codes_home_do_not(
    copilot: CopilotCli, endpoint: ModelEndpoint, tmp_path: Path
) -> None:
    probe = ProbeHook(tmp_path / "notes")
    for name, folder in (("home", copilot.home), ("repository", copilot.project)):
        hook = {"type": "command", "command": shlex.join(probe.command(name))}
        (folder / ".claude").mkdir()
        settings = {"hooks": {"UserPromptSubmit": [{"hooks": [hook]}]}}
        (folder / ".claude" / "settings.json").write_text(json.dumps(settings))
    copilot.run("hello")
    assert [call["event"] for call in probe.calls()] == ["repository"]
    assert endpoint.requests


def test_an_idle_session_is_woken_by_an_extension_and_its_hook_adds_the_mail(
    copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook, tmp_path: Path
) -> None:
    programs = StandIns(tmp_path / "programs")
    extension = copilot.configuration / "extensions" / "sos" / "extension.mjs"
    extension.parent.mkdir(parents=True)
    extension.write_text(programs.fill((SAMPLES / "copilot.extension.mjs").read_text()))
    copilot.settings(enabledFeatureFlags={"EXTENSIONS": True})
    add(probe, "userPromptSubmitted", "walrus seven")
    session = copilot.interactive()
    started = programs.wait_started()
    assert started["COPILOT_AGENT_SESSION_ID"] == copilot.newest_session()
    programs.line("2 unread")
    request = endpoint.wait_for(sees("2 unread"))
    assert any("2 unread\n\n<system_reminder>\nwalrus seven" in text for text in new_texts(request))
    assert probe.wait_call("userPromptSubmitted")["stdin"]["prompt"] == "2 unread"
    probe.wait_call("agentStop")
    assert "2 unread" not in session.screen()
    session.type("/clear")
    session.wait_screen("/clear")
    session.press("enter")
    assert programs.wait_started(2)["COPILOT_AGENT_SESSION_ID"] != started["COPILOT_AGENT_SESSION_ID"]
    wait_until(lambda: not Path(f"/proc/{started['pid']}").exists(), 10, "the waiting command ends with its session")


def test_an_extension_is_not_loaded_where_nobody_switched_it_on(copilot: CopilotCli, tmp_path: Path) -> None:
    programs = StandIns(tmp_path / "programs")
    extension = copilot.configuration / "extensions" / "sos" / "extension.mjs"
    extension.parent.mkdir(parents=True)
    extension.write_text(programs.fill((SAMPLES / "copilot.extension.mjs").read_text()))
    copilot.run("hello")
    assert not (programs.folder / "wait.jsonl").exists()


def test_a_session_that_is_open_has_a_lock_with_the_pid_of_its_process(
    copilot: CopilotCli, endpoint: ModelEndpoint, probe: ProbeHook
) -> None:
    session = copilot.interactive()
    session.submit("hello")
    call = probe.wait_call("agentStop")
    parent = call["ancestors"][0]["pid"]
    assert copilot.transcript(call["stdin"]["sessionId"]).with_name(f"inuse.{parent}.lock").exists()
    assert sys.executable not in call["ancestors"][0]["cmdline"]
    assert endpoint.requests
