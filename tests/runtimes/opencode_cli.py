"""Drives the real OpenCode, headless or in a terminal, in a home of its own and against a loopback endpoint."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .npm_tools import NEWEST, RuntimeUnavailable, install, node_folder
from .tolerant_terminal import TolerantTerminal
from .waiting import wait_until

Json = dict[str, Any]

PACKAGE, VERSION = "opencode-ai", "1.18.33"
PROBE = Path(__file__).parent / "probe_plugin_opencode.js"
MODEL = "loopback/claude-test"


@dataclass(frozen=True, slots=True)
class OpenCodeBinary:
    """An installed OpenCode; `node_folder` must stand first on PATH."""

    program: Path
    node_folder: Path


@dataclass(frozen=True, slots=True)
class Run:
    """A finished headless run: what it printed, its session, and the events of `--format json`."""

    stdout: str
    stderr: str
    session_id: str
    events: list[Json]


class RuntimeFailed(Exception):
    """OpenCode ended with an error; the message holds what it printed."""


def install_opencode() -> OpenCodeBinary:
    """The installed program; installs it when missing."""
    modules = install("opencode", PACKAGE, VERSION)
    program = modules / ".bin" / "opencode"
    environment = {"PATH": f"{node_folder(modules)}:{os.defpath}", "HOME": str(modules.parent)}
    asked = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, timeout=120, check=False)
    if not NEWEST and asked.stdout.strip() != VERSION:
        raise RuntimeUnavailable(f"installed OpenCode says {asked.stdout!r}, expected {VERSION}")
    return OpenCodeBinary(program, node_folder(modules))


class ProbePlugin:
    """The plugin `probe.js`; `notes` holds what it recorded."""

    def __init__(self, plugins: Path, notes: Path) -> None:
        self.notes = notes
        notes.mkdir(parents=True)
        plugins.mkdir(parents=True, exist_ok=True)
        self.path = plugins / "probe.js"
        self.path.write_text(PROBE.read_text().replace("@NOTES@", str(notes)))

    def add(self, hook: str, text: str) -> None:
        """What the plugin adds from now on at chat.message, system, compacting, tool.execute.after or session.idle."""
        (self.notes / f"ADD-{hook}.txt").write_text(text)

    def calls(self, hook: str | None = None) -> list[Json]:
        """Recorded calls, oldest first: time, hook, arguments; events are named `event TYPE`."""
        path = self.notes / "notes.jsonl"
        if not path.exists():
            return []
        lines = path.read_text().splitlines(keepends=True)
        calls: list[Json] = [json.loads(line) for line in lines if line.endswith("\n")]
        return [call for call in calls if hook in (None, call["hook"])]

    def wait_call(self, hook: str, predicate: Callable[[Json], bool] | None = None, timeout: float = 30.0) -> Json:
        """The first recorded call of `hook` that satisfies the predicate."""

        def look() -> Json | None:
            return next((call for call in self.calls(hook) if predicate is None or predicate(call)), None)

        return wait_until(look, timeout, f"a call of {hook}")


class OpenCode:
    """One user's machine: `root/home` with seeded configuration and `root/home/project` as the working folder."""

    def __init__(self, binary: OpenCodeBinary, root: Path, endpoint_url: str) -> None:
        self.binary = binary
        self.home = root / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.environment = self._environment()
        self._open: list[Interactive] = []
        self._seed(endpoint_url)

    @property
    def configuration(self) -> Path:
        return self.home / ".config" / "opencode"

    @property
    def plugins(self) -> Path:
        """The folder whose *.js load by themselves."""
        return self.configuration / "plugins"

    @property
    def database(self) -> Path:
        return self.home / ".local" / "share" / "opencode" / "opencode.db"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database of sessions answers; read-only."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def configure(self, **values: object) -> None:
        """Add to the user's opencode.json."""
        path = self.configuration / "opencode.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    def run(
        self,
        prompt: str,
        *,
        session: str | None = None,
        extra_args: Sequence[str] = (),
        timeout: float = 120.0,
        check: bool = True,
    ) -> Run:
        """One `opencode run` turn; RuntimeFailed when it does not end well."""
        command = [str(self.binary.program), "run", "--format", "json", *(["--session", session] if session else [])]
        done = subprocess.run(
            [*command, *extra_args, prompt],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeFailed(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        events: list[Json] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return Run(done.stdout, done.stderr, next((str(event["sessionID"]) for event in events), ""), events)

    def interactive(self, *, extra_args: Sequence[str] = (), timeout: float = 60.0) -> Interactive:
        """A session in a terminal, idle at its empty prompt."""
        session = Interactive(self, extra_args)
        self._open.append(session)
        session.wait_screen("Ask anything", timeout)
        return session

    def close(self) -> None:
        """Close every terminal that is still open."""
        for session in self._open:
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _environment(self) -> dict[str, str]:
        # Built from nothing: a surrounding agent session must not leak its own variables or proxies.
        return {
            "HOME": str(self.home),
            "PATH": f"{self.binary.node_folder}:{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": "/bin/bash",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "npm_config_registry": "http://127.0.0.1:9/",  # so that a wish for the network is seen: as a long start
        }

    def _seed(self, endpoint_url: str) -> None:
        self.configuration.mkdir(parents=True)
        model = {"name": "Loopback", "tool_call": True, "limit": {"context": 200000, "output": 8000}}
        provider = {
            "npm": "@ai-sdk/anthropic",
            "name": "Loopback",
            "options": {"baseURL": f"{endpoint_url}/v1", "apiKey": "dummy-key-for-tests"},
            "models": {"claude-test": model},
        }
        values = {
            "$schema": "https://opencode.ai/config.json",
            "provider": {"loopback": provider},
            "model": MODEL,
            "small_model": MODEL,
            "autoupdate": False,
            "share": "disabled",
        }
        (self.configuration / "opencode.json").write_text(json.dumps(values))
        # Where there is a plugin, OpenCode installs this package at every start and waits for npm: 75 s without a network. It
        # asks only whether the folder is there and the lock names the package.
        (self.configuration / "node_modules").mkdir()
        lock = {"lockfileVersion": 3, "packages": {"": {"dependencies": {"@opencode-ai/plugin": VERSION}}}}
        (self.configuration / "package-lock.json").write_text(json.dumps(lock))


class Interactive(TolerantTerminal):
    """An OpenCode session in a terminal."""

    def __init__(self, opencode: OpenCode, extra_args: Sequence[str]) -> None:
        super().__init__([str(opencode.binary.program), *extra_args], opencode.project, opencode.environment)

    def submit(self, text: str) -> None:
        """Type one short line, see it on the screen, press Enter."""
        self.type(text)
        self.wait_screen(text)
        self.press("enter")

    def close(self, timeout: float = 10.0) -> None:
        """Leave as a closed terminal window does (SIGHUP); kill after `timeout`."""
        with contextlib.suppress(TimeoutError, ProcessLookupError):
            os.kill(self.pid, signal.SIGHUP)
            self.wait_end(timeout)
        self.kill()
