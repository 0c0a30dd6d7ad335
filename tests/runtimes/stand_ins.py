"""Stand-ins for the commands that a plugin of ours starts: a hook that answers from a file, and one that waits for lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .waiting import wait_until

Json = dict[str, Any]

HOOK = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
call = json.load(sys.stdin)
with open(folder / "hook.jsonl", "a") as file:
    file.write(json.dumps(call) + "\\n")
answer = folder / f"{call['event']}.txt"
if answer.exists():
    print(json.dumps({"additionalContext": answer.read_text()}))
"""
WAIT = """
import json, os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
with open(folder / "wait.jsonl", "a") as file:
    file.write(json.dumps({k: v for k, v in os.environ.items() if k.endswith("SESSION_ID")} | {"pid": os.getpid()}) + "\\n")
end = time.monotonic() + 120  # it does not watch its parent: who started it must end it
with open(folder / "lines") as lines:
    lines.seek(0, 2)
    while time.monotonic() < end:
        line = lines.readline()
        if line:
            print(line, end="", flush=True)
        else:
            time.sleep(0.05)
"""


class StandIns:
    """The two programs in a folder of their own; `fill` puts their command lines into a sample."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "lines").touch()
        (folder / "hook.py").write_text(HOOK)
        (folder / "wait.py").write_text(WAIT)

    def fill(self, text: str) -> str:
        """A sample's text with the programs in place of @HOOK@ and @WAIT@."""
        for name in ("hook", "wait"):
            command = [sys.executable, "-I", str(self.folder / f"{name}.py"), str(self.folder)]
            text = text.replace(f'["@{name.upper()}@"]', json.dumps(command))
        return text

    def answer(self, event: str, text: str) -> None:
        """What the hook answers at every following `event`; empty: nothing."""
        (self.folder / f"{event}.txt").write_text(text)

    def line(self, text: str) -> None:
        """Let every waiting command print one line."""
        with (self.folder / "lines").open("a") as file:
            file.write(text + "\n")

    def calls(self) -> list[Json]:
        """What the hook was told, oldest first."""
        return _lines(self.folder / "hook.jsonl")

    def wait_started(self, count: int = 1, timeout: float = 30.0) -> Json:
        """The environment (…SESSION_ID) and pid of the waiting command that was started as the `count`-th."""
        path = self.folder / "wait.jsonl"
        wait_until(lambda: len(_lines(path)) >= count, timeout, f"{count} waiting commands")
        return _lines(path)[count - 1]


def _lines(path: Path) -> list[Json]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
