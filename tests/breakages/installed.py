"""How each runtime runs the hook that is installed in it, by what was seen of the real ones (tests/runtimes/FACTS*.md).

The program itself is not started: its files are read as it reads them, and the command that stands there is run as it would.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

Json = dict[str, Any]

EVENTS: dict[str, dict[str, str]] = {
    # Claude Code's name of a moment → the runtime's own.
    "claude": {},
    "codex": {},
    "gemini": {"UserPromptSubmit": "BeforeAgent", "Stop": "AfterAgent"},
    "copilot": {"SessionStart": "sessionStart", "UserPromptSubmit": "userPromptSubmitted", "Stop": "agentStop"},
    "opencode": {"SessionStart": "session.start", "UserPromptSubmit": "chat.message", "Stop": "session.idle"},
}  # fmt: skip


PROCESS = """
import json, subprocess, sys
for line in sys.stdin:
    done = subprocess.run(**json.loads(line), capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""
"""A runtime's own process: by it the commands below are known to be in its session. It runs what it is asked to."""


def ran(asked: Json) -> tuple[int, str, str]:
    """What PROCESS does, from this very process."""
    done = subprocess.run(**asked, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Installed:
    """What is installed in one runtime of a user."""

    def __init__(self, home: Path, work: Path, runtime: str) -> None:
        self.home, self.work, self.runtime = home, work, runtime

    def event(
        self, process: subprocess.Popen[bytes], moment: str, session: str, environment: dict[str, str], told: Json
    ) -> str | None:
        """Run the hook of a moment in a session; the text that the runtime takes, None where it runs none or takes nothing."""
        event = EVENTS[self.runtime].get(moment, moment)
        command = getattr(self, f"_{self.runtime}")(event)
        if command is None:
            return None
        given = {"session_id": session, "hook_event_name": event, "cwd": str(self.work), "transcript_path": "", **told}
        if self.runtime == "copilot":
            given = {"sessionId": session, "cwd": str(self.work), "timestamp": 0}
        asked = {"args": command, "env": environment, "cwd": str(self.work), "input": json.dumps(given)}
        if process.stdin is None or process.stdout is None:  # of Claude Code, which says in a variable who it is
            code, out, said = ran(asked)
        else:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            code, out, said = json.loads(process.stdout.readline())
        assert code == 0, said
        if not out:
            return None
        made = json.loads(out)
        if self.runtime == "copilot":
            return str(made["additionalContext"])
        if self.runtime == "opencode":
            return str(made["text"])
        assert made["hookSpecificOutput"]["hookEventName"] == event
        return str(made["hookSpecificOutput"]["additionalContext"])

    def _claude(self, event: str) -> list[str] | None:
        hooks = json.loads((self.home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]
        return ["/bin/sh", "-c", hooks[event][0]["hooks"][0]["command"]]

    def _codex(self, event: str) -> list[str] | None:
        path = self.home / ".codex" / "hooks.json"
        config = tomllib.loads((self.home / ".codex" / "config.toml").read_text())
        if config.get("features", {}).get("hooks") is False:
            return None
        (hook,) = json.loads(path.read_text())["hooks"][event][0]["hooks"]
        name = re.sub("(?!^)([A-Z])", r"_\1", event).lower()
        said = config.get("hooks", {}).get("state", {}).get(f"{path}:{name}:0:0", {})
        trusted = said.get("enabled") is not False and said.get("trusted_hash") == digest(hook)
        return ["/bin/sh", "-c", hook["command"]] if trusted else None

    def trust(self) -> None:
        """Codex's user trusts every hook: the state is written behind what else stands in its config."""
        path = self.home / ".codex" / "hooks.json"
        config = self.home / ".codex" / "config.toml"
        text = re.sub(r"\[hooks\.state[^\[]*", "", config.read_text())
        for event, groups in json.loads(path.read_text())["hooks"].items():
            name = re.sub("(?!^)([A-Z])", r"_\1", event).lower()
            text += f'\n[hooks.state."{path}:{name}:0:0"]\ntrusted_hash = "{digest(groups[0]["hooks"][0])}"\n'
        config.write_text(text)

    def _gemini(self, event: str) -> list[str] | None:
        folder = self.home / ".gemini"
        settings = folder / "settings.json"
        given = json.loads(settings.read_text().replace("// mine", "")).get("hooksConfig", {}) if settings.exists() else {}
        if given.get("enabled") is False or "sos" in given.get("disabled", []):
            return None
        assert "name" in json.loads((folder / "extensions/sos/gemini-extension.json").read_text())
        (hook,) = json.loads((folder / "extensions/sos/hooks/hooks.json").read_text())["hooks"][event][0]["hooks"]
        return ["/bin/sh", "-c", hook["command"]]

    def _copilot(self, event: str) -> list[str] | None:
        given = json.loads((self.home / ".copilot/hooks/sos.json").read_text())
        (hook,) = given["hooks"][event]
        return None if given.get("disableAllHooks") else [hook["exec"], *hook["args"]]

    def _opencode(self, event: str) -> list[str] | None:
        source = (self.home / ".config/opencode/plugins/sos.js").read_text()
        (launcher,) = re.findall(r'^const HOOK = "(.+)"$', source, re.MULTILINE)
        assert source.rstrip().endswith("}"), "it is cut off, so it does not load"
        return [launcher, "opencode", event]


def digest(hook: Json) -> str:
    """Stands for the hash by which Codex knows a hook that was trusted: it is of what the entry says."""
    return f"sha256:{hook['command']} {hook['timeout']}".replace('"', "'")


def environment_of(home: Path) -> dict[str, str]:
    """What says where runtimes keep their files, of a user with this home."""
    return {"CODEX_HOME": os.path.join(home, ".codex"), "XDG_CONFIG_HOME": os.path.join(home, ".config")}
