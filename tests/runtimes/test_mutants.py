"""Two hundred configs of each real runtime, each broken in one to three of the ways that happen, repaired, and opened by it.

Opening one is the cheapest command that reads it, `mcp list`: 0.1 to 2.5 seconds: all two hundred fit in for each. Where a
file is cut off before its first key and there is no backup, as with Gemini CLI, nothing can be saved: it counts as not opened.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sos.recovery.dialects import Unreadable, salvage, strict
from tests.configs import HARMS, harmed, has_keys

from .npm_tools import install, node_folder

if TYPE_CHECKING:
    from sos.model.configs import Dialect

MUTANTS, SEED, SIDE_BY_SIDE = 200, 20261129, 2
CLAUDE = {
    "numStartups": 184, "theme": "dark", "hasCompletedOnboarding": True,
    "mcpServers": {"walrus": {"type": "stdio", "command": "true", "args": ["-y", "x"], "env": {"WALRUS_TOKEN": "a1" * 9}}},
    "projects": {"/code/parser": {"allowedTools": ["Bash", "Read"], "hasTrustDialogAccepted": True}, "/code/web": {}},
    "tipsHistory": {"shift-enter": 12}, "userID": "c0ffee",
}  # fmt: skip
CODEX = """# mine
model = "gpt-5-codex"
notify = ["notify-send", "Codex"]

[mcp_servers.walrus]
command = "true" # of the system
args = [
  "mcp",
  "--json", # [not] a table
]
startup_timeout_sec = 20

[mcp_servers.walrus.env]
PATH = '/usr/bin:/bin'

[projects."/code/parser"]
trust_level = "trusted"
"""
GEMINI = """{
  "ide": {},
  // mine
  "ui": { "hideTips": true, "hideBanner": true, "footer": { "hideCWD": false }, "showLineNumbers": true },
  "security": { "auth": { "selectedType": "gemini-api-key" }, "folderTrust": { "enabled": true } },
  "context": { "fileName": ["AGENTS.md", "GEMINI.md"], "includeDirectories": ["/code/web"] },
  "tools": { "shell": { "showColor": true }, "exclude": ["web_fetch"] },
  "general": { "vimMode": false },
  "mcpServers": {
    "walrus": { "command": "true", "args": ["-y", "x"], "env": { "A": "b" } },
    "docs": { "httpUrl": "https://example.org//mcp", "headers": { "X-Team": "pp" }, "timeout": 5000 },
    "heron": { "command": "true", "args": ["--root", "/code/parser", "--quiet"], "cwd": "/code/parser", "trust": false }
  },
  "telemetry": { "enabled": false }
}
"""
OPENCODE = """{
  // the models of the team
  "$schema": "https://opencode.ai/config.json",
  "autoupdate": false,
  "mcp": {
    "walrus": { "type": "local", "command": ["true", "x",], "enabled": false },
    "docs": { "type": "remote", "url": "https://example.org//mcp", "enabled": false },
  },
  "permission": { "bash": { "git push": "ask", "*": "allow" } },
}
"""
COPILOT = """{
  "mcpServers": {
    "walrus": { "type": "local", "command": "true", "args": ["-y", "x"], "tools": ["*"], "env": { "A": "b" } },
    "docs": { "type": "http", "url": "https://example.org//mcp", "headers": {}, "tools": ["*"] }
  }
}
"""


@dataclass(frozen=True)
class Kept:
    """A runtime's config: its package, where it stands, how it is written, what it says, and its backup where it keeps one."""

    package: str
    place: str
    dialect: Dialect
    text: str
    backup: str = ""
    bom: bool = True


KEPT = {
    "claude": Kept("@anthropic-ai/claude-code@2.1.330", ".claude.json", "json", json.dumps(CLAUDE, indent=2),
                   json.dumps({**CLAUDE, "numStartups": 170, "old": {"a": [1]}})),
    "codex": Kept("@openai/codex@0.169.0", ".codex/config.toml", "toml", CODEX),
    "gemini": Kept("@google/gemini-cli@0.61.0", ".gemini/settings.json", "json-comments", GEMINI, bom=False),
    "opencode": Kept("opencode-ai@1.18.33", ".config/opencode/opencode.json", "jsonc", OPENCODE),
    "copilot": Kept("@github/copilot@1.0.102", ".copilot/mcp-config.json", "jsonc", COPILOT),
}  # fmt: skip
FOLDERS = {"claude": "claude-code", "gemini": "gemini-cli"}


def mutants(kept: Kept, sound: bytes) -> list[bytes]:
    """Broken configs, the same at each run; what still parses as the runtime reads it is none."""
    chance = random.Random(SEED)
    found: list[bytes] = []
    while len(found) < MUTANTS:
        data = sound
        for _ in range(chance.randint(1, 3)):
            noise = chance.randbytes(chance.randint(1, 8))
            data = harmed(chance.choice(HARMS), data, chance.randint(0, len(data)), chance.randint(1, 64), noise)
        try:
            strict(data, kept.dialect, bom=kept.bom)
        except Unreadable:
            found.append(data)
    return found


class User:
    """A user of one runtime, who has connected it."""

    def __init__(self, home: Path, runtime: str) -> None:
        kept = KEPT[runtime]
        package, _, version = kept.package.rpartition("@")
        modules = install(FOLDERS.get(runtime, runtime), package, version)
        self.kept, self.path = kept, home / kept.place
        self.project = home / "project"
        self.project.mkdir(parents=True)
        self.environment = {
            "HOME": str(home), "PATH": f"{node_folder(modules)}:{os.defpath}", "LANG": "C.UTF-8", "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1", "COPILOT_AUTO_UPDATE": "false",
        }  # fmt: skip
        self.program = modules / ".bin" / runtime
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(kept.text)
        for words in (["join", "--name", "bb"], ["connect", runtime, "--as", "bb", "--dir", str(self.project)]):
            self.run([sys.executable, "-m", "sos", *words], check=True)
        #: As connecting left it, with a home whose name is as long at each run.
        self.sound = self.path.read_bytes().replace(os.fsencode(home), b"/home/somebody")
        self.backup = home / ".claude" / "backups" / ".claude.json.backup.1764000000000"
        #: What the newest backup says: the runtime's own, or what `sos connect` wrote last.
        text = kept.backup.encode() or self.sound
        ours = runtime in {"codex", "opencode", "copilot"}
        self.base: Any = strict(text, kept.dialect, bom=kept.bom) if kept.backup or ours else {}

    def run(self, words: list[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.project, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check,
            errors="replace",
        )  # fmt: skip

    def opens(self) -> subprocess.CompletedProcess[str]:
        return self.run([str(self.program), "mcp", "list"])

    def mend(self, data: bytes) -> tuple[str, str]:
        """Let it have this config, and repair it: why the runtime does not open with it, and what key is lost."""
        if self.kept.backup:
            for path in self.backup.parent.glob("*"):
                path.unlink()
            self.backup.parent.mkdir(parents=True, exist_ok=True)
            self.backup.write_text(self.kept.backup)
        self.path.write_bytes(data)
        repaired = self.run([sys.executable, "-m", "sos", "repair", "--yes", str(self.path)])
        if repaired.returncode:
            return f"not repaired: {repaired.stdout[:200]}", ""
        made = strict(self.path.read_bytes(), self.kept.dialect, bom=self.kept.bom)
        found = salvage(data, self.kept.dialect)
        lost = not has_keys(made, found.value) or (not found.whole and not has_keys(made, self.base))
        opened = self.opens()
        why = (
            f"{self.path.read_text(errors='replace')} → {opened.stdout[-300:]}{opened.stderr[-300:]}" if opened.returncode else ""
        )
        return why, f"{data!r} → {made}" if lost else ""


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.promise("REPAIR-002", "REPAIR-004")
@pytest.mark.parametrize("runtime", KEPT)
def test_of_two_hundred_broken_configs_98_of_a_hundred_open_again_and_no_key_is_lost(runtime: str, tmp_path: Path) -> None:
    users = [User(tmp_path / str(number), runtime) for number in range(SIDE_BY_SIDE)]
    assert all(user.opens().returncode == 0 for user in users)
    broken = mutants(KEPT[runtime], users[0].sound)

    def work(number: int) -> list[tuple[str, str]]:
        return [users[number].mend(data) for data in broken[number::SIDE_BY_SIDE]]

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ended = [each for part in pool.map(work, range(SIDE_BY_SIDE)) for each in part]
    closed, lost = ([each[which] for each in ended if each[which]] for which in (0, 1))
    print(f"{runtime}: {MUTANTS - len(closed)} of {MUTANTS} open again, {len(lost)} lost a key")
    assert lost == []
    assert len(closed) <= MUTANTS * 0.02, "\n\n".join(closed)
