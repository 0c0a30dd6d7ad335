"""One user's machine with SOS installed and a runtime connected: what the tests of the main job share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

Json = dict[str, Any]


class Runtime(Protocol):
    """What every runtime's driver has."""

    home: Path
    project: Path
    environment: dict[str, str]


Driver = TypeVar("Driver", bound=Runtime)


class Machine(Generic[Driver]):
    """Runs `sos` commands on the machine of a runtime, as the operator."""

    def __init__(self, runtime: Driver, name: str = "claude") -> None:
        self.runtime = runtime
        self.name = name
        runtime.environment["PATH"] = f"{os.path.dirname(sys.executable)}:{runtime.environment['PATH']}"

    def sos(self, *words: str, check: bool = True) -> Json:
        """One command with --json."""
        done = subprocess.run(
            [sys.executable, "-m", "sos", words[0], "--json", *words[1:]],
            env={key: value for key, value in self.runtime.environment.items() if not key.startswith("ANTHROPIC")},
            cwd=self.runtime.home,
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
            self.sos("connect", self.name, "--as", name, "--dir", str(self.runtime.project))

    def send(self, text: str, to: str = "coder", *flags: str) -> str:
        """The reviewer sends; the id of the message."""
        return str(self.sos("send", "--as", "reviewer", *flags, to, text)["id"])

    def facts(self, identifier: str) -> list[str]:
        """The kinds of facts of a message that the reviewer sent."""
        deliveries = self.sos("trace", "--as", "reviewer", identifier)["deliveries"]
        return [fact["kind"] for delivery in deliveries for fact in delivery["facts"]]

    @contextmanager
    def running(self, *words: str) -> Iterator[None]:
        """A command that goes on, such as `watch run`, until the block ends."""
        process = subprocess.Popen([self.program, *words], env=self.runtime.environment, cwd=self.runtime.home)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)

    @property
    def program(self) -> str:
        """The command, as a shell whose PATH is not ours starts it."""
        return f"{os.path.dirname(sys.executable)}/sos"

    def troubles(self, name: str) -> list[str]:
        """Codes of what the doctor finds wrong with an agent."""
        examined = self.sos("doctor", "--as", name, check=False)
        return [finding["code"] for rung in examined["rungs"] for finding in rung["findings"]]

    def presence(self, name: str) -> str:
        """What an agent is doing, as the operator sees it."""
        (found,) = (peer["presence"] for peer in self.sos("peers")["peers"] if peer["id"] == name)
        return str(found)
