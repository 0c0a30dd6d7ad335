"""Drives the real Codex CLI, headless or in a terminal, in a home of its own and against a loopback endpoint."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, Self

from .codex_install import CodexBinary
from .terminal import Terminal

Json = dict[str, Any]

DUMMY_KEY = "sk-dummy-key-for-tests"
TURN_ENDED = "Worked for"
PLACEHOLDER = "Ask Codex to do anything"
CONFIGURATION = """\
model = "gpt-5.2-codex"
model_provider = "loopback"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
disable_paste_burst = true

[model_providers.loopback]
name = "loopback"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "LOOPBACK_KEY"
supports_websockets = false

[projects."{project}"]
trust_level = "trusted"
"""


@dataclass(frozen=True, slots=True)
class CodexRun:
    """A finished `codex exec`: its last message, its thread, its rollout, what it printed."""

    text: str
    thread_id: str
    rollout: Path
    events: list[Json]
    stderr: str


class CodexFailed(Exception):
    """Codex ended with an error; the message holds what it printed."""


def read_rollout(path: Path) -> list[Json]:
    """The complete lines of a rollout, parsed."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _hooks(command: str, events: Sequence[str]) -> Json:
    # SessionEnd and Interrupt are cut to 3 seconds, with a warning, so all have no more.
    return {"hooks": {event: [{"hooks": [{"type": "command", "command": command, "timeout": 3}]}] for event in events}}


class Codex:
    """One user's machine: `root/home` with seeded configuration and `root/home/project` as the working folder."""

    def __init__(self, binary: CodexBinary, root: Path, endpoint_url: str) -> None:
        self.binary = binary
        self.home = root / "home"
        self.project = self.home / "project"
        self.project.mkdir(parents=True)
        self.configuration.mkdir()
        self.environment = self._environment()
        text = CONFIGURATION.format(url=endpoint_url, project=self.project)
        (self.configuration / "config.toml").write_text(text)
        self._open: list[CodexTerminal] = []

    @property
    def configuration(self) -> Path:
        """CODEX_HOME."""
        return self.home / ".codex"

    def write_hooks(self, command: str, events: Sequence[str]) -> None:
        """`hooks.json` of the user: one command hook at each event. Nobody has trusted it yet."""
        (self.configuration / "hooks.json").write_text(json.dumps(_hooks(command, events)))

    def add_plugin(self, marketplace: Path, name: str, command: str, events: Sequence[str]) -> None:
        """Make a marketplace `sos` with one plugin that has these hooks, and install it."""
        owner = {"name": "tests"}
        listed = [{"name": name, "source": f"./{name}", "description": "Records hook calls"}]
        files: dict[str, Json] = {
            ".claude-plugin/marketplace.json": {"name": "sos", "owner": owner, "plugins": listed},
            f"{name}/.claude-plugin/plugin.json": {"name": name, "version": "0.1.0", "description": "x", "author": owner},
            f"{name}/hooks/hooks.json": _hooks(command, events),
        }
        for path, content in files.items():
            (marketplace / path).parent.mkdir(parents=True, exist_ok=True)
            (marketplace / path).write_text(json.dumps(content))
        self.command("plugin", "marketplace", "add", str(marketplace))
        self.command("plugin", "add", f"{name}@sos")

    def hooks(self) -> list[Json]:
        """What Codex itself says about each hook: key, command, currentHash, trustStatus and so on."""
        (found,) = self.ask_server("hooks/list", {"cwds": [str(self.project)]})["data"]
        listed: list[Json] = found["hooks"]
        return listed

    def trust_hooks(self) -> None:
        """Trust every hook as "Trust all" in the terminal does: write back the hashes that Codex reports."""
        state = {hook["key"]: {"trusted_hash": hook["currentHash"]} for hook in self.hooks()}
        edit = {"keyPath": "hooks.state", "value": state, "mergeStrategy": "upsert"}
        self.ask_server("config/batchWrite", {"edits": [edit]})

    def ask_server(self, method: str, parameters: Json) -> Json:
        """The result of one request to `codex app-server`, which is started for it; CodexFailed on an error."""
        introduction = {"clientInfo": {"name": "tests", "version": "1"}}
        messages: list[Json] = [
            {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": introduction},
            {"jsonrpc": "2.0", "method": "initialized"},
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters},
        ]
        command = [str(self.binary.program), "app-server"]
        with subprocess.Popen(
            command, cwd=self.project, env=self.environment, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write("".join(json.dumps(message) + "\n" for message in messages))
            server.stdin.flush()
            answers = (json.loads(line) for line in server.stdout)
            answer: Json = next((each for each in answers if each.get("id") == 1), {"error": "no answer"})
        if "error" in answer:
            raise CodexFailed(f"{method}: {answer['error']}")
        result: Json = answer["result"]
        return result

    def command(self, *words: str, check: bool = True, timeout: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Any `codex` command, its standard input empty."""
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
            raise CodexFailed(f"codex {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def run(self, prompt: str, *, resume: str | None = None, extra_args: Sequence[str] = (), timeout: float = 90.0) -> CodexRun:
        """One `codex exec` turn; CodexFailed when it does not end well."""
        words = ["exec", "--json", "--skip-git-repo-check", *extra_args]
        done = self.command(*words, *(["resume", resume] if resume else []), prompt, timeout=timeout)
        events: list[Json] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        (thread,) = (str(event["thread_id"]) for event in events if event["type"] == "thread.started")
        said = [event["item"]["text"] for event in events if event.get("item", {}).get("type") == "agent_message"]
        return CodexRun(said[-1] if said else "", thread, self.rollout(thread), events, done.stderr)

    def rollout(self, thread_id: str) -> Path:
        """Where the rollout (transcript) of a thread stands; FileNotFoundError when there is none."""
        found = sorted((self.configuration / "sessions").glob(f"*/*/*/rollout-*{thread_id}.jsonl"))
        if not found:
            raise FileNotFoundError(f"no rollout of {thread_id}")
        return found[-1]

    def interactive(self, *, daemon: bool = True, extra_args: Sequence[str] = (), timeout: float = 60.0) -> CodexTerminal:
        """A session in a terminal, idle at its empty prompt. Its hooks must be trusted, or a dialog stands there."""
        command = [str(self.binary.program), *([] if daemon else ["--no-daemon"]), *extra_args]
        session = CodexTerminal(command, self.project, self.environment)
        self._open.append(session)
        session.wait_screen(PLACEHOLDER, timeout)
        return session

    def is_loaded(self, thread_id: str) -> bool:
        """Whether a living process has the thread loaded: it then holds the lock of the thread."""
        try:
            with (self.configuration / "thread-writer-locks" / f"{thread_id}.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """End every terminal that is still open, and the daemon that the first of them started."""
        for session in self._open:
            session.kill()
        for name in ("daemon.pid", "daemon-updater.pid"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                pid = json.loads((self.configuration / "app-server-daemon" / name).read_text())["pid"]
                if str(self.configuration) in Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, signal.SIGKILL)
        # The daemon copies the program into each home: 400 MB, and pytest keeps the homes of its last runs.
        shutil.rmtree(self.configuration / "packages", ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _environment(self) -> dict[str, str]:
        # Built from nothing: a surrounding agent session must not leak its own variables or proxies.
        return {
            "HOME": str(self.home),
            "CODEX_HOME": str(self.configuration),
            "PATH": f"{self.binary.node_folder}:{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": "/bin/bash",
            "LOOPBACK_KEY": DUMMY_KEY,
        }


class CodexTerminal(Terminal):
    """A Codex session in a terminal."""

    def submit(self, text: str) -> None:
        """Type one short line, see it on the screen, press Enter."""
        self.type(text)
        self.wait_screen(text)
        self.press("enter")

    def wait_turns(self, ended: int, timeout: float = 30.0) -> None:
        """Wait until so many turns, compactions too, have ended on this screen; before, a command such as `/compact` is refused.

        A turn goes on for a moment after its Stop hook.
        """
        what = f"the end of turn {ended}"
        self.wait_screen_for(lambda screen: screen.count(TURN_ENDED) >= ended and PLACEHOLDER in screen, what, timeout)
