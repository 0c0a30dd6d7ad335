"""A hook and an MCP server that record how a runtime starts them, and answer with what the test asked for."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .waiting import wait_until

Json = dict[str, Any]

# What both scripts note of the process they are. Values that may be secrets are left out, and so are long ones.
SURROUNDINGS = """
import json, os, re, sys, time
from pathlib import Path

def ancestors():
    pid, found = os.getpid(), []
    while pid > 1:
        try:
            status = dict(l.split(":\\t", 1) for l in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\\t" in l)
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\\0")
        except OSError:
            break
        found.append({"pid": pid, "comm": status["Name"], "cmdline": " ".join(words)[:300]})
        pid = int(status["PPid"])
    return found

def surroundings():
    secret = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
    environment = {k: "<secret>" if secret.search(k) else v[:300] for k, v in sorted(os.environ.items())}
    return {"time": time.time(), "argv": sys.argv, "cwd": os.getcwd(), "environment": environment, "ancestors": ancestors(),
            "group": os.getpgrp(), "session": os.getsid(0)}

def note(path, value):
    with open(path, "a") as file:
        file.write(json.dumps(value) + "\\n")
"""

# A Stop (AfterAgent) that was caused by such a hook gets no answer, or the turn would never end. `{n}` in an answer is the
# number of the call of this event.
HOOK = """
folder = Path(sys.argv[1])
began = time.time()
call = json.load(sys.stdin)
transcript = Path(call.get("transcript_path") or "/nonexistent")
size = transcript.stat().st_size if transcript.exists() else None
event = call["hook_event_name"]
path = folder / "calls.jsonl"
written = path.read_text().splitlines(keepends=True) if path.exists() else []
earlier = [json.loads(line) for line in written if line.endswith("\\n")]  # others may be writing
number = 1 + sum(1 for each in earlier if each["stdin"]["hook_event_name"] == event)
note(path, {**surroundings(), "stdin": call, "transcript_size": size})
answer = folder / (event + ".json")
if answer.exists() and not call.get("stop_hook_active"):
    answer = json.loads(answer.read_text())
    time.sleep(answer["sleep"])
    note(folder / "answered.jsonl", {"event": event, "began": began, "ended": time.time()})
    sys.stdout.write(answer["stdout"].replace("{n}", str(number)))
    sys.stderr.write(answer["stderr"].replace("{n}", str(number)))
    sys.stdout.flush()
    sys.exit(answer["exit"])
"""

# The two tools of ours that matter most to a model, over lines of JSON-RPC.
MCP_SERVER = """
folder = Path(sys.argv[1])
note(folder / "mcp.jsonl", {**surroundings(), "stdin": None})
schema = {"type": "object", "properties": {"id": {"type": "string"}, "text": {"type": "string"}}}
known = json.loads(sys.argv[2])
tools = [{"name": n, "description": n + " probe", "inputSchema": schema, "annotations": known} for n in ("reply", "inbox")]
for line in sys.stdin:
    asked = json.loads(line)
    note(folder / "mcp.jsonl", {"time": time.time(), "stdin": asked, "parent": os.getppid()})
    if "id" not in asked:
        continue
    method = asked["method"]
    if method == "initialize":
        result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "probe", "version": "0.1.0"}, "instructions": "instructions of the probe"}
    elif method == "tools/list":
        result = {"tools": tools}
    elif method == "tools/call":
        called = asked["params"]
        result = {"content": [{"type": "text", "text": "called " + called["name"] + " " + json.dumps(called.get("arguments"))}]}
    elif method == "ping":
        result = {}
    else:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": method}}), flush=True)
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


def context(event: str, text: str) -> str:
    """The standard hook answer that adds text to the model's context."""
    return json.dumps({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})


class Probe:
    """The scripts of a test and what they recorded, in the folder `notes`; `annotations` are those of the server's tools."""

    def __init__(self, notes: Path, *, annotations: Json | None = None) -> None:
        self.notes = notes
        self._annotations = json.dumps(annotations or {})
        notes.mkdir(parents=True)
        (notes / "hook.py").write_text(SURROUNDINGS + HOOK)
        (notes / "server.py").write_text(SURROUNDINGS + MCP_SERVER)
        (notes / "look.py").write_text(
            SURROUNDINGS + 'note(Path(sys.argv[1]) / "looks.jsonl", surroundings())\nprint("looked")\n'
        )

    @property
    def hook_command(self) -> str:
        """The shell line of the hook."""
        return shlex.join([sys.executable, "-I", str(self.notes / "hook.py"), str(self.notes)])

    @property
    def server_command(self) -> list[str]:
        """Program and arguments of the MCP server, with the tools `reply` and `inbox`."""
        return [sys.executable, "-I", str(self.notes / "server.py"), str(self.notes), self._annotations]

    @property
    def look_command(self) -> str:
        """A shell line for the model: it records its surroundings and prints "looked"."""
        return shlex.join([sys.executable, "-I", str(self.notes / "look.py"), str(self.notes)])

    def answer(self, event: str, stdout: str = "", *, stderr: str = "", exit_code: int = 0, sleep: float = 0.0) -> None:
        """What the hook prints at every following `event`, after `sleep` seconds."""
        value = {"stdout": stdout, "stderr": stderr, "exit": exit_code, "sleep": sleep}
        (self.notes / f"{event}.json").write_text(json.dumps(value))

    def add_context(self, event: str, text: str) -> None:
        self.answer(event, context(event, text))

    def calls(self, event: str | None = None) -> list[Json]:
        """Recorded hook calls, oldest first: stdin, environment, ancestors, transcript_size (None: no file) and so on."""
        return [call for call in self._lines("calls.jsonl") if event in (None, call["stdin"]["hook_event_name"])]

    def looks(self) -> list[Json]:
        """What each run of `look_command` recorded."""
        return self._lines("looks.jsonl")

    def served(self) -> list[Json]:
        """What the MCP servers recorded: surroundings at their start (`stdin` None), then each message."""
        return self._lines("mcp.jsonl")

    def spans(self, event: str) -> list[tuple[float, float]]:
        """When each hook of an event that answered began and ended, in seconds since the epoch."""
        return [(each["began"], each["ended"]) for each in self._lines("answered.jsonl") if each["event"] == event]

    def wait_call(self, event: str, predicate: Callable[[Json], bool] | None = None, timeout: float = 30.0) -> Json:
        """The first recorded call of `event` whose stdin satisfies the predicate."""

        def look() -> Json | None:
            return next((c for c in self.calls(event) if predicate is None or predicate(c["stdin"])), None)

        return wait_until(look, timeout, f"a {event} hook call")

    def _lines(self, name: str) -> list[Json]:
        path = self.notes / name
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


# What a hook can say, by name; each is the answer at one event.
OUTPUTS: dict[str, Callable[[Probe, str], None]] = {
    "JSON, right event name": lambda probe, event: probe.add_context(event, "MARK"),
    "JSON, wrong event name": lambda probe, event: probe.answer(event, context("PreCompact", "MARK")),
    "JSON, no event name": lambda probe, event: probe.answer(event, '{"hookSpecificOutput": {"additionalContext": "MARK"}}'),
    "broken JSON": lambda probe, event: probe.answer(event, '{"MARK": '),
    "plain text": lambda probe, event: probe.answer(event, "MARK\n"),
    "exit 1": lambda probe, event: probe.answer(event, "MARK", stderr="MARK", exit_code=1),
    "exit 2": lambda probe, event: probe.answer(event, "MARK", stderr="MARK", exit_code=2),
    "decision block": lambda probe, event: probe.answer(event, '{"decision": "block", "reason": "MARK"}'),
}
