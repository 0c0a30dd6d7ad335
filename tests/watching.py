"""A terminal of three agents with a running `sos watch`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.serving import Serving, shell_at


def _heard() -> None:
    """Whoever started the tests may have been told to ignore these, which children inherit."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Place:
    """A terminal where `aa`, `bb` and `cc` have joined, embedded or over a server."""

    def __init__(self, folder: Path, serving: Serving | None) -> None:
        self.shell = shell_at(folder)
        self.serving = serving
        self.watches: list[subprocess.Popen[str]] = []
        for name in ("aa", "bb", "cc"):
            words = ["--role", "qa", "--project", "pp"]
            if serving is not None:
                words = ["--url", serving.url, "--invite", serving.invitation(name)]
            self.shell.json("join", "--name", name, *words)

    def add(self, agent: str, program: str, *arguments: str, options: tuple[str, ...] = ()) -> None:
        self.shell.json("watch", "add", agent, *options, "--", sys.executable, "-c", program, *arguments)

    def start(self) -> subprocess.Popen[str]:
        environment = {**self.shell.environment, "PYTHONUNBUFFERED": "1"}
        made = subprocess.Popen(
            [sys.executable, "-m", "sos", "watch", "run"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            preexec_fn=_heard,
        )
        self.watches.append(made)
        return made

    def send(self, text: str, to: str = "bb", *more: str) -> str:
        return str(self.shell.json("send", "--as", "aa", *more, "--", to, text)["id"])

    def kept(self) -> list[tuple[list[str], dict[str, Any]]]:
        path = self.shell.home / "kept"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def texts(self, name: str) -> list[str]:
        return [entry["text"] for entry in self.shell.json("inbox", "--as", name, "--limit", "1000")["entries"]]

    def close(self) -> None:
        for watch in self.watches:
            watch.kill()
            watch.communicate()
        if self.serving is not None and self.serving.process.poll() is None:
            self.serving.stop(signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def stop(watch: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    """End it well; what it had said."""
    watch.send_signal(number)
    _, said = watch.communicate(timeout=30)
    assert watch.returncode == 0, said
    return said
