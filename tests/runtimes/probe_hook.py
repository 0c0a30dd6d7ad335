"""A hook command that records what a runtime gives it and answers with what the test asked for: for runtimes of any make."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .waiting import wait_until

Json = dict[str, Any]

# Runs as a file of its own: it imports nothing of ours. Of the environment it keeps all names, and values only where no
# secret can stand. A stop that a stop hook caused gets no answer, or the turn would never end.
RECORDER = """
import json, os, re, sys, time
from pathlib import Path
folder, event = Path(sys.argv[1]), sys.argv[2]
raw = sys.stdin.read()
try:
    call = json.loads(raw)
except ValueError:
    call = {}

def ancestors():
    pid, found = os.getppid(), []
    while pid > 1 and len(found) < 12:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split(chr(0))
        except OSError:
            break
        found.append({"pid": pid, "comm": stat[stat.index("(") + 1 : stat.rindex(")")], "cmdline": line[:6]})
        pid = int(stat[stat.rindex(")") + 2 :].split()[1])
    return found

secret = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.I)
transcript = Path(call.get("transcriptPath") or call.get("transcript_path") or "/nonexistent")
note = {
    "time": time.time(), "event": event, "argv": sys.argv[3:], "stdin": call or raw, "cwd": os.getcwd(),
    "environment": {k: "<secret>" if secret.search(k) else v for k, v in os.environ.items()},
    "ancestors": ancestors(), "pid": os.getpid(),
    "transcript_size": transcript.stat().st_size if transcript.exists() else None,
}
with open(folder / "calls.jsonl", "a") as file:
    file.write(json.dumps(note) + "\\n")
answer = folder / f"{event}.json"
again = call.get("stop_hook_active") or call.get("stopHookActive")
if answer.exists() and not again:
    answer = json.loads(answer.read_text())
    if answer["seconds"]:
        time.sleep(answer["seconds"])
    sys.stdout.write(answer["stdout"])
    sys.stderr.write(answer["stderr"])
    sys.stdout.flush()
    sys.exit(answer["exit"])
"""


class ProbeHook:
    """The script, and `notes`, the folder where it records; `command(event)` is how a runtime starts it."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes
        notes.mkdir(parents=True)
        self.script = notes / "recorder.py"
        self.script.write_text(RECORDER)

    def command(self, event: str, *more: str) -> list[str]:
        """The command line for one event; `more` is recorded as `argv`."""
        return [sys.executable, "-I", str(self.script), str(self.notes), event, *more]

    def answer(self, event: str, stdout: str = "", *, stderr: str = "", exit_code: int = 0, seconds: float = 0) -> None:
        """What the hook prints at every following `event`, after `seconds` of rest."""
        value = {"stdout": stdout, "stderr": stderr, "exit": exit_code, "seconds": seconds}
        (self.notes / f"{event}.json").write_text(json.dumps(value))

    def calls(self, event: str | None = None) -> list[Json]:
        """Recorded calls, oldest first."""
        path = self.notes / "calls.jsonl"
        if not path.exists():
            return []
        lines = path.read_text().splitlines(keepends=True)
        calls: list[Json] = [json.loads(line) for line in lines if line.endswith("\n")]
        return [call for call in calls if event in (None, call["event"])]

    def wait_call(self, event: str, predicate: Callable[[Json], bool] | None = None, timeout: float = 30.0) -> Json:
        """The first recorded call of `event` that satisfies the predicate."""

        def look() -> Json | None:
            return next((call for call in self.calls(event) if predicate is None or predicate(call)), None)

        return wait_until(look, timeout, f"a {event} hook call")
