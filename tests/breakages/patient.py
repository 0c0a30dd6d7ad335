"""A machine with an agent that has a session, and a message for it that waits: broken on purpose, it has to be mended."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sos.core.connection import LocalConnection
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.tokens import AGENT_SCOPES
from sos.stores.sqlite.store import SqliteStore
from sos.testing.clock import FakeClock
from tests.breakages.installed import PROCESS, Installed, environment_of
from tests.serving import Serving, shell_at
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"
CONFIGS = {
    "codex": {".codex/config.toml": 'model = "gpt-5"\n\n[projects."/code"]\ntrust_level = "trusted"\n'},
    "gemini": {
        ".gemini/settings.json": '{ // mine\n  "ui": {"hideTips": true},\n  "ide": {"enabled": false, "hasSeenNudge": true}\n}\n'
    },
    "copilot": {".copilot/mcp-config.json": '{ // mine\n  "mcpServers": {"walrus": {"type": "local", "command": "true"}}\n}\n'},
    "opencode": {".config/opencode/opencode.json": '{ // mine\n  "theme": "dark",\n  "autoupdate": false\n}\n'},
}
"""What the user's own config of a runtime says before it is connected."""
LATER = "5a12d4d5-0000-4000-8000-000000000002"
TEXT = "what waited arrives"


class Patient:
    """`bb`, whose session runs in `work`, in one runtime; `aa` writes to it."""

    def __init__(self, folder: Path, serving: Serving | None = None, runtime: str = "claude") -> None:
        self.shell = shell_at(folder)
        self.shell.extra |= environment_of(folder)
        self.serving, self.runtime = serving, runtime
        self.home, self.root = self.shell.home, self.shell.root
        self.work = self.home / "work"
        self.work.mkdir()
        self.plugin = self.home / ".claude" / "skills" / "sos"
        self.of = self.root / "agents" / "bb"
        #: What begins the doctor's command.
        self.prefix: list[str] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        for name in ("aa", "bb"):
            words = ["--role", "qa", "--project", "pp"]
            if serving is not None:
                words = ["--url", serving.url, "--invite", serving.invitation(name)]
            self.shell.json("join", "--name", name, *words)
        self.installed = Installed(self.home, self.work, runtime)
        for name, text in CONFIGS.get(runtime, {}).items():
            (self.home / name).parent.mkdir(parents=True)
            (self.home / name).write_text(text)
        self.shell.json("connect", runtime, "--as", "bb", "--dir", str(self.work))
        if runtime == "codex":
            self.installed.trust()
        #: The id of the message that waits.
        self.waiting = ""
        self.session = self.open()
        self.event("SessionStart", SESSION, source="startup")
        self.event("UserPromptSubmit", SESSION)
        self.event("Stop", SESSION)

    def start(self, words: list[str], **more: Any) -> subprocess.Popen[bytes]:
        made = subprocess.Popen(words, **more)
        self.processes.append(made)
        return made

    def open(self) -> subprocess.Popen[bytes]:
        """A process of the runtime."""
        if self.runtime == "claude":
            return self.start(["sleep", "600"])
        return self.start([sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def event(self, name: str, session: str, **fields: Any) -> str | None:
        environment = self.shell.environment
        if self.runtime == "claude":
            environment |= {"CLAUDE_CODE_SESSION_ID": session, "CLAUDE_PID": str(self.session.pid)}
        return self.installed.event(self.session, name, session, environment, fields)

    def send(self, before: int = 0) -> None:
        """The message that waits, sent so many milliseconds ago."""
        if not before:
            self.waiting = self.shell.json("send", "--as", "aa", "bb", TEXT)["id"]
            return
        store = SqliteStore(str(self.root / "sos.db"), str(self.root / "run"), create=False)
        clock = FakeClock(Millis(time.time_ns() // 1_000_000 - before))
        sender = store.agents.agent(Slug("aa"))
        assert sender is not None
        connection = LocalConnection(store, sender, clock, scopes=AGENT_SCOPES["bus"])
        self.waiting = new_id(clock.now())
        connection.send(Draft(id=self.waiting, to="bb", text=TEXT, kind="message"))
        store.close()

    def doctor(self, *words: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
        shell = Shell(self.home, {**self.shell.extra, **(environment or {})}, self.prefix)
        ran = shell.run("doctor", "--json", "--as", "bb", *words)
        assert ran.code in {0, 1}, ran
        made: dict[str, Any] = ran.json
        assert made["well"] is (ran.code == 0)
        return made

    def cause(self, examined: dict[str, Any]) -> dict[str, Any]:
        """The first finding on the first rung that has one; broken rungs before those that are only looked at."""
        found = [finding for rung in examined["rungs"] for finding in rung["findings"]]
        gravest = [finding for finding in found if finding["severity"] == "critical"] or found
        return dict(gravest[0]) if gravest else {"code": ""}

    def arrives(self) -> None:
        """What waited stands in the next session's context."""
        self.session = self.open()
        self.event("SessionStart", LATER, source="startup")
        shown = self.event("UserPromptSubmit", LATER) or ""
        if "Another live session" in shown or f"{self.waiting}]" not in shown:
            variable = "CLAUDE_CODE_SESSION_ID" if self.runtime == "claude" else "SOS_SESSION"
            Shell(self.home, {**self.shell.extra, variable: LATER}).json("take")
            shown = self.event("UserPromptSubmit", LATER) or ""
        assert f"{self.waiting}]" in shown
        assert self.runtime == "codex" or f"| {TEXT}" in shown  # Codex is given headers alone

    # --- what breakages do ----------------------------------------------------------------------------------------------

    def settings(self, **keys: Any) -> Path:
        path = self.home / ".claude" / "settings.json"
        path.write_text(json.dumps(keys))
        return path

    def sql(self, statement: str, *values: Any) -> None:
        store = (self if self.serving is None else self.serving.shell).root / "sos.db"
        with sqlite3.connect(store) as database:
            assert database.execute(statement, values).rowcount > 0
        database.close()

    def token(self, service: str) -> Path:
        return self.of / f"token.{service}"

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self.serving is not None and self.serving.process.poll() is None:
            self.serving.stop(signal.SIGKILL)
