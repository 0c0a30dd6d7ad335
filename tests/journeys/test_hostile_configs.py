"""`sos connect` where a runtime's own files are broken, strange, closed, or written by somebody else at the same time."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.configs import CODEX, SETTINGS
from tests.shell import Ran, Shell

UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
MINE = CODEX.replace("sos", "other").encode()
HOOKS = json.dumps(SETTINGS, indent=4).encode()
Make = Callable[[Path], None]


@pytest.fixture
def terminal(home: Path) -> Shell:
    """A terminal in a home with one agent, and configs of Codex that are its user's."""
    made = Shell(home)
    made.join("aa")
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_bytes(MINE)
    (home / ".codex/hooks.json").write_bytes(HOOKS)
    return made


def tree(folder: Path) -> dict[str, Any]:
    """All below a folder but SOS_HOME: what each is, its mode, and what is in it."""
    found: dict[str, Any] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".sos"]
        for name in (*folders, *names):
            path = Path(place, name)
            at = path.lstat()
            what = os.readlink(path) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(at.st_mode) else b""
            found[str(path.relative_to(folder))] = (at.st_mode, what)
    return found


def wrote(data: bytes) -> Make:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def gone_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.json")


def folder_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/tmp")


def ring(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def read_only(path: Path) -> None:
    path.chmod(0o400)


def no_folder(path: Path) -> None:
    for each in path.parent.iterdir():
        each.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"mine")


REFUSED: list[tuple[str, str, Make, str]] = [
    ("cut JSON", "hooks.json", wrote(HOOKS[:200]), "sos repair "),
    ("a comment", "hooks.json", wrote(b"{} // mine"), "sos repair "),
    ("cut TOML", "config.toml", wrote(MINE[:-30]), "sos repair "),
    ("NUL", "hooks.json", wrote(bytes(4096)), "sos repair "),
    ("NUL in TOML", "config.toml", wrote(bytes(4096)), "sos repair "),
    ("brackets", "hooks.json", wrote(b"[" * 10**5 + b"]" * 10**5), "sos repair "),
    ("some hundred levels", "hooks.json", wrote(b'{"a":' * 400 + b"1" + b"}" * 400), "sos repair "),
    ("deep TOML", "config.toml", wrote(b"a = " + b"[" * 10**5), "sos repair "),
    ("no UTF-8", "config.toml", wrote(b'a = "\xff"\n'), "sos repair "),
    ("UTF-16", "hooks.json", wrote("{}".encode("utf-16")), "sos repair "),
    ("a list", "hooks.json", wrote(b"[1]"), "look at it: "),
    ("hooks is a list", "hooks.json", wrote(b'{"hooks": [1]}'), "look at it: "),
    ("hooks is null", "hooks.json", wrote(b'{"hooks": null}'), "look at it: "),
    ("Stop is an object", "hooks.json", wrote(b'{"hooks": {"Stop": {"a": 1}}}'), "look at it: "),
    ("servers are a word", "config.toml", wrote(b'mcp_servers = "none"\n'), "look at it: "),
    ("servers in a line", "config.toml", wrote(b'mcp_servers = { a = { command = "x" } }\n'), "look at it: "),
    ("another sos", "config.toml", wrote(b'[mcp_servers.sos]\ncommand = "mine"\nsince = 2026-11-24\n'), "look at it: "),
    ("17 MiB", "hooks.json", wrote(b'{"a": "' + b"x" * (17 << 20) + b'"}'), "ls -la "),
    ("a link to nowhere", "hooks.json", gone_link, "ls -la "),
    ("a link to a directory", "hooks.json", folder_link, "ls -la "),
    ("a link to itself", "config.toml", ring, "ls -la "),
    ("a directory", "config.toml", folder, "ls -la "),
    ("a pipe", "hooks.json", pipe, "ls -la "),
    ("closed by its owner", "config.toml", read_only, "if it may be changed: chmod u+w "),
    ("a file for a directory", "config.toml", no_folder, "ls -la "),
]


@pytest.mark.promise("CONNECT-008")
@pytest.mark.parametrize(("name", "make", "step"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_cannot_take_ours_is_refused_with_what_to_do_and_nothing_is_written(
    terminal: Shell, name: str, make: Make, step: str
) -> None:
    path = terminal.home / ".codex" / name
    make(path)
    before = tree(terminal.home)
    for words in (["connect", "codex", "--as", "aa"], ["connect", "codex", "--as", "aa", "--dry-run"]):
        ran = terminal.run(*words, "--json")
        assert ran.code == 1, ran
        assert ran.json["next"].startswith(step), ran.json
        assert str(path.parent) in ran.json["message"]
        assert tree(terminal.home) == before
    assert not (terminal.root / "bin/sos-hook").exists()
    assert not list(terminal.root.glob("connected/**/before"))


@pytest.mark.promise("CONNECT-008")
@pytest.mark.parametrize("data", [b'[mcp_servers.sos]\ncommand = "mine"\n', b"not toml"])
def test_what_is_not_ours_is_not_taken_away_either(terminal: Shell, data: bytes) -> None:
    path = terminal.home / ".codex/config.toml"
    path.write_bytes(data)
    before = tree(terminal.home)
    ran = terminal.run("disconnect", "codex", "--json")
    assert (ran.code, tree(terminal.home)) == (0 if b"[" in data else 1, before)
    assert b"[" in data or ran.json["next"].startswith("sos repair ")


TAKEN: list[tuple[str, str, Make]] = [
    ("empty", "hooks.json", wrote(b"")),
    ("empty TOML", "config.toml", wrote(b"")),
    ("bytes that are no text", "hooks.json", wrote(b'{"mine": "\xff\xfe\x80", "hooks": {"Stop": []}}')),
    ("a byte order mark", "config.toml", wrote(b"\xef\xbb\xbf" + MINE)),
    ("no line end", "config.toml", wrote(b'[mcp_servers.a]\ncommand = "x"')),
    ("the same key twice", "hooks.json", wrote(b'{"hooks": {"a": 1}, "hooks": {"b": [2]}}')),
]


@pytest.mark.promise("CONNECT-008", "CONNECT-009")
@pytest.mark.parametrize(("name", "make"), [each[1:] for each in TAKEN], ids=[each[0] for each in TAKEN])
def test_what_is_strange_and_sound_takes_ours_and_is_given_back(terminal: Shell, name: str, make: Make) -> None:
    make(terminal.home / ".codex" / name)
    before = tree(terminal.home)
    terminal.json("connect", "codex", "--as", "aa")
    assert b"/bin/sos-" in (terminal.home / ".codex" / name).read_bytes()
    assert terminal.json("disconnect", "codex")["removed"]
    assert tree(terminal.home) == before


@pytest.mark.promise("CONNECT-008", "CONNECT-009")
def test_a_link_stays_a_link_and_its_target_gets_ours_and_keeps_its_mode(terminal: Shell) -> None:
    dotfiles = terminal.home / "dot files"
    dotfiles.mkdir()
    path = terminal.home / ".codex/hooks.json"
    path.rename(dotfiles / "hooks.json")
    (dotfiles / "hooks.json").chmod(0o640)
    path.symlink_to("../dot files/hooks.json")
    before = tree(terminal.home)
    terminal.json("connect", "codex", "--as", "aa")
    assert path.is_symlink()
    assert b"/bin/sos-hook" in (dotfiles / "hooks.json").read_bytes()
    assert stat.S_IMODE((dotfiles / "hooks.json").stat().st_mode) == 0o640
    terminal.json("disconnect", "codex")
    assert tree(terminal.home) == before


@pytest.mark.promise("CONNECT-008", "CONNECT-011")
def test_names_with_spaces_and_signs_of_the_shell_work_and_those_that_no_line_carries_are_refused(home: Path) -> None:
    strange = home / "a b;&|<>(){}*?[x]#~!ü -n"
    strange.mkdir()
    shell = Shell(strange, {"HOME": str(strange), "SOS_HOME": str(strange / ".sos")})
    shell.join("aa")
    before = tree(strange)
    place = strange / "work $(touch x) 'y' \"z\" `w`"
    place.mkdir()
    for runtime in ("claude", "codex", "gemini", "copilot", "opencode"):
        shell.json("connect", runtime, "--as", "aa", "--dir", str(place))
    steps = [step for step in shell.json("join", "--name", "aa")["steps"] if step["name"] == "hook"]
    assert len(steps) == 5
    assert [step["detail"] for step in steps if not step["ok"]] == []
    for runtime in ("claude", "codex", "gemini", "copilot", "opencode"):
        assert shell.json("disconnect", runtime)["removed"]
    place.rmdir()
    assert tree(strange) == before
    for character in "'\"$`\\":
        quoted = home / f"a{character}b"
        other = Shell(home, {"SOS_HOME": str(quoted)})
        other.join("aa")
        for words in (["connect", "codex", "--as", "aa"], ["connect", "codex", "--as", "aa", "--dry-run"]):
            ran = other.run(*words, "--json")
            assert (ran.code, ran.json["error"]) == (1, "runtime_config"), ran
            assert "SOS_HOME" in ran.json["next"]
    assert not (home / ".codex").exists()


@pytest.mark.promise("CONNECT-008")
def test_two_that_connect_at_once_do_not_undo_each_other(terminal: Shell) -> None:
    terminal.join("bb")
    before = tree(terminal.home)
    todo = [("codex", "aa"), ("codex", "bb"), ("copilot", "aa"), ("copilot", "bb"), ("opencode", "aa")]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "sos", "connect", runtime, "--as", name, "--dir", str(terminal.root)],
            env=terminal.environment, cwd=terminal.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for runtime, name in todo
    ]  # fmt: skip
    for process in running:
        _, err = process.communicate()
        assert process.returncode == 0, err.decode()
    assert sorted((terminal.root / "agents/aa/runtimes").read_text().split()) == ["codex", "copilot", "opencode"]
    assert sorted((terminal.root / "agents/bb/runtimes").read_text().split()) == ["codex", "copilot"]
    for runtime in ("codex", "copilot", "opencode"):
        assert not terminal.json("connect", runtime, "--as", "aa", "--dry-run")["diff"]
        terminal.json("disconnect", runtime)
    assert tree(terminal.home) == before


class Rewriter(threading.Thread):
    """Another program: it puts a key of its own into a config again and again, and looks whether all are there."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._ends = threading.Event()
        self.written = 0
        self.lost: list[str] = []

    def run(self) -> None:
        while not self._ends.wait(0.005):
            value = json.loads(self._path.read_bytes())
            self.lost += [f"k{number}" for number in range(self.written) if f"k{number}" not in value]
            value[f"k{self.written}"] = self.written
            self._path.with_name("theirs").write_text(json.dumps(value))
            os.replace(self._path.with_name("theirs"), self._path)
            self.written += 1

    def stop(self) -> None:
        self._ends.set()
        self.join()


@pytest.mark.promise("CONNECT-008")
def test_while_another_program_writes_all_the_time_none_of_its_keys_is_lost(terminal: Shell) -> None:
    path = terminal.home / ".codex/hooks.json"
    other = Rewriter(path)
    other.start()
    ran = [terminal.run(*words, "codex", "--json") for _ in range(3) for words in (["connect", "--as", "aa"], ["disconnect"])]
    other.stop()
    assert not other.lost
    assert other.written > 20
    assert all(each.code == 0 or each.json["error"] == "conflict" for each in ran), ran
    terminal.json("connect", "codex", "--as", "aa")
    value = json.loads(path.read_bytes())
    assert b"/bin/sos-hook" in path.read_bytes()
    assert [value[f"k{number}"] for number in range(other.written)] == list(range(other.written))
    terminal.json("disconnect", "codex")
    left = json.loads(path.read_bytes())
    assert b"/bin/sos-" not in path.read_bytes()
    assert {key: each for key, each in left.items() if key[0] != "k"} == SETTINGS


def inside(shell: Shell, mount: str, *words: str) -> Ran:
    """Run a command where a mount has been made that nobody else sees."""
    tools.find("unshare")
    script = f'{mount} || exit 99; shift; exec "$@"'
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", str(shell.home / ".codex"), sys.executable, "-m", "sos", *words],
        env=shell.environment, cwd=shell.home, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode == 99:
        tools.not_allowed("mount in a namespace of its own")
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


CLOSED = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
FULL = (
    'mkdir "$1.here" && cp -a "$1"/. "$1.here" && mount -t tmpfs -o size=64k none "$1"'
    ' && cp -a "$1.here"/. "$1" && rm -r "$1.here"'
    ' && { cat /dev/zero > "$1/fills" 2>/dev/null; true; }'
)
LOOK = f'{{ "{sys.executable}" -m sos connect codex --as aa >/dev/null 2>&1; ls -A "$1"; cat "$1/hooks.json"; exit; }}'


@pytest.mark.promise("CONNECT-008")
def test_a_directory_that_cannot_be_written_is_refused_before_anything_is(terminal: Shell) -> None:
    before = tree(terminal.home)
    ran = inside(terminal, CLOSED, "connect", "codex", "--as", "aa", "--json")
    assert (ran.code, ran.json["error"]) == (1, "runtime_config"), ran
    assert "is read-only; nothing was written" in ran.json["message"]
    assert tree(terminal.home) == before
    terminal.json("connect", "codex", "--as", "aa")
    ran = inside(terminal, CLOSED, "disconnect", "codex", "--json")
    assert (ran.code, ran.json["error"]) == (1, "runtime_config"), ran
    assert terminal.json("disconnect", "codex")["removed"]
    assert tree(terminal.home) == before


@pytest.mark.promise("CONNECT-008")
def test_on_a_full_disk_the_user_has_what_he_had(terminal: Shell) -> None:
    before = tree(terminal.home)
    ran = inside(terminal, FULL, "connect", "codex", "--as", "aa", "--json")
    assert (ran.code, ran.json["error"]) == (75, "storage_full"), ran
    assert {path: what for path, what in tree(terminal.home).items() if not path.startswith(".agents")} == before
    shown = inside(terminal, f"{FULL} && {LOOK}").out
    assert shown == "config.toml\nfills\nhooks.json\n" + HOOKS.decode()
    terminal.json("connect", "codex", "--as", "aa")
    assert terminal.json("disconnect", "codex")["removed"]
