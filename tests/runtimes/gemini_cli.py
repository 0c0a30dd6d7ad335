"""Drives the real Gemini CLI, headless or in a terminal, in a home of its own and against a loopback endpoint."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .gemini_install import GeminiBinary
from .terminal import Terminal

Json = dict[str, Any]

DUMMY_KEY = "dummy-key-for-tests"
PROMPT_MARK = "Type your message"
MODEL = "gemini-2.5-flash"
SETTINGS: Json = {
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": True}},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "ide": {"enabled": False, "hasSeenNudge": True},
    "ui": {"hideTips": True, "hideBanner": True},
}


@dataclass(frozen=True, slots=True)
class GeminiRun:
    """A finished `gemini -p`: its answer, its session, its chat recording (the file may be missing), what it printed."""

    text: str
    session_id: str
    stderr: str


class GeminiFailed(Exception):
    """Gemini CLI ended with an error; the message holds what it printed."""


class Gemini:
    """One user's machine: `root/home` with seeded configuration and `root/home/project` as the trusted working folder."""

    def __init__(self, binary: GeminiBinary, root: Path, endpoint_url: str) -> None:
        self.binary = binary
        self.home = root / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.configuration.mkdir()
        self.environment = self._environment(endpoint_url)
        self.settings(SETTINGS)
        (self.configuration / "trustedFolders.json").write_text(json.dumps({str(self.project): "TRUST_FOLDER"}))
        self._open: list[Terminal] = []

    @property
    def configuration(self) -> Path:
        """What Gemini CLI calls the user's folder."""
        return self.home / ".gemini"

    def settings(self, value: Json) -> None:
        """Replace `settings.json` of the user."""
        (self.configuration / "settings.json").write_text(json.dumps(value))

    def extension(self, name: str, files: dict[str, Json | str]) -> Path:
        """Drop an extension's folder in place, as a user without the `gemini extensions` command would."""
        folder = self.configuration / "extensions" / name
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    def command(self, *words: str, check: bool = True, timeout: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Any `gemini` command, its standard input empty."""
        done = subprocess.run(
            [str(self.binary.program), *words],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise GeminiFailed(f"gemini {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def run(self, prompt: str, *, extra_args: Sequence[str] = (), timeout: float = 90.0) -> GeminiRun:
        """One `gemini -p` turn; GeminiFailed when it does not end well."""
        done = self.command("-m", MODEL, "-p", prompt, "--output-format", "json", *extra_args, timeout=timeout)
        result: Json = json.loads(done.stdout)
        return GeminiRun(str(result.get("response")), str(result["session_id"]), done.stderr)

    def chats(self) -> list[Path]:
        """The recordings of all sessions, oldest first."""
        return sorted((self.configuration / "tmp").glob("*/chats/session-*.jsonl"), key=lambda path: path.stat().st_mtime)

    def interactive(self, *, extra_args: Sequence[str] = (), timeout: float = 60.0) -> Terminal:
        """A session in a terminal, idle at its empty prompt."""
        session = Terminal([str(self.binary.program), "-m", MODEL, *extra_args], self.project, self.environment)
        self._open.append(session)
        session.wait_screen(PROMPT_MARK, timeout)
        return session

    def close(self) -> None:
        """End every terminal that is still open."""
        for session in self._open:
            session.kill()

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
            "GEMINI_API_KEY": DUMMY_KEY,
            "GOOGLE_GEMINI_BASE_URL": endpoint_url,
            "NO_BROWSER": "true",
        }
