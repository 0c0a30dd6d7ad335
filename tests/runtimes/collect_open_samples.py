"""Rewrites the samples of Copilot CLI and OpenCode: `python -m tests.runtimes.collect_open_samples` after a version change."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from .copilot_cli import CopilotCli, install_copilot, read_events
from .model_endpoint import ModelEndpoint, ToolUse, tool_results, when
from .opencode_cli import OpenCode, ProbePlugin, install_opencode
from .probe_hook import ProbeHook
from .sample_files import SAMPLES, shortened

Json = dict[str, Any]

COPILOT_ANSWERS = when(
    ("work below", ToolUse("bash", {"command": "echo below", "description": "say"})),
    ("run a command", ToolUse("bash", {"command": "echo above", "description": "say"})),
    ("call an agent", ToolUse("task", {"agent_type": "task", "name": "sub", "description": "sub", "prompt": "work below"})),
)
OPENCODE_ANSWERS = when(
    ("work below", ToolUse("bash", {"command": "echo below", "description": "say"})),
    ("run a command", ToolUse("bash", {"command": "echo above", "description": "say"})),
    ("call an agent", ToolUse("task", {"subagent_type": "general", "description": "sub", "prompt": "work below"})),
)
HOOKS = ("chat.message", "tool.execute.before", "tool.execute.after", "shell.env", "experimental.session.compacting")
EVENTS = ("created", "status", "idle", "compacted", "error")


def _write(root: Path, name: str, values: list[Json]) -> None:
    text = "".join(json.dumps(shortened(value), ensure_ascii=False) + "\n" for value in values)
    for machine, neutral in ((str(root / "home"), "/home/user"), (str(root), "/home/user/test"), (sys.executable, "python3")):
        text = text.replace(machine, neutral)
    text = text.replace(str(root / "home").lstrip("/"), "home/user")
    (SAMPLES / name).write_text(re.sub(r"/[^\" ]*/\.cache/runtimes/", "/home/user/runtimes/", text))


def copilot() -> None:
    """A turn with a tool call, a stop that is blocked, a subagent and a resume; context at each hook that takes it."""
    with tempfile.TemporaryDirectory(prefix="samples") as folder, ModelEndpoint(COPILOT_ANSWERS) as endpoint:
        root = Path(folder)
        with CopilotCli(install_copilot(), root, endpoint.url) as machine:
            probe = ProbeHook(root / "notes")
            machine.install_probe(probe)
            for event in ("sessionStart", "userPromptSubmitted", "postToolUse"):
                probe.answer(event, json.dumps({"additionalContext": f"context of {event}"}))
            probe.answer("agentStop", json.dumps({"decision": "block", "reason": "reason of agentStop"}))
            run = machine.run("run a command")
            (probe.notes / "agentStop.json").unlink()
            machine.run("call an agent", resume=run.session_id)
            keys = ("event", "stdin", "transcript_size")
            _write(root, "copilot.hooks.jsonl", [{key: call[key] for key in keys} for call in probe.calls()])
            _write(root, "copilot.transcript.jsonl", read_events(run.transcript))


def opencode() -> None:
    """A turn with a tool call, a subagent and a compaction, in a terminal; text at each hook that takes it."""
    with tempfile.TemporaryDirectory(prefix="samples") as folder, ModelEndpoint(OPENCODE_ANSWERS) as endpoint:
        root = Path(folder)
        with OpenCode(install_opencode(), root, endpoint.url) as machine:
            probe = ProbePlugin(machine.plugins, root / "notes")
            for hook in ("chat.message", "tool.execute.after"):
                probe.add(hook, f"text of {hook}")
            session = machine.interactive()
            session.submit("run a command")
            endpoint.wait_for(lambda request: bool(tool_results(request)))
            probe.wait_call("event session.idle")
            session.submit("call an agent")
            probe.wait_call("tool.execute.after", lambda call: bool(call["arguments"][0]["tool"] == "task"))
            main = probe.calls("event session.created")[0]["arguments"][0]["sessionID"]
            ends = len(probe.calls("event session.idle")) + 1
            probe.wait_call("event session.idle", lambda _call: len(probe.calls("event session.idle")) >= ends)
            session.type("/compact")
            session.wait_screen("Compact session")
            session.press("enter")
            probe.wait_call("event session.compacted")
            wanted = {*HOOKS, *(f"event session.{name}" for name in EVENTS)}
            calls = [{"hook": call["hook"], "arguments": call["arguments"]} for call in probe.calls() if call["hook"] in wanted]
            _write(root, "opencode.hooks.jsonl", calls)
            query = """
                select 'message' as kind, id, session_id, null, time_created, data from message
                union all select 'part', id, session_id, message_id, time_created, data from part order by time_created, id"""
            names = ("table", "id", "session_id", "message_id", "time_created", "data")
            rows = [dict(zip(names, row, strict=True)) for row in machine.rows(query)]
            rows = [row | {"data": json.loads(row["data"])} for row in rows if row["session_id"]]
            _write(root, "opencode.rows.jsonl", [{"main_session": main}, *rows])


if __name__ == "__main__":
    copilot()
    opencode()
