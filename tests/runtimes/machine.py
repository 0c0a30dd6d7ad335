"""One user's machine with SOS installed and Claude Code connected: what the tests of the main job share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from .claude_code import ClaudeCode

Json = dict[str, Any]


class Machine:
    """Runs `sos` commands on the machine of a ClaudeCode, as the operator or inside a session."""

    def __init__(self, claude: ClaudeCode) -> None:
        self.claude = claude
        claude.environment["PATH"] = f"{os.path.dirname(sys.executable)}:{claude.environment['PATH']}"

    def sos(self, *words: str, check: bool = True) -> Json:
        """One command with --json."""
        done = subprocess.run(
            [sys.executable, "-m", "sos", words[0], "--json", *words[1:]],
            env={key: value for key, value in self.claude.environment.items() if not key.startswith("ANTHROPIC")},
            cwd=self.claude.home,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"sos {words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        made: Json = json.loads(done.stdout)
        return made

    def join(self, name: str, *, connect: bool = False) -> None:
        """An agent joins; with `connect`, sessions in the project folder are this agent."""
        self.sos("join", "--name", name, "--role", "builder", "--project", "demo")
        if connect:
            self.sos("connect", "claude", "--as", name, "--dir", str(self.claude.project))

    def send(self, text: str, to: str = "coder", *flags: str) -> str:
        """The reviewer sends; the id of the message."""
        return str(self.sos("send", "--as", "reviewer", *flags, to, text)["id"])

    def facts(self, identifier: str) -> list[str]:
        """The kinds of facts of a message that the reviewer sent."""
        deliveries = self.sos("trace", "--as", "reviewer", identifier)["deliveries"]
        return [fact["kind"] for delivery in deliveries for fact in delivery["facts"]]

    def presence(self, name: str) -> str:
        """What an agent is doing, as the operator sees it."""
        (found,) = (peer["presence"] for peer in self.sos("peers")["peers"] if peer["id"] == name)
        return str(found)
