"""Rewrites the samples of Claude Code: `python -m tests.runtimes.collect_samples` after a change of its version."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claude_code import ClaudeCode, read_transcript
from .claude_install import install_claude_code
from .model_endpoint import ModelEndpoint, ToolUse, sees, tool_results, when
from .probe_plugin import ProbePlugin, context
from .sample_files import Scrubber

Json = dict[str, Any]

BASH = ToolUse("Bash", {"command": "echo shell $CLAUDE_CODE_SESSION_ID $PROBE_VARIABLE", "description": "say"})
AGENT = ToolUse("Agent", {"description": "sub", "prompt": "work below", "subagent_type": "general-purpose"})
ANSWERS = when(("run a command", BASH), ("call an agent", AGENT), ("work below", BASH))
WITH_CONTEXT = ("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop", "SubagentStart", "SubagentStop")


@dataclass(frozen=True, slots=True)
class Machine:
    """One throw-away home with its endpoint, runtime and plugin."""

    root: Path
    endpoint: ModelEndpoint
    claude: ClaudeCode
    plugin: ProbePlugin

    @property
    def scrubber(self) -> Scrubber:
        slug = "".join(letter if letter.isalnum() else "-" for letter in str(self.claude.project))
        return Scrubber(
            [
                (slug, "-home-user-project"),
                (str(self.claude.home), "/home/user"),
                (str(self.root), "/home/user/test"),
                (str(self.claude.binary.program.parents[2]), "/home/user/runtimes"),
            ]
        )


@contextmanager
def _machine(*, monitor: bool = False) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="samples") as folder, ModelEndpoint(ANSWERS) as endpoint:
        root = Path(folder)
        with ClaudeCode(install_claude_code(), root, endpoint.url) as claude:
            yield Machine(root, endpoint, claude, ProbePlugin(claude.plugins, root / "notes", monitor=monitor))


def headless() -> None:
    """A `-p` turn with one Bash call, where every event adds context that arrives."""
    with _machine() as machine:
        for event in WITH_CONTEXT:
            machine.plugin.add_context(event, f"context of {event}")
        run = machine.claude.run("run a command")
        machine.plugin.wait_call("SessionEnd")
        machine.scrubber.write("headless.transcript.jsonl", read_transcript(run.transcript))
        machine.scrubber.write("headless.hooks.jsonl", machine.plugin.calls())


def interactive() -> None:
    """A terminal session: prompt, monitor wake, subagent, compaction, and the prompt after it."""
    with _machine(monitor=True) as machine:
        plugin, endpoint = machine.plugin, machine.endpoint
        for event in WITH_CONTEXT:
            plugin.add_context(event, f"context of {event}")
        session = machine.claude.interactive()
        plugin.wait_monitor()
        session.submit("run a command")
        endpoint.wait_for(lambda request: bool(tool_results(request)))
        plugin.wait_call("Stop", lambda call: bool(call["stop_hook_active"]))
        session.wait_idle()
        plugin.wake("two unread")
        endpoint.wait_for(sees("two unread"))
        session.wait_idle()
        session.submit("call an agent")
        plugin.wait_call("SubagentStop")
        endpoint.wait_for(sees("</task-notification>"), after=len(endpoint.requests) - 1)
        session.wait_idle()
        session.submit("/compact")
        plugin.wait_call("SessionStart", lambda call: bool(call["source"] == "compact"))
        session.wait_idle()
        session.submit("zebra crossing")
        endpoint.wait_for(sees("zebra crossing"))
        session.wait_idle()
        transcript = session.transcript
        session.close()
        machine.scrubber.write("interactive.transcript.jsonl", read_transcript(transcript))
        machine.scrubber.write("interactive.hooks.jsonl", plugin.calls())
        for path in transcript.with_suffix("").glob("subagents/agent-*.jsonl"):
            machine.scrubber.write("subagent.transcript.jsonl", read_transcript(path))


OUTPUTS: dict[str, Callable[[ProbePlugin, str], None]] = {
    "JSON, right event name": lambda plugin, event: plugin.add_context(event, "MARK"),
    "JSON, wrong event name": lambda plugin, event: plugin.answer(event, context("PreCompact", "MARK")),
    "broken JSON": lambda plugin, event: plugin.answer(event, '{"MARK": '),
    "plain text": lambda plugin, event: plugin.answer(event, "MARK\n"),
    "exit 1": lambda plugin, event: plugin.answer(event, "MARK", stderr="MARK", exit_code=1),
    "exit 2": lambda plugin, event: plugin.answer(event, "MARK", stderr="MARK", exit_code=2),
    "decision block": lambda plugin, event: plugin.answer(event, '{"decision": "block", "reason": "MARK"}'),
}


def outputs() -> None:
    """What each kind of hook output leaves in the transcript, and whether it reached a request."""
    found: list[Json] = []
    for event in ("SessionStart", "UserPromptSubmit", "PostToolUse", "PostToolBatch", "Stop"):
        for name, set_up in OUTPUTS.items():
            with _machine() as machine:
                set_up(machine.plugin, event)
                run = machine.claude.run("run a command")
                lines = [
                    line
                    for line in read_transcript(run.transcript)
                    if "MARK" in json.dumps(line) and not line["type"].startswith("api-request")
                ]
                reached = any(sees("MARK")(request) for request in machine.endpoint.requests)
                count = len(machine.endpoint.requests)
                entry = {"event": event, "output": name, "reached": reached, "requests": count, "lines": lines}
                found.append(machine.scrubber.clean(entry))
    Scrubber([]).write("outputs.jsonl", found)


if __name__ == "__main__":
    headless()
    interactive()
    outputs()
