"""Drives the real Claude Code, headless or in a terminal, in a home of its own and against a loopback endpoint."""

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

from .claude_install import ClaudeBinary
from .terminal import Terminal
from .waiting import wait_until

Json = dict[str, Any]

DUMMY_KEY = "sk-ant-api03-" + "0" * 60 + "-dummy-key-for-tests"
ALLOWED_TOOLS = ("Bash", "Read", "Write", "Edit", "Agent", "Task")
PROMPT_MARK = "❯"
# "shell": idle at the prompt while a background task, such as a plugin's monitor, runs.
AT_PROMPT = ("idle", "shell")


class RuntimeFailed(Exception):
    """Claude Code ended with an error; the message holds what it printed."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished headless run: the final text, the session, and the transcript (the file may be missing)."""

    stdout: str
    session_id: str
    transcript: Path
    result: Json


def read_transcript(path: Path) -> list[Json]:
    """The complete lines of a transcript, parsed."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


class ClaudeCode:
    """One user's machine: `root/home` with seeded configuration and `root/home/project` as the working folder."""

    def __init__(self, binary: ClaudeBinary, root: Path, endpoint_url: str) -> None:
        self.binary = binary
        self.home = root / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.environment = self._environment(endpoint_url)
        self._open: list[Interactive] = []
        self._seed()

    @property
    def configuration(self) -> Path:
        return self.home / ".claude"

    @property
    def plugins(self) -> Path:
        """The folder whose subfolders with `.claude-plugin/plugin.json` load by themselves."""
        return self.configuration / "skills"

    def run(
        self,
        prompt: str,
        *,
        resume: str | None = None,
        session_id: str | None = None,
        extra_args: Sequence[str] = (),
        timeout: float = 90.0,
    ) -> Run:
        """One `claude -p` turn; RuntimeFailed when it does not end well."""
        command = [str(self.binary.program), "-p", prompt, "--output-format", "json"]
        command += ["--resume", resume] if resume else []
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
        if done.returncode != 0:
            raise RuntimeFailed(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        result: Json = json.loads(done.stdout)
        session = str(result["session_id"])
        return Run(str(result["result"]), session, self.transcript(session), result)

    def transcript(self, session_id: str) -> Path:
        """Where the transcript of a session stands, or would stand."""
        found = list((self.configuration / "projects").glob(f"*/{session_id}.jsonl"))
        slug = "".join(letter if letter.isalnum() else "-" for letter in str(self.project))
        return found[0] if found else self.configuration / "projects" / slug / f"{session_id}.jsonl"

    def interactive(self, *, extra_args: Sequence[str] = (), timeout: float = 60.0) -> Interactive:
        """A session in a terminal, idle at its empty prompt."""
        session = Interactive(self, extra_args)
        self._open.append(session)
        session.wait_idle(timeout)
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
        # Built from nothing: a surrounding agent session must not leak its own CLAUDE_* variables or proxies.
        return {
            "HOME": str(self.home),
            "PATH": f"{self.binary.node_folder}:{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": "/bin/bash",
            "ANTHROPIC_BASE_URL": endpoint_url,
            "ANTHROPIC_API_KEY": DUMMY_KEY,
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
            "CLAUDE_CODE_DISABLE_TERMINAL_TITLE": "1",
        }

    def _seed(self) -> None:
        self.configuration.mkdir()
        state = {
            "hasCompletedOnboarding": True,
            "lastOnboardingVersion": "99.0.0",
            "theme": "dark",
            "autoUpdates": False,
            "projects": {str(self.project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
            "customApiKeyResponses": {"approved": [DUMMY_KEY[-20:]], "rejected": []},
        }
        (self.home / ".claude.json").write_text(json.dumps(state))
        (self.home / ".claude.json").chmod(0o600)
        # Auto mode is what a fresh 2.1.330 starts in: it asks a model before each command. Where another mode is set, a
        # dialog offers auto mode 50 ms after the prompt appears, and would swallow what a test types.
        permissions = {"defaultMode": "default", "disableAutoMode": "disable", "allow": list(ALLOWED_TOOLS)}
        (self.configuration / "settings.json").write_text(json.dumps({"permissions": permissions}))


class Interactive(Terminal):
    """A Claude Code session in a terminal."""

    def __init__(self, claude: ClaudeCode, extra_args: Sequence[str]) -> None:
        self._claude = claude
        super().__init__([str(claude.binary.program), *extra_args], claude.project, claude.environment)

    @property
    def state(self) -> Json:
        """Claude Code's own note about this live session (`sessions/<pid>.json`); empty when there is none yet."""
        path = self._claude.configuration / "sessions" / f"{self.pid}.json"
        try:
            note: Json = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # the file is rewritten while we read
            return {}
        return note

    @property
    def session_id(self) -> str:
        return str(self.state["sessionId"])

    @property
    def transcript(self) -> Path:
        return self._claude.transcript(self.session_id)

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Wait for the empty prompt. After `submit`, first wait for the request: before it, the session is still idle."""
        self.wait_screen(PROMPT_MARK, timeout)
        try:
            wait_until(lambda: self.state.get("status") in AT_PROMPT, timeout, "status idle")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; state {self.state}\n{self.screen()}") from error

    def submit(self, text: str) -> None:
        """Type one short line, see it on the screen, press Enter."""
        self.type(text)
        self.wait_screen(text)
        self.press("enter")

    def close(self, timeout: float = 10.0) -> None:
        """Leave as a closed terminal window does (SIGHUP), so that SessionEnd hooks run; kill after `timeout`."""
        with contextlib.suppress(TimeoutError, ProcessLookupError):
            os.kill(self.pid, signal.SIGHUP)
            self.wait_end(timeout)
        self.kill()
