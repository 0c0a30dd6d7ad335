"""Drives the real GitHub Copilot CLI, headless or in a terminal, in a home of its own and against a loopback endpoint."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .npm_tools import NEWEST, RuntimeUnavailable, install, node_folder
from .probe_hook import ProbeHook
from .tolerant_terminal import TolerantTerminal

Json = dict[str, Any]

PACKAGE, VERSION = "@github/copilot", "1.0.102"
# camelCase: the payload has no name of the event, so the hook is told it by its command line.
EVENTS = (
    "sessionStart",
    "userPromptSubmitted",
    "userPromptTransformed",
    "preToolUse",
    "postToolUse",
    "postToolUseFailure",
    "agentStop",
    "subagentStart",
    "subagentStop",
    "preCompact",
    "sessionEnd",
    "errorOccurred",
    "notification",
    "permissionRequest",
)
PROMPT_MARK = "❯"


@dataclass(frozen=True, slots=True)
class CopilotBinary:
    """An installed Copilot CLI; `node_folder` must stand first on PATH."""

    program: Path
    node_folder: Path


@dataclass(frozen=True, slots=True)
class Run:
    """A finished headless run: what it printed, and its session."""

    stdout: str
    stderr: str
    session_id: str
    transcript: Path


class RuntimeFailed(Exception):
    """Copilot CLI ended with an error; the message holds what it printed."""


def install_copilot() -> CopilotBinary:
    """The installed program; installs it when missing."""
    modules = install("copilot", PACKAGE, VERSION)
    program = modules / ".bin" / "copilot"
    environment = {"PATH": f"{node_folder(modules)}:{os.defpath}", "HOME": str(modules.parent)}
    asked = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, timeout=120, check=False)
    if not NEWEST and VERSION not in asked.stdout:
        raise RuntimeUnavailable(f"installed Copilot CLI says {asked.stdout!r}, expected {VERSION}")
    return CopilotBinary(program, node_folder(modules))


def read_events(path: Path) -> list[Json]:
    """The complete lines of a session's events.jsonl, parsed."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


class CopilotCli:
    """One user's machine: `root/home` with seeded configuration and `root/home/project` as the working folder."""

    def __init__(self, binary: CopilotBinary, root: Path, endpoint_url: str) -> None:
        self.binary = binary
        self.home = root / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.environment = self._environment(endpoint_url)
        self._open: list[Interactive] = []
        self._seed()

    @property
    def configuration(self) -> Path:
        return self.home / ".copilot"

    def install_probe(self, probe: ProbeHook, events: Sequence[str] = EVENTS, *, seconds: int = 10) -> Path:
        """A drop-in hooks file that calls the probe at every event; nothing else of the configuration changes."""
        path = self.configuration / "hooks" / "probe.json"
        path.parent.mkdir(exist_ok=True)
        hooks = {event: [_hook(probe.command(event), seconds)] for event in events}
        path.write_text(json.dumps({"version": 1, "hooks": hooks}))
        return path

    def settings(self, **values: object) -> None:
        """Add to the user's settings.json."""
        path = self.configuration / "settings.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    def run(
        self,
        prompt: str,
        *,
        resume: str | None = None,
        session_id: str | None = None,
        extra_args: Sequence[str] = (),
        timeout: float = 120.0,
        check: bool = True,
    ) -> Run:
        """One `copilot -p` turn; RuntimeFailed when it does not end well."""
        command = [str(self.binary.program), "-p", prompt, "--allow-all-tools", "--no-color"]
        command += [f"--resume={resume}"] if resume else []
        command += ["--session-id", session_id] if session_id else []
        done = subprocess.run(
            [*command, *extra_args],
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
        session = resume or session_id or self.newest_session()
        return Run(done.stdout, done.stderr, session, self.transcript(session))

    def newest_session(self) -> str:
        """The id of the session whose folder was made last."""
        folders = [path for path in (self.configuration / "session-state").iterdir() if path.is_dir()]
        return max(folders, key=lambda path: path.stat().st_ctime_ns).name

    def transcript(self, session_id: str) -> Path:
        """Where the events of a session stand, or would stand."""
        return self.configuration / "session-state" / session_id / "events.jsonl"

    def interactive(self, *, extra_args: Sequence[str] = (), timeout: float = 60.0) -> Interactive:
        """A session in a terminal, idle at its empty prompt."""
        session = Interactive(self, extra_args)
        self._open.append(session)
        session.wait_screen(PROMPT_MARK, timeout)
        return session

    def close(self) -> None:
        """Close every terminal that is still open."""
        for session in self._open:
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _environment(self, endpoint_url: str) -> dict[str, str]:
        # Built from nothing: a surrounding agent session must not leak its own variables or proxies.
        return {
            "HOME": str(self.home),
            "PATH": f"{self.binary.node_folder}:{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": "/bin/bash",
            "COPILOT_OFFLINE": "true",
            "COPILOT_PROVIDER_TYPE": "anthropic",
            "COPILOT_PROVIDER_BASE_URL": endpoint_url,
            "COPILOT_PROVIDER_API_KEY": "dummy-key-for-tests",
            "COPILOT_MODEL": "claude-sonnet-4.5",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_DISABLE_TERMINAL_TITLE": "1",
        }

    def _seed(self) -> None:
        self.configuration.mkdir()
        settings = {"banner": "never", "trustedFolders": [str(self.project)], "autoUpdate": False}
        (self.configuration / "settings.json").write_text(json.dumps(settings))
        (self.configuration / "config.json").write_text(json.dumps({"trusted_folders": [str(self.project)]}))


def _hook(command: Sequence[str], seconds: int) -> Json:
    return {"type": "command", "exec": command[0], "args": list(command[1:]), "timeoutSec": seconds}


class Interactive(TolerantTerminal):
    """A Copilot CLI session in a terminal."""

    def __init__(self, copilot: CopilotCli, extra_args: Sequence[str]) -> None:
        super().__init__([str(copilot.binary.program), "--allow-all-tools", *extra_args], copilot.project, copilot.environment)

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
