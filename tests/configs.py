"""Configs as runtimes write them, older backups of them, and an oracle that knows where in a text each value is complete."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sos.model.configs import Dialect

Path = tuple[str | int, ...]

CLAUDE: dict[str, Any] = {
    "numStartups": 184,
    "theme": "dark",
    "oauthAccount": {"accountUuid": "0f2a", "emailAddress": "a@example.org", "organizationName": 'Größe \U0001f680 "quoted"'},
    "mcpServers": {
        "github": {
            "type": "stdio",
            "command": "npx",
            "args": ["-y", "server-github"],
            "env": {"GITHUB_TOKEN": "ghp_" + "a1" * 18},
        },
        "search": {"type": "http", "url": "https://example.org/mcp?x=1#y", "headers": {"Authorization": "Bearer abc"}},
    },
    "projects": {
        "/code/parser": {
            "allowedTools": ["Bash", "Read"],
            "hasTrustDialogAccepted": True,
            "lastCost": 1.25e-3,
            "history": [{"a": {}}],
        },
        "/code/web": {"allowedTools": [], "hasTrustDialogAccepted": False, "lastSessionId": None},
    },
    "tipsHistory": {"shift-enter": 12, "memory-command": -3},
    "userID": "c0ffee",
}
CLAUDE_BEFORE: dict[str, Any] = {
    "numStartups": 170,
    "theme": "light",
    "mcpServers": {"github": {"type": "stdio", "command": "node", "args": ["old.js", "--fast", "-v"]}, "gone": {"command": "x"}},
    "projects": {"/code/old": {"allowedTools": ["Edit"]}, "/code/web": {"lastSessionId": "s1", "exampleFiles": ["a.py"]}},
    "tipsHistory": [1, 2],
    "userID": "c0ffee",
}
SETTINGS: dict[str, Any] = {
    "permissions": {"allow": ["Bash(ls:*)", "Read"], "deny": ["Read(./.env)"], "defaultMode": "acceptEdits"},
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": 'echo \\done \t "$HOME"', "timeout": 5}]}],
        "PreToolUse": [{"matcher": "Bash|Edit", "hooks": [{"type": "command", "command": "true"}]}],
    },
    "env": {"EDITOR": "vi"},
    "alwaysThinkingEnabled": False,
}
OPENCODE = """{
  // the models of the team
  "$schema": "https://opencode.ai/config.json",
  "model": "anthropic/claude", /* not "the other" one, */
  "mcp": {
    "sos": {
      "type": "local", // on this machine
      "command": ["sos", "mcp",],
      "enabled": true,
    },
    "docs": { "type": "remote", "url": "https://example.org//mcp", "headers": {} },
  },
  "permission": { "bash": { "git push": "ask", "*": "allow" } },
  // the end
}
"""
CODEX = """# Codex
model = "gpt-5-codex"
model_reasoning_effort = "high"
notify = ["notify-send", "Codex"]
started = 2026-11-24T03:05:24Z

[mcp_servers.sos]
command = "sos" # of pipx
args = [
  "mcp",
  "--json", # [not] a table
]
startup_timeout_sec = 20

[mcp_servers.sos.env]
PATH = '/usr/bin:/bin'

[projects."/code/parser"]
trust_level = "trusted"
prompt = \"\"\"
first = 1
[second]
\"\"\"

[[profiles]]
name = "a"

[[profiles]]
name = "b"
limit = 1.5
"""
CODEX_BEFORE = """model = "gpt-5"
sandbox_mode = "workspace-write"

[mcp_servers.sos]
command = "/old/sos"
enabled = true

[projects."/code/old"]
trust_level = "untrusted"
"""


@dataclass(frozen=True)
class Written:
    """A config: its bytes, and an older copy of it."""

    name: str
    dialect: Dialect
    data: bytes
    before: bytes


CONFIGS = (
    Written("claude", "json", json.dumps(CLAUDE, indent=2, ensure_ascii=False).encode(), json.dumps(CLAUDE_BEFORE).encode()),
    Written("claude in one line", "json", json.dumps(CLAUDE).encode(), json.dumps(CLAUDE_BEFORE).encode()),
    Written(
        "settings", "json", json.dumps(SETTINGS, indent=4).replace("\n", "\r\n").encode(), b'{"env": {"A": "b"}, "model": "m"}'
    ),
    Written("opencode", "jsonc", OPENCODE.encode(), b'{"theme": "x", "mcp": {"old": {"type": "local"}}} // older'),
)
TOML = Written("codex", "toml", CODEX.encode(), CODEX_BEFORE.encode())


@dataclass(frozen=True)
class Value:
    """A value of a text: where it is, what it is, and how many bytes of the text make sure that it is complete."""

    path: Path
    value: Any
    bytes: int


def plain(written: Written) -> str:
    """The text with comments and commas before a bracket as spaces: every character stays where it is."""
    text = written.data.decode()
    if written.dialect == "jsonc":
        for pattern in (r'/\* not "the other" one, \*/', r"// (?:the|on this)[^\n]*", r",(?=\s*[}\]])"):
            text = re.sub(pattern, lambda found: " " * len(found[0]), text)
    return text


def values(text: str) -> list[Value]:
    """Every value of a sound JSON text, from Python's own decoder, which is asked at the offset of each."""
    decoder = json.JSONDecoder()
    found: list[Value] = []

    def space(at: int) -> int:
        while text[at] in " \t\r\n":
            at += 1
        return at

    def walk(at: int, path: Path) -> None:
        value, end = decoder.raw_decode(text, at)
        sure = end if text[end - 1] in '"}]' else end + 1
        found.append(Value(path, value, len(text[:sure].encode())))
        at = space(at + 1) if isinstance(value, dict | list) else at
        for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            if isinstance(value, dict):
                _, at = decoder.raw_decode(text, at)
                at = space(space(at) + 1)
            walk(at, (*path, step))
            at = space(decoder.raw_decode(text, at)[1])
            at = space(at + 1) if text[at] == "," else at

    walk(space(0), ())
    return found


def at(value: Any, path: Path) -> Any:
    """What stands at a path; raises LookupError or TypeError where nothing does."""
    for step in path:
        value = value[step]
    return value


def holds(value: Any, wanted: Any, *, longer: bool = False) -> bool:
    """Whether all of `wanted` is in a value: objects may have more keys (`longer`: arrays more elements), else the same."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and holds(value[key], each, longer=longer) for key, each in wanted.items())
    if longer and isinstance(value, list) and isinstance(wanted, list):
        pairs = zip(value, wanted, strict=False)
        return len(value) >= len(wanted) and all(holds(ours, theirs, longer=True) for ours, theirs in pairs)
    return bool(value == wanted)


def has_keys(value: Any, wanted: Any) -> bool:
    """Whether every key of `wanted` is in a value, whatever it says there."""
    if not isinstance(wanted, dict) or not isinstance(value, dict):
        return True
    return all(key in value and has_keys(value[key], each) for key, each in wanted.items())


def within(value: Any, whole: Any) -> bool:
    """Whether a value has nothing that `whole` has not: the beginning of each array, some keys of each object."""
    if isinstance(value, dict) and isinstance(whole, dict):
        return all(key in whole and within(each, whole[key]) for key, each in value.items())
    if isinstance(value, list) and isinstance(whole, list):
        return len(value) <= len(whole) and all(within(ours, theirs) for ours, theirs in zip(value, whole, strict=False))
    return bool(value == whole)


HARMS = ("cut", "nul", "zero", "bom", "comma", "marks", "gone", "twice", "noise", "join", "quote")


def harmed(what: str, data: bytes, place: int, size: int, noise: bytes) -> bytes:
    """A text with something done to it that happens to configs."""
    head, tail = data[:place], data[place:]
    lines = data.split(b"\n")
    line = place % len(lines)
    marked = [b"<<<<<<< HEAD", *lines[line : line + 2], b"=======", *lines[line : line + 1], b">>>>>>> other"]
    return {
        "cut": head,
        "nul": head + b"\0" * size,
        "zero": head + b"\0" * size + tail[size:],
        "bom": b"\xef\xbb\xbf" + data,
        "comma": head + b"," + tail,
        "marks": b"\n".join([*lines[:line], *marked, *lines[line + 2 :]]),
        "gone": head + tail[size:],
        "twice": head + tail[:size] + tail,
        "noise": head + noise + tail,
        "join": data + tail,
        "quote": head + b'"\\}]{[\n'[size % 7 : size % 7 + 1] + tail,
    }[what]
