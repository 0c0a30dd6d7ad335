"""Rewrites the samples of Codex: `python -m tests.runtimes.collect_codex_samples` after a change of its version."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .codex_cli import Codex, read_rollout
from .codex_install import install_codex
from .model_endpoint import Json, ModelEndpoint, ToolUse, new_texts, said, tool_results
from .probe import OUTPUTS, Probe
from .sample_files import Scrubber

EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PreCompact",
    "PostCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "Interrupt",
    "SessionEnd",
)
WITH_CONTEXT = ("SessionStart", "UserPromptSubmit", "PostToolUse", "SubagentStart")
AT_WORK = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop")
SHELL = ToolUse("exec_command", {"cmd": "echo shell $CODEX_THREAD_ID"})
REPLY = ToolUse("reply", {"id": "1", "text": "green"}, "mcp__sos")


@dataclass(frozen=True, slots=True)
class Machine:
    """One throw-away home with its endpoint, runtime and probe; all hooks are trusted."""

    root: Path
    endpoint: ModelEndpoint
    codex: Codex
    probe: Probe

    @property
    def scrubber(self) -> Scrubber:
        return Scrubber.of(self.root, self.codex.home, self.codex.binary.program)

    def write(self, name: str, thread: str) -> None:
        """The hook calls so far, and the rollout of a thread."""
        self.scrubber.write(f"codex.{name}.hooks.jsonl", (_call(each) for each in self.probe.calls()))
        self.scrubber.write(f"codex.{name}.rollout.jsonl", read_rollout(self.codex.rollout(thread)))


def _call(recorded: Json) -> Json:
    ours = ("CODEX", "PLUGIN", "CLAUDE")
    environment = {key: value for key, value in recorded["environment"].items() if key.startswith(ours)}
    parents = [each["comm"] for each in recorded["ancestors"][1:2]]
    return {
        "stdin": recorded["stdin"],
        "transcript_size": recorded["transcript_size"],
        "environment": environment,
        "parent": parents,
    }


def _answer(body: Json) -> str | ToolUse | list[str | ToolUse]:
    new = new_texts(body)
    if "run commands" in new:
        return [SHELL, REPLY]
    if "call an agent" in new:
        return ToolUse("spawn_agent", {"message": "work below"}, "multi_agent_v1")
    if "work below" in new:
        return SHELL
    spawned = [json.loads(result) for result in tool_results(body) if '"agent_id"' in result]
    wait = [{"targets": [each["agent_id"]], "timeout_ms": 20000} for each in spawned]
    return ToolUse("wait_agent", wait[0], "multi_agent_v1") if wait else "ok"


@contextmanager
def _machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="samples", ignore_cleanup_errors=True) as folder, ModelEndpoint(_answer) as endpoint:
        root = Path(folder)
        probe = Probe(root / "notes")
        with Codex(install_codex(), root, endpoint.url) as codex:
            codex.write_hooks(probe.hook_command, EVENTS)
            codex.command("mcp", "add", "sos", "--", *probe.server_command)
            codex.trust_hooks()
            yield Machine(root, endpoint, codex, probe)


def headless() -> None:
    """`codex exec` with a shell call, a call of a tool of ours, and a subagent."""
    with _machine() as machine:
        for event in WITH_CONTEXT:
            machine.probe.add_context(event, f"context of {event}")
        machine.probe.answer("Stop", json.dumps({"decision": "block", "reason": "reason of Stop"}))
        run = machine.codex.run("run commands")
        machine.write("exec", run.thread_id)
        calls = [each["stdin"] for each in machine.probe.served() if each["stdin"] and each["stdin"]["method"] == "tools/call"]
        machine.scrubber.write("codex.exec.tool-call.jsonl", calls)
    with _machine() as machine:
        machine.probe.add_context("PostToolUse", "context of PostToolUse")
        machine.codex.run("call an agent")
        (stopped,) = machine.probe.calls("SubagentStop")
        machine.write("subagent", stopped["stdin"]["agent_id"])


def terminal() -> None:
    """A terminal session without the daemon: prompt, queued message, compaction, the prompt after it, the end."""
    with _machine() as machine:
        for event in WITH_CONTEXT:
            machine.probe.add_context(event, f"context of {event}")
        session = machine.codex.interactive(daemon=False)
        session.submit("run commands")
        thread = machine.probe.wait_call("Stop")["stdin"]["session_id"]
        session.wait_turns(1)
        machine.codex.command("queue", "--thread", thread, "--message", "two unread")
        session.wait_turns(2)
        session.submit("/compact")
        session.wait_turns(3)
        session.submit("zebra crossing")
        session.wait_turns(4)
        session.submit("/quit")
        session.wait_end()
        machine.write("terminal", thread)


def outputs() -> None:
    """What each kind of hook output leaves in the rollout, and as what it reached a request."""
    found: list[Json] = []
    for event in AT_WORK:
        for name, make in OUTPUTS.items():
            with _machine() as machine:
                make(machine.probe, event)
                run = machine.codex.run("run commands")
                lines = [line for line in read_rollout(run.rollout) if "MARK" in json.dumps(line)]
                reached = [
                    {"request": number, "role": each.role, "text": each.text}
                    for number, request in enumerate(machine.endpoint.requests)
                    for each in said(request)
                    if "MARK" in each.text
                ]
                count = len(machine.endpoint.requests)
                entry = {"event": event, "output": name, "reached": reached, "requests": count, "lines": lines}
                found.append(machine.scrubber.clean(entry))
    Scrubber([]).write("codex.outputs.jsonl", found)


if __name__ == "__main__":
    headless()
    terminal()
    outputs()
