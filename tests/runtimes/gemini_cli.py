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
from .waiting import wait_until

Json = dict[str, Any]

DUMMY_KEY = "dummy-key-for-tests"
PLACEHOLDER = "Type your message"
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
    """A finished `gemini -p`: its answer, its session, its chat recording, what it printed as a remark."""

    text: str
    session_id: str
    chat: Path
    stderr: str


class GeminiFailed(Exception):
    """Gemini CLI ended with an error; the message holds what it printed."""


def read_chat(path: Path) -> list[Json]:
    """The complete lines of a chat recording, parsed."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


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
        self._open: list[GeminiTerminal] = []

    @property
    def configuration(self) -> Path:
        """What Gemini CLI calls the user's folder."""
        return self.home / ".gemini"

    def settings(self, value: Json) -> None:
        """Replace `settings.json` of the user."""
        (self.configuration / "settings.json").write_text(json.dumps(value))

    def add_extension(self, name: str, hook: str, events: Sequence[str], server: Sequence[str] = ()) -> None:
        """Drop an extension's folder in place: one command hook at each event and, if given, an MCP server of the same name."""
        folder = self.configuration / "extensions" / name
        entry = {"type": "command", "command": hook, "timeout": 10000, "name": name}
        servers = {name: {"command": server[0], "args": list(server[1:])}} if server else {}
        files: dict[str, Json] = {
            "gemini-extension.json": {"name": name, "version": "0.1.0", "mcpServers": servers},
            "hooks/hooks.json": {"hooks": {event: [{"hooks": [entry]}] for event in events}},
        }
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(json.dumps(content))

    def allow_server(self, name: str) -> None:
        """What the user must say once, so that the tools of an MCP server are offered headless and called without a question."""
        rule = f'[[rule]]\ntoolName = "*"\nmcpName = "{name}"\ndecision = "allow"\npriority = 100\n'
        policies = self.configuration / "policies"
        policies.mkdir(exist_ok=True)
        (policies / f"{name}.toml").write_text(rule)

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
        session = str(result["session_id"])
        return GeminiRun(str(result.get("response")), session, self.chat(session), done.stderr)

    def chat(self, session_id: str) -> Path:
        """Where the recording of a session stands; FileNotFoundError when there is none."""
        found = list((self.configuration / "tmp").glob(f"*/chats/session-*-{session_id[:8]}.jsonl"))
        if not found:
            raise FileNotFoundError(f"no recording of {session_id}")
        return found[0]

    def interactive(self, *, extra_args: Sequence[str] = (), timeout: float = 60.0) -> GeminiTerminal:
        """A session in a terminal, idle at its empty prompt."""
        session = GeminiTerminal([str(self.binary.program), "-m", MODEL, *extra_args], self.project, self.environment)
        self._open.append(session)
        session.wait_screen(PLACEHOLDER, timeout)
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


class GeminiTerminal(Terminal):
    """A Gemini CLI session in a terminal."""

    def submit(self, text: str) -> None:
        """Type one short line, see it on the screen, press Enter until the prompt is empty again.

        An Enter too soon after a letter is taken for a pasted line break; one at an empty prompt does nothing.
        """
        self.type(text)
        self.wait_screen(text)
        wait_until(lambda: self._enter(), 30, f"{text!r} accepted")

    def _enter(self) -> bool:
        self.press("enter")
        try:
            return PLACEHOLDER in self.wait_screen(PLACEHOLDER, 1)
        except TimeoutError:
            return False
