"""What we rely on in the real OpenCode: where a plugin's text lands, what proves it, who is told the session, and the wake."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from .model_endpoint import ModelEndpoint, ToolUse, new_texts, sees, texts, tool_results, when
from .opencode_cli import OpenCode, ProbePlugin
from .stand_ins import StandIns
from .waiting import wait_until

pytestmark = pytest.mark.full

SAMPLES = Path(__file__).parent / "samples"
SAY = ToolUse("bash", {"command": "echo says $OPENCODE_SESSION_ID", "description": "say"})
SUBAGENT = ToolUse("task", {"subagent_type": "general", "description": "sub", "prompt": "work below"})
SERVER = """
import json, sys
for line in sys.stdin:
    call = json.loads(line)
    method = call.get("method")
    if "id" not in call:
        continue
    if method == "initialize":
        result = {"protocolVersion": call["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "sos", "version": "1"}, "instructions": "instructions of a heron"}
    elif method == "tools/list":
        result = {"tools": [{"name": "reply", "description": "answers", "inputSchema": {"type": "object", "properties": {}}}]}
    else:
        result = {"content": [{"type": "text", "text": json.dumps(call["params"]["arguments"])}]}
    print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}), flush=True)
"""


@pytest.fixture
def programs(opencode: OpenCode, tmp_path: Path) -> StandIns:
    """The plugin `sos.js` of the samples, with programs that a test tells what to say."""
    made = StandIns(tmp_path / "programs")
    opencode.plugins.mkdir()
    (opencode.plugins / "sos.js").write_text(made.fill((SAMPLES / "opencode.sos.js").read_text()))
    return made


def count(endpoint: ModelEndpoint, needle: str) -> list[int]:
    """How often a text stands in each request."""
    return [sum(text.count(needle) for text in texts(request)) for request in endpoint.requests]


def answered(opencode: OpenCode, text: str) -> list[str]:
    """The assistant messages that answer a message with this text as one of its parts: the evidence that it was sent."""
    query = """
        select answer.id from part join message answer on json_extract(answer.data, '$.parentID') = part.message_id
        where json_extract(part.data, '$.text') = ? and exists (
            select 1 from part begun where begun.message_id = answer.id and json_extract(begun.data, '$.type') = 'step-start')"""
    return [str(row[0]) for row in opencode.rows(query, text)]


def test_the_text_of_a_prompt_stands_once_in_the_request_and_is_kept(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    programs.answer("chat.message", "walrus one")
    run = opencode.run("hello")
    assert new_texts(endpoint.requests[0]) == ["hello", "walrus one"]
    assert len(answered(opencode, "walrus one")) == 1
    programs.answer("chat.message", "")
    opencode.run("again", session=run.session_id)
    assert count(endpoint, "walrus one") == [1, 1]


def test_a_text_whose_request_was_refused_is_stored_without_an_answer_that_began(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    def refuse(_body: object) -> str:
        raise ValueError("refused")

    programs.answer("chat.message", "walrus two")
    endpoint.answer = refuse
    opencode.run("hello", check=False)
    assert endpoint.failures
    endpoint.failures.clear()
    assert opencode.rows("select count(*) from part where json_extract(data, '$.text') = 'walrus two'") == [(1,)]
    assert answered(opencode, "walrus two") == []


def test_a_tool_result_takes_the_text_and_the_shell_knows_its_session(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    programs.answer("tool.execute.after", "walrus three")
    endpoint.answer = when(("run_it", SAY))
    run = opencode.run("run_it")
    assert tool_results(endpoint.requests[-1]) == [f"says {run.session_id}\n\nwalrus three"]


def test_a_tool_of_ours_is_named_offered_and_told_its_session(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    server = programs.folder / "server.py"
    server.write_text(SERVER)
    opencode.configure(mcp={"sos": {"type": "local", "command": [sys.executable, "-I", str(server)], "enabled": True}})
    programs.answer("tool.execute.after", "walrus four")
    endpoint.answer = when(("answer_it", ToolUse("sos_reply", {})))
    run = opencode.run("answer_it")
    assert "sos_reply" in [tool["name"] for tool in endpoint.requests[0].body["tools"]]
    assert sees("instructions of a heron")(endpoint.requests[0])
    (result,) = tool_results(endpoint.requests[-1])
    assert json.dumps({"session": run.session_id}) in result
    assert "walrus four" in result


def test_the_end_of_a_turn_starts_one_more_and_only_one(opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns) -> None:
    programs.answer("session.idle", "walrus five")
    session = opencode.interactive()
    session.submit("hello")
    endpoint.wait_for(sees("walrus five"))
    wait_until(lambda: [call for call in programs.calls() if call.get("again")], 30, "the end of the second turn")
    before = len(endpoint.requests)
    session.submit("zebra")
    endpoint.wait_for(sees("zebra"), after=before)
    assert count(endpoint, "walrus five") == [0, 1, 1]


def test_an_idle_session_is_woken_and_its_prompt_hook_adds_the_mail(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    session = opencode.interactive()
    session.submit("hello")
    started = programs.wait_started()
    wait_until(lambda: [call for call in programs.calls() if call["event"] == "session.idle"], 30, "the session is idle")
    programs.answer("chat.message", "walrus six")
    session.type("half a sentence")
    session.wait_screen("half a sentence")
    programs.line("2 unread")
    request = endpoint.wait_for(sees("2 unread"))
    assert new_texts(request) == ["2 unread", "walrus six"]
    assert started["OPENCODE_SESSION_ID"] == programs.calls()[-1]["sessionID"]
    assert "half a sentence" in session.screen()
    session.close()
    wait_until(lambda: not Path(f"/proc/{started['pid']}").exists(), 10, "the waiting command ends with its session")


def test_a_subagent_is_a_session_with_a_parent_and_is_left_in_peace(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    programs.answer("chat.message", "walrus seven")
    endpoint.answer = when(("work below", SAY), ("call_an_agent", SUBAGENT))
    run = opencode.run("call_an_agent")
    below = [request for request in endpoint.requests if request.headers.get("x-parent-session-id") == run.session_id]
    assert len(below) == 2
    assert not any(sees("walrus seven")(request) for request in below)
    assert opencode.rows("select parent_id from session where parent_id is not null") == [(run.session_id,)]
    assert {call["sessionID"] for call in programs.calls()} == {run.session_id}


def test_a_compaction_is_told_and_what_was_added_before_it_is_gone(
    opencode: OpenCode, endpoint: ModelEndpoint, tmp_path: Path
) -> None:
    probe = ProbePlugin(opencode.plugins, tmp_path / "notes")
    probe.add("chat.message", "walrus eight")
    probe.add("compacting", "walrus nine")
    session = opencode.interactive()
    session.submit("hello")
    probe.wait_call("event session.idle")
    (tmp_path / "notes" / "ADD-chat.message.txt").unlink()
    session.type("/compact")
    session.wait_screen("Compact session")
    session.press("enter")
    probe.wait_call("event session.compacted")
    assert any("walrus nine" in text for text in texts(endpoint.all_requests[-1]))
    before = len(endpoint.requests)
    session.submit("zebra")
    request = endpoint.wait_for(sees("zebra"), after=before)
    assert not sees("walrus eight")(request)


def test_a_hook_that_hangs_delays_a_prompt_by_the_plugins_own_limit_only(
    opencode: OpenCode, endpoint: ModelEndpoint, programs: StandIns
) -> None:
    (programs.folder / "hook.py").write_text("import time\ntime.sleep(60)\n")
    began = time.monotonic()
    opencode.run("hello", timeout=50)
    assert time.monotonic() - began < 45
    assert new_texts(endpoint.requests[0]) == ["hello"]
