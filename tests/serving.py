"""`sos serve` as a process of its own, and terminals on other machines (other HOMEs)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.shell import Shell


def shell_at(folder: Path) -> Shell:
    """A user's terminal on a machine of its own."""
    folder.mkdir()
    return Shell(folder, {"HOME": str(folder), "SOS_HOME": str(folder / ".sos"), "CLAUDE_CONFIG_DIR": str(folder / ".claude")})


class Serving:
    """A server over a store of its own, which can be stopped, frozen and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.shell = shell_at(folder)
        self.shell.extra.update(settings)
        self.port = "0"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "sos", "serve", "--json", "--port", self.port]
        self.log = (self.shell.home / "log").open("ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, env=self.shell.environment, text=True, cwd=self.shell.home
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = self.url.rpartition(":")[2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return code

    def invitation(self, name: str, project: str = "pp", role: str = "builder") -> str:
        path = str(self.shell.home / f"invitation-{name}")
        Path(path).unlink(missing_ok=True)
        self.shell.json("token", "mint", "join", "--name", name, "--role", role, "--project", project, "--out", path)
        return path
