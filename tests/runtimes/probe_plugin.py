"""A plugin for Claude Code that records every hook call and answers with what the test asked for."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .waiting import wait_until

Json = dict[str, Any]

EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolBatch",
    "Stop",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "SessionEnd",
)

# A shell line starts this file with Python; it imports nothing of ours. A Stop that was caused by a Stop hook gets no
# answer, or the turn would never end.
RECORDER = """
import json, os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
call = json.load(sys.stdin)
transcript = Path(call.get("transcript_path") or "/nonexistent")
note = {
    "time": time.time(), "stdin": call, "parent": os.getppid(),
    "environment": {k: v for k, v in os.environ.items() if k.startswith("CLAUDE")},
    "transcript_size": transcript.stat().st_size if transcript.exists() else None,
}
with open(folder / "calls.jsonl", "a") as file:
    file.write(json.dumps(note) + "\\n")
answer = folder / (call["hook_event_name"] + ".json")
if answer.exists() and not call.get("stop_hook_active"):
    answer = json.loads(answer.read_text())
    if answer["environment"] and os.environ.get("CLAUDE_ENV_FILE"):
        with open(os.environ["CLAUDE_ENV_FILE"], "a") as file:
            file.write(answer["environment"])
    sys.stdout.write(answer["stdout"])
    sys.stderr.write(answer["stderr"])
    sys.stdout.flush()
    sys.exit(answer["exit"])
"""

# Prints each line that is appended to the file `wake`, and notes its environment first.
MONITOR = """
import json, os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "monitor.tmp").write_text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ), "cwd": os.getcwd()}))
(folder / "monitor.tmp").rename(folder / "monitor.json")
(folder / "wake").touch()
def session_lives():
    try:
        os.kill(int(os.environ["CLAUDE_PID"]), 0)
    except ProcessLookupError:
        return False
    return True
with open(folder / "wake") as lines:
    while session_lives():  # the parent is a shell, which survives a killed session
        line = lines.readline()
        if line:
            print(line, end="", flush=True)
        else:
            time.sleep(0.05)
"""


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def context(event: str, text: str) -> str:
    """The standard hook answer that adds text to the model's context."""
    return json.dumps({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})


class ProbePlugin:
    """The plugin `probe` in a skills folder; `notes` holds what it recorded."""

    def __init__(self, skills: Path, notes: Path, *, monitor: bool = False) -> None:
        self.folder = skills / "probe"
        self.notes = notes
        notes.mkdir(parents=True)
        _write_json(
            self.folder / ".claude-plugin" / "plugin.json",
            {"name": "probe", "version": "0.1.0", "description": "Records hook calls", "author": {"name": "tests"}},
        )
        command = self._script("recorder.py", RECORDER)
        hooks = {event: [{"hooks": [{"type": "command", "command": command, "timeout": 10}]}] for event in EVENTS}
        _write_json(self.folder / "hooks" / "hooks.json", {"hooks": hooks})
        if monitor:
            entry = {"name": "inbox", "command": self._script("monitor.py", MONITOR), "description": "probe inbox"}
            _write_json(self.folder / "monitors" / "monitors.json", [entry])

    def answer(self, event: str, stdout: str = "", *, stderr: str = "", exit_code: int = 0, environment: str = "") -> None:
        """What the hook prints at every following `event`; `environment` goes to CLAUDE_ENV_FILE where there is one."""
        value = {"stdout": stdout, "stderr": stderr, "exit": exit_code, "environment": environment}
        _write_json(self.notes / f"{event}.json", value)

    def add_context(self, event: str, text: str) -> None:
        self.answer(event, context(event, text))

    def calls(self, event: str | None = None) -> list[Json]:
        """Recorded calls, oldest first: time, stdin, environment (CLAUDE*), parent, transcript_size (None: no file)."""
        path = self.notes / "calls.jsonl"
        if not path.exists():
            return []
        lines = path.read_text().splitlines(keepends=True)
        calls: list[Json] = [json.loads(line) for line in lines if line.endswith("\n")]
        return [call for call in calls if event in (None, call["stdin"]["hook_event_name"])]

    def wait_call(self, event: str, predicate: Callable[[Json], bool] | None = None, timeout: float = 30.0) -> Json:
        """The first recorded call of `event` whose stdin satisfies the predicate."""

        def look() -> Json | None:
            return next((c for c in self.calls(event) if predicate is None or predicate(c["stdin"])), None)

        return wait_until(look, timeout, f"a {event} hook call")

    def wake(self, line: str) -> None:
        """Let the monitor print one line."""
        with (self.notes / "wake").open("a") as file:
            file.write(line + "\n")

    def wait_monitor(self, timeout: float = 30.0) -> Json:
        """What the monitor process noted at its start: pid, environment, cwd."""
        path = self.notes / "monitor.json"
        wait_until(path.exists, timeout, "the monitor process")
        note: Json = json.loads(path.read_text())
        return note

    def _script(self, name: str, text: str) -> str:
        path = self.folder / "scripts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return shlex.join([sys.executable, "-I", str(path), str(self.notes)])
