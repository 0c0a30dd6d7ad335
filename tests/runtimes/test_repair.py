"""Real runtimes with a broken config: closed, or without their hooks, before `sos repair`, and as they were behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .claude_code import ClaudeCode, RuntimeFailed
from .model_endpoint import ModelEndpoint, sees
from .npm_tools import install, node_folder

pytestmark = pytest.mark.promise("REPAIR-004")


def sos(claude: ClaudeCode, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `sos` as this user does, in the project."""
    return subprocess.run(
        [sys.executable, "-m", "sos", *words],
        cwd=claude.project, env=claude.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def call(claude: ClaudeCode, *words: str, code: int = 0) -> str:
    """What a command of Claude Code prints."""
    done = subprocess.run(
        [str(claude.binary.program), *words],
        cwd=claude.project, env=claude.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done
    return done.stdout


def cut(data: bytes, tenths: int) -> bytes:
    return data[: len(data) * tenths // 10]


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut at 3/10": lambda data: cut(data, 3),
    "cut at 7/10": lambda data: cut(data, 7),
    "cut, NUL behind": lambda data: cut(data, 8) + b"\0" * 4096,
    "all NUL": lambda data: b"\0" * len(data),
    "comma": lambda data: data.rstrip()[:-1].rstrip() + b",\n}",
    "conflict": lambda data: data.replace(b"{", b"{\n<<<<<<< HEAD\n=======\n>>>>>>> other\n", 1),
    "twice": lambda data: data + data[len(data) // 2 :],
}


@pytest.mark.parametrize("harm", HARMS)
def test_claude_code_is_closed_by_a_broken_state_and_opens_after_its_repair(claude: ClaudeCode, harm: str) -> None:
    path = claude.home / ".claude.json"
    claude.run("hello")
    call(claude, "mcp", "add", "-s", "user", "walrus", "--", "true")
    call(claude, "mcp", "add", "-s", "user", "heron", "--", "true")
    sound = path.read_bytes()
    broken = HARMS[harm](sound)
    path.write_bytes(broken)
    with pytest.raises(RuntimeFailed, match="is corrupted"):
        claude.run("hello")
    assert path.read_bytes() == broken, "it does not mend the file itself"
    ran = sos(claude, "repair", "--yes", "--json")
    assert ran.returncode == 0, ran
    (state,) = (entry for entry in json.loads(ran.stdout)["files"] if entry["path"] == str(path))
    assert state["state"] == "mended"
    assert Path(state["kept"]).read_bytes() == broken
    mended = json.loads(path.read_bytes())
    assert mended.keys() >= (set() if state["backup"] is None else json.loads(Path(state["backup"]).read_bytes()).keys())
    assert claude.run("hello").stdout == "ok"
    if harm in {"comma", "conflict"}:
        assert all(name in call(claude, "mcp", "list") for name in ("walrus", "heron"))


@pytest.mark.parametrize("harm", ["comma", "comment", "cut"])
def test_hooks_that_vanished_with_broken_settings_run_again(claude: ClaudeCode, endpoint: ModelEndpoint, harm: str) -> None:
    path = claude.configuration / "settings.json"
    settings = json.loads(path.read_bytes())
    settings["hooks"] = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "echo walrus hook"}]}]}
    sound = json.dumps(settings | {"last": {"number": 1}}, indent=2).encode()
    path.write_bytes({"comma": HARMS["comma"](sound), "comment": b"// mine\n" + sound, "cut": sound[:-8]}[harm])
    claude.run("hello")
    assert not sees("walrus hook")(endpoint.requests[-1]), "the hook is gone, and Claude Code says nothing"
    ran = sos(claude, "repair", "--check")
    assert ran.returncode == 1
    assert "ignores the whole file" in ran.stdout
    assert sos(claude, "repair", "--yes").returncode == 0
    claude.run("hello")
    assert sees("walrus hook")(endpoint.requests[-1])


def test_claude_code_and_we_lock_the_same_directory(claude: ClaudeCode) -> None:
    path = claude.home / ".claude.json"
    claude.run("hello")
    state = claude.home / "dotfiles.json"
    path.rename(state)
    path.symlink_to(state)
    lock = claude.home / ".claude.json.lock"
    lock.mkdir()
    os.utime(lock, (4e9, 4e9))  # as if it was touched all the time
    before = state.read_bytes()
    call(claude, "mcp", "add", "-s", "user", "walrus", "--", "true", code=1)
    assert state.read_bytes() == before
    lock.rmdir()
    call(claude, "mcp", "add", "-s", "user", "walrus", "--", "true")
    assert b"walrus" in state.read_bytes()


OTHERS = {
    # The package; the config; how it is written, with a server `walrus`; and what breaks it.
    "codex": ("@openai/codex@0.169.0", ".codex/config.toml", '[mcp_servers.walrus]\ncommand = "true"\n', "model = 'cut off"),
    "gemini": (
        "@google/gemini-cli@0.61.0", ".gemini/settings.json",
        '{ // mine\n  "mcpServers": {"walrus": {"command": "true"}}', ",\n}",
    ),
    "opencode": (
        "opencode-ai@1.18.33", ".config/opencode/opencode.jsonc",
        '{ // mine\n  "mcp": {"walrus": {"type": "local", "command": ["true"], "enabled": false}}', ', "theme": "cut o',
    ),
    "copilot": (
        "@github/copilot@1.0.102", ".copilot/mcp-config.json",
        '{ "mcpServers": {"walrus": {"type": "local", "command": "true", "args": [], "tools": ["*"]}}', ', "other": {"a',
    ),
}  # fmt: skip
"""What `mcp list` of a runtime says closes and opens with its config."""


@pytest.mark.full
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_runtimes_open_after_a_repair(name: str, home: Path, tmp_path: Path) -> None:
    package, place, sound, more = OTHERS[name]
    modules = install(name, *package.rsplit("@", 1))
    path = home / place
    path.parent.mkdir(parents=True)
    path.write_text(sound + more)
    environment = {"HOME": str(home), "PATH": f"{node_folder(modules)}:{os.defpath}"}

    def servers() -> tuple[int, bool]:
        done = subprocess.run(
            [str(modules / ".bin" / name), "mcp", "list"],
            cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, "walrus" in done.stdout + done.stderr

    assert servers()[0] != 0
    mended = subprocess.run(
        [sys.executable, "-m", "sos", "repair", "--yes"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert mended.returncode == 0, mended
    assert servers() == (0, True)
    assert "mine" in path.read_text() or "mine" not in sound
