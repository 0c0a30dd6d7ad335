"""`sos backup restore`: where the store is gone or damaged, the command that is named puts the newest copy back."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"

pytestmark = pytest.mark.promise("STORE-004")


def step(shell: Shell) -> str:
    """What the doctor says to type."""
    found = [each for rung in shell.run("doctor", "--json", "--as", "bb").json["rungs"] for each in rung["findings"]]
    return next(str(each["next_step"]) for each in found if each["code"] in {"store_missing", "store_damaged"})


def broken(shell: Shell, how: str) -> None:
    if how == "gone":
        for path in shell.root.glob("sos.db*"):
            path.unlink()
    else:
        with (shell.root / "sos.db").open("r+b") as file:
            file.write(b"this is no database")


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_the_command_that_the_doctor_names_puts_the_newest_copy_back(shell: Shell, how: str) -> None:
    shell.event("SessionStart", SESSION, source="startup")
    kept = shell.json("send", "--as", "aa", "bb", "kept")["id"]
    shell.json("backup")
    shell.json("send", "--as", "aa", "bb", "lost")
    broken(shell, how)
    words = shlex.split(step(shell))
    assert words[:3] == ["sos", "backup", "restore"]
    looked = shell.run(*words[1:-1])
    assert (looked.code, "is sound and holds 3 agents and" in looked.out) == (1, True), looked
    done = shell.json(*words[1:])
    assert done["restored"]
    assert bool(done["aside"]) is (how == "damaged")
    assert all(Path(path).exists() for path in done["aside"])
    assert [entry["id"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == [kept]
    assert "restored" in (shell.event("UserPromptSubmit", SESSION) or "")
    assert not list(shell.root.glob("*restoring*"))
    assert not list(shell.root.glob("*looking*"))


def test_a_store_that_another_process_has_open_is_left_alone(shell: Shell) -> None:
    copy = shell.json("backup")["id"]
    code = "import sqlite3,sys; made = sqlite3.connect(sys.argv[1]); made.execute('SELECT * FROM meta').fetchall();"
    code += "print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(shell.root / "sos.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"open\n"
        ran = shell.run("backup", "restore", "--json", copy, "--yes")
        assert (ran.code, ran.json["error"], str(held.pid) in ran.json["message"]) == (1, "conflict", True)
        held.communicate()
    assert shell.json("backup", "restore", copy, "--yes")["restored"]


@pytest.mark.parametrize("how", ["cut", "other", "itself"])
def test_what_is_no_sound_copy_is_refused_and_nothing_is_moved(shell: Shell, how: str) -> None:
    shell.json("send", "--as", "aa", "bb", "stays")
    copy = Path(shell.json("backup")["id"])
    if how == "cut":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif how == "other":
        copy.unlink()
        with sqlite3.connect(copy) as database:
            database.execute("CREATE TABLE a (b)")
        database.close()
    else:
        copy = shell.root / "sos.db"
    ran = shell.run("backup", "restore", "--json", str(copy), "--yes")
    assert (ran.code, ran.json["error"]) == (1, "not_found" if how == "itself" else "store_damaged"), ran
    assert len(shell.json("inbox", "--as", "bb")["entries"]) == 1
    assert not list(shell.root.glob("*aside*"))


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_without_a_copy_the_way_that_is_named_begins_anew(shell: Shell, how: str) -> None:
    shutil.rmtree(shell.root / "backups", ignore_errors=True)
    broken(shell, how)
    said = step(shell)
    if how == "gone":
        assert said in shell.run("backup", "list").out
    begins = said.partition("begin anew: ")[2].replace("NAME", "bb").replace("ROLE", "qa")
    begins = begins.replace("sos join", f"{sys.executable} -m sos join")
    done = subprocess.run(["/bin/sh", "-c", begins], env=shell.environment, cwd=shell.home, capture_output=True, check=False)
    assert done.returncode == 0, done
    assert (shell.root / "aside" / "agents" / "aa" / "agent.toml").exists()
    assert shell.json("inbox", "--as", "bb")["entries"] == []
