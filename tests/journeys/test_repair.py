"""`sos repair`: what is broken is shown, and mended when the user says so; the broken bytes are kept, all else is as it was."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.configs import CLAUDE, CONFIGS, TOML, has_keys, holds
from tests.shell import Shell

STATE, SETTINGS = CONFIGS[0], CONFIGS[2]
CUT = STATE.data[: STATE.data.index(b'"tipsHistory"') + 20]
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


@pytest.fixture
def terminal(home: Path) -> Shell:
    """A terminal in a home with Claude Code's state, cut off, and a backup of it."""
    (home / ".claude" / "backups").mkdir(parents=True)
    (home / ".claude.json").write_bytes(CUT)
    (home / ".claude.json").chmod(0o600)
    (home / ".claude/backups/.claude.json.backup.1764000000000").write_bytes(STATE.before)
    return Shell(home)


def only(shell: Shell, *words: str, code: int = 0) -> dict[str, Any]:
    """What is told of the one file that there is."""
    ran = shell.run("repair", *words, "--json")
    assert ran.code == code, ran
    (entry,) = ran.json["files"]
    assert isinstance(entry, dict)
    return entry


@pytest.mark.promise("REPAIR-001", "REPAIR-002", "REPAIR-003")
def test_a_state_that_was_cut_off_opens_again_with_what_it_had_and_what_its_backup_has(terminal: Shell) -> None:
    path = terminal.home / ".claude.json"
    ran = terminal.run("repair", "--yes")
    assert ran.code == 0, ran
    value = json.loads(path.read_bytes())
    assert holds(value, {key: CLAUDE[key] for key in ("numStartups", "theme", "oauthAccount", "mcpServers", "projects")})
    assert has_keys(value, json.loads(STATE.before))
    assert "Claude Code does not open until it is mended" in ran.out
    assert 'conflict: theme stays "dark", and was also "light"' in ran.out
    assert CLAUDE["mcpServers"]["github"]["env"]["GITHUB_TOKEN"] not in ran.out
    kept = Path(ran.out.rpartition("kept: ")[2].strip())
    assert kept.read_bytes() == CUT
    assert terminal.root in kept.parents
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in terminal.home.iterdir()) == [".claude", ".claude.json", ".sos"]
    assert only(terminal)["state"] == "sound"


@pytest.mark.promise("REPAIR-003")
def test_without_a_yes_nothing_is_written_and_check_ends_with_1(terminal: Shell) -> None:
    path = terminal.home / ".claude.json"
    before = path.stat()
    for words in ([], ["--check"], ["--check", "--yes"], [str(path)], ["--runtime", "claude"]):
        ran = terminal.run("repair", *words)
        assert ran.code == 1, words
        assert '+  "tipsHistory": [' in ran.out or '"tipsHistory"' in ran.out
        entry = only(terminal, *words, code=1)
        assert (entry["state"], entry["runtime"]) == ("mendable", "claude")
        assert entry["backup"].endswith(".backup.1764000000000")
    assert path.read_bytes() == CUT
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert terminal.run("repair", "--check", "--runtime", "codex").code == 0
    path.write_bytes(STATE.data)
    assert terminal.run("repair", "--check").code == 0


@pytest.mark.promise("REPAIR-003")
@pytest.mark.parametrize(("typed", "state"), [(b"n\n", CUT), (b"\n", CUT), (b"y\n", None)])
def test_at_a_terminal_it_asks(terminal: Shell, typed: bytes, state: bytes | None) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    done = subprocess.run(
        [sys.executable, "-m", "sos", "repair"],
        env=terminal.environment, cwd=terminal.home, stdin=theirs, capture_output=True, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert b"Write it?" in done.stderr
    assert done.returncode == (0 if state is None else 1)
    data = (terminal.home / ".claude.json").read_bytes()
    assert data == state if state is not None else json.loads(data)


@pytest.mark.promise("REPAIR-003")
def test_the_runtimes_lock_is_waited_for(terminal: Shell) -> None:
    path, lock = terminal.home / ".claude.json", terminal.home / ".claude.json.lock"
    lock.mkdir()
    os.utime(lock, (2e9 * 2, 2e9 * 2))  # touched all the time
    running = subprocess.Popen(
        [sys.executable, "-m", "sos", "repair", "--yes"],
        env=terminal.environment, cwd=terminal.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stderr is not None
    assert running.stderr.readline().decode() == f"waiting for {lock}\n"
    assert path.read_bytes() == CUT
    lock.rmdir()
    out, _ = running.communicate(timeout=30)
    assert (running.returncode, b"mended" in out) == (0, True)
    assert json.loads(path.read_bytes())
    assert not lock.exists()


@pytest.mark.promise("REPAIR-003")
def test_a_symbolic_link_stays_one_and_its_target_is_mended(terminal: Shell) -> None:
    path = terminal.home / ".claude.json"
    target = terminal.home / "dotfiles" / "claude.json"
    target.parent.mkdir()
    path.rename(target)
    target.chmod(0o644)
    path.symlink_to("dotfiles/claude.json")
    assert only(terminal, "--yes")["state"] == "mended"
    assert os.readlink(path) == "dotfiles/claude.json"
    assert json.loads(target.read_bytes())["theme"] == "dark"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert os.listdir(target.parent) == ["claude.json"]


@pytest.mark.promise("REPAIR-001", "REPAIR-003")
def test_a_settings_file_that_is_silently_ignored_is_said_so(home: Path) -> None:
    shell = Shell(home)
    path = home / ".claude" / "settings.json"
    path.parent.mkdir()
    for broken in (SETTINGS.data.replace(b"{", b"{ // hooks", 1), SETTINGS.data[:-1] + b",}"):
        path.write_bytes(broken)
        ran = shell.run("repair", "--check")
        assert ran.code == 1
        assert ran.out.startswith(f"ignored  {path}\n  Claude Code starts as always and ignores the whole file: hooks")
        entry = only(shell, "--yes")
        assert json.loads(path.read_bytes()) == json.loads(SETTINGS.data)
        assert Path(entry["kept"]).read_bytes() == broken


@pytest.mark.promise("REPAIR-001")
def test_conflict_markers_go_and_what_both_sides_have_stays(home: Path) -> None:
    shell = Shell(home)
    path = home / ".gemini" / "settings.json"
    path.parent.mkdir()
    path.write_text(
        '{\n  // ours\n<<<<<<< HEAD\n  "theme": "dark"\n=======\n  "theme": "light",\n  "vim": true\n>>>>>>> other\n}\n'
    )
    ran = shell.run("repair", "--yes")
    assert (ran.code, path.read_text()) == (0, '{\n  // ours\n  "theme": "dark",\n  "vim": true\n}\n')
    assert 'conflict: theme stays "dark", and was also "light"' in ran.out


@pytest.mark.promise("REPAIR-001", "REPAIR-002")
def test_files_of_all_runtimes_are_found_and_each_is_mended_in_its_dialect(home: Path) -> None:
    shell = Shell(home, {"CODEX_HOME": str(home / "codex"), "XDG_CONFIG_HOME": str(home / "config")})
    opencode = CONFIGS[3].data
    broken = {
        "codex/config.toml": TOML.data[: TOML.data.index(b"limit")] + b"limit = [",
        "codex/hooks.json": b'{"hooks": {},}',
        "config/opencode/opencode.jsonc": opencode[: opencode.index(b"permission")],
        ".copilot/hooks/sos.json": b'\xef\xbb\xbf{"version": 1}',
        ".copilot/mcp-config.json": b'{"mcpServers": {}}',
        ".gemini/settings.json": b'{"a": 1, // one\n}',
        ".claude/settings.local.json": b'{"env": {}}\0\0',
        ".claude/settings.json": b'\xef\xbb\xbf{"env": {}}',
        ".mcp.json": b'{"mcpServers": {}',
    }
    for name, data in broken.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    told = {entry["path"]: entry for entry in shell.json("repair", "--yes")["files"]}
    states = {name: told[str(home / name)]["state"] for name in broken}
    sound = {".copilot/mcp-config.json", ".claude/settings.json"}  # Claude Code takes a byte order mark
    assert states == {name: "sound" if name in sound else "mended" for name in broken}
    assert "// the models of the team" in (home / "config/opencode/opencode.jsonc").read_text()
    assert (home / ".gemini/settings.json").read_text() == '{"a": 1 // one\n}'
    assert (home / "codex/config.toml").read_text().startswith("# Codex\nmodel = ")
    assert shell.run("repair", "--check").code == 0


@pytest.mark.promise("REPAIR-003")
def test_where_nothing_can_be_saved_nothing_is_written_and_the_way_on_is_said(home: Path) -> None:
    shell = Shell(home)
    path = home / ".claude.json"
    path.write_bytes(b"\0" * 3000)
    ran = shell.run("repair", "--yes")
    assert (ran.code, path.read_bytes()) == (1, b"\0" * 3000)
    assert "no backup of it parses. Nothing was written" in ran.out
    assert "next: put a copy back, or move it away (without it, Claude Code: it starts with its defaults" in ran.out
    assert only(shell, "--yes", code=1)["state"] == "lost"
    path.unlink()
    assert shell.run("repair", str(path)).code == 1
    (home / ".claude/backups").mkdir(parents=True)
    backup = home / ".claude/backups/.claude.json.backup.1764000000000"
    backup.write_bytes(STATE.before)
    assert f"next: cp -p {backup} {path}" in shell.run("repair", str(path)).err


@pytest.mark.promise("REPAIR-003")
def test_one_file_that_cannot_be_mended_keeps_no_other_back(terminal: Shell) -> None:
    other = terminal.home / ".claude" / "settings.json"
    other.mkdir()
    codex = terminal.home / ".codex" / "config.toml"
    codex.parent.mkdir()
    codex.write_text("a = 1\nb = \n")
    ran = terminal.run("repair", "--yes", "--json")
    assert ran.code == 1
    states = [(Path(entry["path"]).name, entry["state"]) for entry in ran.json["files"]]
    assert states == [(".claude.json", "mended"), ("settings.json", "refused"), ("config.toml", "mended")]
    assert ran.json["broken"] == 1


@pytest.mark.promise("REPAIR-001")
def test_any_file_may_be_named_and_its_dialect_said(home: Path) -> None:
    shell = Shell(home)
    path = home / "some.conf"
    path.write_text('{"a": 1, /* c */ "b": 2,')
    assert shell.run("repair", str(path)).code == 2
    assert shell.run("repair", "--dialect", "json").code == 2
    assert shell.run("repair", str(path), "--dialect", "jsonc", "--yes").code == 0
    assert path.read_text() == '{"a": 1, /* c */ "b": 2}'


def mounted(script: str, terminal: Shell, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with mounts of its own; the home of the files is its first word."""
    tools.find("unshare")
    if subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "none", str(terminal.home)], check=False, capture_output=True
    ).returncode:
        tools.not_allowed("mount a small disk")
    return subprocess.run(
        [*UNSHARE, "sh", "-euc", script, "sh", str(terminal.home), sys.executable, *words],
        env=terminal.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.promise("REPAIR-003")
def test_a_read_only_directory_is_refused_and_nothing_is_changed(terminal: Shell, tmp_path: Path) -> None:
    terminal.extra["SOS_HOME"] = str(tmp_path / "sos")
    script = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; cd "$1"; exec "$2" -m sos repair --yes'
    done = mounted(script, terminal)
    assert done.returncode == 75, done
    assert "Read-only file system" in done.stderr
    assert "next: " in done.stderr
    assert (terminal.home / ".claude.json").read_bytes() == CUT


FULL = """
mount -t tmpfs -o size=200k,mode=700 none "$1/.claude"; mkdir "$1/.claude/backups"; cp "$3" "$1/.claude/settings.json"
cat /dev/zero > "$1/.claude/filler" 2>/dev/null || true
cd "$1"; "$2" -m sos repair --yes --json .claude/settings.json || echo "$?"; cmp "$3" .claude/settings.json; ls -A .claude
"""


@pytest.mark.promise("REPAIR-003")
@pytest.mark.parametrize("inside", [False, True], ids=["the config's disk", "both disks"])
def test_a_full_disk_is_said_and_nothing_is_changed(terminal: Shell, tmp_path: Path, inside: bool) -> None:
    terminal.extra["SOS_HOME"] = str(terminal.home / ".claude" / "sos" if inside else tmp_path / "sos")
    seed = tmp_path / "seed.json"
    seed.write_bytes(SETTINGS.data * 5)
    done = mounted(FULL, terminal, str(seed))
    assert done.returncode == 0, done
    answer, code, *names = done.stdout.splitlines()
    assert (json.loads(answer)["error"], code) == ("storage_full", "75")
    assert "nothing was written" in json.loads(answer)["message"]
    assert set(names) <= {"backups", "filler", "settings.json", "sos"}


@pytest.mark.promise("REPAIR-003")
def test_a_directory_that_cannot_be_looked_into_is_said_and_not_taken_for_empty(terminal: Shell) -> None:
    (terminal.home / ".claude.json").write_bytes(STATE.data)
    (terminal.home / ".claude" / "settings.json").write_bytes(b"{")
    (terminal.home / ".claude").chmod(0)
    done = subprocess.run(
        [*tools.without_privileges(), sys.executable, "-m", "sos", "repair", "--check", "--json"],
        env=terminal.environment, cwd=terminal.home, capture_output=True, check=False,
    )  # fmt: skip
    (terminal.home / ".claude").chmod(0o700)
    assert done.returncode == 1, done
    states = {entry["path"]: entry["state"] for entry in json.loads(done.stdout)["files"]}
    assert states[f"{terminal.home}/.claude.json"] == "sound"
    assert states[f"{terminal.home}/.claude/settings.json"] == "refused"


@pytest.mark.parametrize("kind", ["link", "pipe", "large"])
def test_what_cannot_be_read_is_not_sent_round_in_a_circle(terminal: Shell, kind: str) -> None:
    path = terminal.home / ".claude" / "settings.json"
    if kind == "link":
        path.symlink_to("gone")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate((64 << 20) + 1)
    ran = terminal.run("repair", str(path))
    assert ran.code == 1
    assert "next: sos repair" not in ran.err
    assert str(path) in ran.err.partition("next: ")[2]
    if kind == "link":
        assert f"{path} is a link to {path.parent}/gone, which is not there" in ran.err
