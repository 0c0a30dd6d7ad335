"""Rewrites the samples of Gemini CLI: `python -m tests.runtimes.collect_gemini_samples` after a change of its version."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .gemini_cli import Gemini, read_chat
from .gemini_install import install_gemini
from .model_endpoint import Json, ModelEndpoint, ToolUse, said, when
from .probe import OUTPUTS, Probe
from .sample_files import Scrubber
from .waiting import wait_until

EVENTS = ("SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent", "PreCompress", "Notification", "SessionEnd")
AT_WORK = ("SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent")
SHELL = ToolUse("run_shell_command", {"command": "echo shell", "description": "say"})
REPLY = ToolUse("mcp_sos_reply", {"id": "1", "text": "green"})
ANSWERS = when(("run commands", [SHELL, REPLY]))
YOLO = ("--yolo",)


@dataclass(frozen=True, slots=True)
class Machine:
    """One throw-away home with its endpoint, runtime and probe."""

    root: Path
    endpoint: ModelEndpoint
    gemini: Gemini
    probe: Probe

    @property
    def scrubber(self) -> Scrubber:
        return Scrubber.of(self.root, self.gemini.home, self.gemini.binary.program)

    def write(self, name: str, session: str) -> None:
        """The hook calls so far, and the recording of a session."""
        self.scrubber.write(f"gemini.{name}.hooks.jsonl", (_call(each) for each in self.probe.calls()))
        self.scrubber.write(f"gemini.{name}.chat.jsonl", read_chat(self.gemini.chat(session)))


def _call(recorded: Json) -> Json:
    ours = ("GEMINI", "CLAUDE")
    environment = {key: value for key, value in recorded["environment"].items() if key.startswith(ours)}
    parents = [each["comm"] for each in recorded["ancestors"][1:3]]
    return {
        "stdin": recorded["stdin"],
        "transcript_size": recorded["transcript_size"],
        "environment": environment,
        "parents": parents,
    }


@contextmanager
def _machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="samples", ignore_cleanup_errors=True) as folder, ModelEndpoint(ANSWERS) as endpoint:
        root = Path(folder)
        probe = Probe(root / "notes")
        with Gemini(install_gemini(), root, endpoint.url) as gemini:
            gemini.add_extension("sos", probe.hook_command, EVENTS, probe.server_command)
            gemini.allow_server("sos")
            yield Machine(root, endpoint, gemini, probe)


def headless() -> None:
    """`gemini -p` with a shell call and a call of a tool of ours, and the session resumed."""
    with _machine() as machine:
        for event in ("SessionStart", "BeforeAgent", "AfterTool"):
            machine.probe.add_context(event, f"context of {event}")
        machine.probe.answer("AfterAgent", json.dumps({"decision": "deny", "reason": "reason of AfterAgent"}))
        run = machine.gemini.run("run commands", extra_args=YOLO)
        machine.write("headless", run.session_id)
        machine.gemini.run("again", extra_args=("--resume", "latest"))
        machine.write("resumed", run.session_id)


def terminal() -> None:
    """A terminal session: prompt, compression, another prompt, a clear, the end."""
    with _machine() as machine:
        for event in ("BeforeAgent", "AfterTool"):
            machine.probe.add_context(event, f"context of {event}")
        session = machine.gemini.interactive(extra_args=YOLO)
        session.submit("run commands")
        first = machine.probe.wait_call("AfterAgent")["stdin"]["session_id"]
        session.submit("/compress")
        machine.probe.wait_call("PreCompress", lambda stdin: bool(stdin["trigger"] == "manual"))
        session.submit("zebra crossing")
        wait_until(lambda: len(machine.probe.calls("AfterAgent")) == 2, 30, "the end of the second turn")
        session.submit("/clear")
        machine.probe.wait_call("SessionStart", lambda stdin: bool(stdin["source"] == "clear"))
        session.submit("/quit")
        session.wait_end()
        machine.write("terminal", first)


def outputs() -> None:
    """What each kind of hook output leaves in the recording, and as what it reached a request."""
    found: list[Json] = []
    for event in AT_WORK:
        for name, make in OUTPUTS.items():
            with _machine() as machine:
                make(machine.probe, event)
                run = machine.gemini.run("run commands", extra_args=YOLO)
                lines = [line for line in read_chat(run.chat) if "MARK" in json.dumps(line)]
                reached = [
                    {"request": number, "role": each.role, "text": each.text}
                    for number, request in enumerate(machine.endpoint.requests)
                    for each in said(request)
                    if "MARK" in each.text
                ]
                count = len(machine.endpoint.requests)
                entry = {"event": event, "output": name, "reached": reached, "requests": count, "lines": lines}
                found.append(machine.scrubber.clean(entry))
    Scrubber([]).write("gemini.outputs.jsonl", found)


if __name__ == "__main__":
    headless()
    terminal()
    outputs()
