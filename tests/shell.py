"""Runs `sos` and the installed hook as separate processes, the way users and Claude Code do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        made: Json = json.loads(self.out)
        return made


@dataclass
class Shell:
    """A user's terminal in a home; `session` makes it the shell of a Claude Code session."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    #: What begins each command: tools.without_privileges() where modes of files are to count.
    prefix: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.home / ".sos"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.extra}

    def run(self, *words: str, stdin: str | bytes = b"") -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*self.prefix, sys.executable, "-m", "sos", *words],
            env=self.environment,
            cwd=self.home,
            input=data,
            capture_output=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *words: str, stdin: str = "") -> Json:
        ran = self.run(words[0], "--json", *words[1:], stdin=stdin)
        assert ran.code == 0, f"sos {words}: {ran}"
        return ran.json

    def join(self, name: str, *more: str) -> Json:
        return self.json("join", "--name", name, "--role", "builder", "--project", "demo", *more)

    def connect(self, name: str) -> None:
        self.json("connect", "claude", "--as", name, "--dir", str(self.home))

    def inside(self, session: str) -> Shell:
        return Shell(self.home, {**self.extra, "CLAUDE_CODE_SESSION_ID": session})

    def event(self, event: str, session: str, process: int | None = None, **fields: Any) -> str | None:
        """Run the installed hook line of an event; the context that it makes, or None where it prints nothing.

        `process`: the runtime's, where it is not this one.
        """
        hooks = json.loads((self.home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]
        told = {"session_id": session, "hook_event_name": event, "cwd": str(self.home), "transcript_path": "", **fields}
        environment = {**self.environment, "CLAUDE_CODE_SESSION_ID": session, "CLAUDE_PID": str(process or os.getpid())}
        done = subprocess.run(
            ["/bin/sh", "-c", hooks[event][0]["hooks"][0]["command"]],
            env=environment, cwd=self.home, input=json.dumps(told).encode(), capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done
        if not done.stdout:
            return None
        made = json.loads(done.stdout)["hookSpecificOutput"]
        assert made["hookEventName"] == event
        return str(made["additionalContext"])
