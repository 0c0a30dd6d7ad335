"""`sos-rescue restore`: the newest backup that parses takes the place of a broken state, which is kept first."""

from __future__ import annotations

import json
import os
import pty
import stat
from pathlib import Path

import pytest

from sos.recovery import rescue
from tests.configs import CONFIGS
from tests.rescuing import SHELLS, Box, box, inside
from tests.shell import Shell

pytestmark = pytest.mark.promise("RESCUE-001")

STATE, SETTINGS = CONFIGS[0], CONFIGS[2]
CUT = STATE.data[: STATE.data.index(b'"tipsHistory"') + 20]
SECRET = b"ghp_" + b"a1" * 18


@pytest.fixture(params=SHELLS)
def bare(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Box:
    """A box with a state that was cut off, and its backups: the newest was cut off too, and one is no object."""
    made = box(request.param, Shell(home), tmp_path)
    (home / ".sos" / "bin").mkdir()
    made.script.write_bytes(Path(rescue.SHIPPED).read_bytes())
    backups = home / ".claude" / "backups"
    backups.mkdir(parents=True)
    state = home / ".claude.json"
    state.write_bytes(CUT)
    state.chmod(0o640)
    for stamp, data in ((999, b"{}"), (1764000000000, STATE.before), (1764000000500, b"[]"), (1764000000900, STATE.data[:700])):
        (backups / f".claude.json.backup.{stamp}").write_bytes(data)
    (backups / ".claude.json.backup.now").write_bytes(b"{}")
    return made


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_broken_state_is_kept_and_the_newest_backup_that_parses_takes_its_place(bare: Box) -> None:
    state = bare.home / ".claude.json"
    ran = bare.run("restore", str(state), "--yes")
    assert (ran.code, ran.err) == (0, ""), ran
    assert state.read_bytes() == STATE.before
    assert stat.S_IMODE(state.stat().st_mode) == 0o640, "the mode of the file, not of the backup"
    assert (bare.home / ".claude.json.broken").read_bytes() == CUT
    assert names(bare.home) == [".claude", ".claude.json", ".claude.json.broken", ".sos"]
    assert f"its place takes: {bare.home}/.claude/backups/.claude.json.backup.1764000000000" in ran.out
    assert f"passed over: {bare.home}/.claude/backups/.claude.json.backup.1764000000900 (it ends in the middle)" in ran.out
    assert "backup.1764000000500 (it is no object)" in ran.out
    assert SECRET.decode() not in ran.out
    again = bare.run("restore", str(state), "--yes")
    assert (again.code, again.out) == (0, f"{state} parses: there is nothing to restore\n")
    state.write_bytes(CUT[:-1])
    assert bare.run("restore", ".claude.json", "--yes").code == 0
    assert (bare.home / ".claude.json.broken-1").read_bytes() == CUT[:-1]


@pytest.mark.parametrize(("typed", "written"), [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False), (None, False)])
def test_without_a_yes_nothing_is_written(bare: Box, typed: bytes | None, written: bool) -> None:
    if typed is None:
        ran = bare.run("restore", ".claude.json")
        assert "there is no terminal to say yes at" in ran.err
    else:
        ours, theirs = pty.openpty()
        os.write(ours, typed)
        ran = bare.run("restore", ".claude.json", stdin=theirs)
        os.close(ours)
        os.close(theirs)
        assert "Write it? [y/N]" in ran.out
    assert ran.code == (0 if written else 1)
    assert (bare.home / ".claude.json").read_bytes() == (STATE.before if written else CUT)
    assert ((bare.home / ".claude.json.broken") in bare.home.iterdir()) == written


def test_a_state_that_is_gone_comes_back(bare: Box) -> None:
    (bare.home / ".claude.json").unlink()
    backup = bare.home / ".claude/backups/.claude.json.backup.1764000000000"
    backup.chmod(0o600)
    ran = bare.run("restore", ".claude.json", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert (bare.home / ".claude.json").read_bytes() == STATE.before
    assert stat.S_IMODE((bare.home / ".claude.json").stat().st_mode) == 0o600
    assert names(bare.home) == [".claude", ".claude.json", ".sos"]


def test_a_symbolic_link_stays_one(bare: Box) -> None:
    (bare.home / "dotfiles").mkdir()
    (bare.home / ".claude.json").rename(bare.home / "dotfiles" / "-x y\n")
    (bare.home / ".claude.json").symlink_to("dotfiles/-x y\n")
    assert bare.run("restore", ".claude.json", "--yes").code == 0
    assert os.readlink(bare.home / ".claude.json") == "dotfiles/-x y\n"
    assert (bare.home / "dotfiles" / "-x y\n").read_bytes() == STATE.before
    assert names(bare.home / "dotfiles") == ["-x y\n", "-x y\n.broken"]


def test_a_state_that_was_moved_has_its_backups_there(bare: Box) -> None:
    moved = bare.home / "-c d\n"
    (bare.home / ".claude").rename(moved)
    (bare.home / ".claude.json").rename(moved / ".claude.json")
    bare.extra["CLAUDE_CONFIG_DIR"] = str(moved)
    assert bare.run("restore", str(moved / ".claude.json"), "--yes").code == 0
    assert (moved / ".claude.json").read_bytes() == STATE.before
    (bare.home / ".claude.json").write_bytes(CUT)
    ran = bare.run("restore", str(bare.home / ".claude.json"), "--yes")
    assert (ran.code, (bare.home / ".claude.json").read_bytes()) == (1, CUT)


def test_where_no_backup_parses_nothing_is_written(bare: Box) -> None:
    for path in (bare.home / ".claude/backups").iterdir():
        path.write_bytes(b'{"a": ')
    ran = bare.run("restore", ".claude.json", "--yes")
    assert ran.code == 1
    assert "no backup in " in ran.err
    assert "next: sos repair FILE" in ran.err
    assert names(bare.home) == [".claude", ".claude.json", ".sos"]


def test_settings_have_no_backup_but_may_be_given_one(bare: Box) -> None:
    settings = bare.home / "a b" / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(SETTINGS.data[:-5])
    ran = bare.run("restore", str(settings), "--yes")
    assert (ran.code, settings.read_bytes()) == (1, SETTINGS.data[:-5])
    assert "keeps no backup of" in ran.err
    (bare.home / "-good").write_bytes(SETTINGS.data)
    (bare.home / "-bad").write_bytes(SETTINGS.data[:-6])
    refused = bare.run("restore", "--from", "-bad", "--yes", "--", str(settings))
    assert (refused.code, settings.read_bytes()) == (1, SETTINGS.data[:-5])
    assert bare.run("restore", "--from", "-good", "--yes", "--", str(settings)).code == 0
    assert settings.read_bytes() == SETTINGS.data


@pytest.mark.parametrize(
    "name", [".codex/config.toml", "opencode.json", ".sos/agents/aa/watch.json", "nowhere/.claude.json", ".claude"]
)
def test_what_is_not_claude_codes_is_left_alone(bare: Box, name: str) -> None:
    path = bare.home / name
    if name not in {"nowhere/.claude.json", ".claude"}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"// mine\n{}")
    ran = bare.run("restore", name, "--yes", "--from", ".claude/backups/.claude.json.backup.999")
    assert ran.code == 1
    said = (
        "the directory of nowhere/.claude.json is not there" if "nowhere" in name else f"{path} is no config file of Claude Code"
    )
    assert ran.err.startswith(f"sos-rescue: {said}\nnext: ")
    assert not path.is_file() or path.read_bytes() == b"// mine\n{}"


def test_the_lock_of_claude_code_is_waited_for_and_not_broken(bare: Box) -> None:
    lock = bare.home / ".claude.json.lock"
    lock.mkdir()
    bare.replace("sleep", ":")
    ran = bare.run("restore", ".claude.json", "--yes")
    assert (ran.code, (bare.home / ".claude.json").read_bytes(), lock.is_dir()) == (1, CUT, True)
    assert "is held by another program" in ran.err
    bare.replace("sleep", f'rmdir "{lock}"')
    assert bare.run("restore", ".claude.json", "--yes").code == 0
    assert not lock.exists()


def test_what_was_changed_meanwhile_is_left_alone(bare: Box) -> None:
    (bare.home / ".claude.json.lock").mkdir()
    bare.replace("sleep", f'echo "{{}}" >"{bare.home}/.claude.json"; rmdir "{bare.home}/.claude.json.lock"')
    ran = bare.run("restore", ".claude.json", "--yes")
    assert (ran.code, (bare.home / ".claude.json").read_bytes()) == (1, b"{}\n")
    assert "was changed meanwhile; nothing was written" in ran.err
    assert names(bare.home) == [".claude", ".claude.json", ".sos"]


def test_without_a_copy_of_the_broken_file_nothing_is_written(bare: Box) -> None:
    # A cp that writes half of it and says that all is well.
    bare.replace("cp", 'for to in "$@"; do :; done; echo half >"$to"')
    ran = bare.run("restore", ".claude.json", "--yes")
    assert (ran.code, (bare.home / ".claude.json").read_bytes()) == (1, CUT)
    assert "nothing was written" in ran.err
    assert names(bare.home) == [".claude", ".claude.json", ".sos"]


FULL = """
mount -t tmpfs -o size=64k,mode=700 none "$1/small"; cp -p "$1/.claude.json" "$1/small/.claude.json"
cat /dev/zero >"$1/small/filler" 2>/dev/null || true
home=$1; shift
"$@" restore "$home/small/.claude.json" --yes --from "$home/whole" || echo "refused: $?"
ls -A "$home/small"; cat "$home/small/.claude.json"
"""


def test_on_a_full_disk_the_file_stays_as_it_is(bare: Box) -> None:
    (bare.home / "small").mkdir()
    (bare.home / "whole").write_bytes(json.dumps({"a": "x" * 50_000}).encode())
    bare.extra["CLAUDE_CONFIG_DIR"] = str(bare.home / "small")
    done = inside(bare, FULL)
    assert done.returncode == 0, done
    assert done.stdout.partition("refused: 1\n")[2] == ".claude.json\nfiller\n" + CUT.decode()
    assert "could not be kept" in done.stderr
