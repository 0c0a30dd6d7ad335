"""Where things are: the store, the home and interpreter in what is installed, and broken stores."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sos.homes import log
from sos.model.times import Millis
from sos.model.tokens import mint
from tests.shell import Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"


@pytest.mark.promise("SQLITE-001")
def test_the_store_is_in_the_home_or_where_the_setting_says_and_no_process_stays(home: Path) -> None:
    shell = Shell(home)
    shell.join("aa")
    assert (shell.root / "sos.db").exists()
    other = Shell(home, {"SOS_HOME": str(home / "other"), "SOS_STORE": f"sqlite://{home}/elsewhere.db"})
    other.join("aa")
    other.json("send", "aa", "hello")
    assert (home / "elsewhere.db").exists()
    assert not (home / "other" / "sos.db").exists()
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(home) not in running


@pytest.mark.promise("SQLITE-015")
@pytest.mark.parametrize("harm", ["cut", "no header", "other bytes", "empty"])
def test_a_broken_store_is_named_and_never_replaced(shell: Shell, harm: str) -> None:
    path = shell.root / "sos.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for name in ("sos.db-wal", "sos.db-shm"):
        (shell.root / name).unlink(missing_ok=True)
    whole = path.read_bytes()
    broken = {"cut": whole[:5000], "no header": b"\0" * 100 + whole[100:], "other bytes": b"x" * 9999, "empty": b""}
    path.write_bytes(broken[harm])
    for words in (["inbox"], ["send", "bb", "x"], ["join", "--name", "cc"]):
        ran = shell.run(*words, "--json")
        assert (ran.code, ran.json["error"] in {"store_damaged", "store_missing"}) == (1, True), ran
        assert ran.json["next"].startswith("sos doctor ")
    if harm != "empty":  # SQLite writes a header into an empty file, and no table of ours
        assert path.read_bytes() == broken[harm]
    assert shell.run("guide").code == 0


@pytest.mark.promise("RETENTION-004")
def test_unread_mail_that_another_hand_removed_is_said_with_its_number(shell: Shell) -> None:
    shell.event("SessionStart", S1, source="startup")
    for text in ("one", "two", "three"):
        shell.json("send", "--as", "aa", "bb", text)
    with sqlite3.connect(shell.root / "sos.db") as connection:
        connection.execute("DELETE FROM message WHERE text IN ('one', 'two')")
    connection.close()
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "2 unread were removed from the store by another hand" in shown
    assert "| three" in shown
    assert shell.event("UserPromptSubmit", S1) is None


@pytest.mark.promise("CONNECT-011")
def test_what_is_installed_names_home_and_interpreter_and_needs_no_variable(home: Path) -> None:
    elsewhere = home / "else where"
    shell = Shell(home, {"SOS_HOME": str(elsewhere)})
    shell.join("aa")
    shell.connect("aa")
    hooks = json.loads((home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]
    for event in hooks:
        assert f'"{elsewhere}/' in hooks[event][0]["hooks"][0]["command"]
    for launcher in ("sos-hook", "sos-wait"):
        assert f'"{sys.executable}"' in (elsewhere / "bin" / launcher).read_text()
    bare = {"HOME": str(home), "PATH": "/usr/bin:/bin", "CLAUDE_CODE_SESSION_ID": S1, "CLAUDE_PID": str(os.getpid())}
    told = {"session_id": S1, "hook_event_name": "SessionStart", "cwd": str(home), "source": "startup"}
    line = hooks["SessionStart"][0]["hooks"][0]["command"]
    done = subprocess.run(
        ["/bin/sh", "-c", line], env=bare, cwd=home, input=json.dumps(told).encode(), capture_output=True, check=True
    )
    assert b"You are aa" in done.stdout


@pytest.mark.promise("CONNECT-011")
def test_an_interpreter_that_will_be_gone_is_refused(home: Path) -> None:
    shell = Shell(home)
    shell.join("aa")
    place = home / ".cache" / "uv" / "archive-v0" / "x" / "bin"
    place.mkdir(parents=True)
    (place / "python").symlink_to(sys.executable)
    code = "import sys; from sos.cli import run; sys.argv[1:] = ['connect', 'claude', '--as', 'aa', '--json']; run()"
    source = str(Path(__file__).resolve().parents[2] / "src")
    done = subprocess.run(
        [place / "python", "-c", code], env={**shell.environment, "PYTHONPATH": source}, capture_output=True, check=False
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["error"]) == (1, "ephemeral_interpreter")
    assert "tool install" in said["next"]
    assert not (home / ".claude").exists()


@pytest.mark.promise("AMNESIA-001")
@pytest.mark.parametrize("left", ["name", "token"])
def test_with_only_its_name_or_its_token_an_agent_is_whole_after_one_command(shell: Shell, left: str) -> None:
    shell.json("join", "--name", "bb", "--role", "qa", "--skill", "review", "--squad", "pp")
    shell.json("send", "--as", "aa", "bb", "unread")
    shell.json("send", "--as", "aa", "--request", "bb", "asked")
    place = shell.root / "agents" / "bb"
    token = (place / "token.bus").read_text()
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    before = shell.json("peers")
    assert shell.run("inbox", "--as", "bb").code == 1
    words = ["--name", "bb"] if left == "name" else ["--token-file", "-"]
    assert shell.run("join", *words, stdin=token).code == 0
    assert ((place / "token.bus").read_text() == token) == (left == "token")
    found = shell.json("inbox", "--as", "bb")
    assert (found["unread"], found["open"]) == (2, 1)
    assert shell.run("whoami", "--as", "bb").code == 0
    assert (place / "RECOVERY.md").read_text().startswith("# Recovery guide of bb")
    after = shell.json("peers")
    assert [{**peer, "canary_at": ""} for peer in after["peers"]] == [{**peer, "canary_at": ""} for peer in before["peers"]]


@pytest.mark.promise("AMNESIA-002")
@pytest.mark.parametrize("left", ["name", "token"])
def test_an_agent_that_is_made_whole_goes_on_with_the_tasks_that_it_held(shell: Shell, left: str) -> None:
    task = shell.json("task", "add", "--as", "aa", "look at the parser")["id"]
    place = shell.root / "agents" / "bb"
    shell.event("SessionStart", S1, source="startup")
    inside = shell.inside(S1)
    fence = inside.json("task", "claim", task)["fence"]
    token = (place / "token.bus").read_text()
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    words = ["--name", "bb"] if left == "name" else ["--token-file", "-"]
    assert shell.run("join", *words, stdin=token).code == 0
    (held,) = shell.json("task", "list", "--view", "mine", "--as", "bb")["tasks"]
    assert (held["id"], held["status"], held["owner"], held["fence"]) == (task, "claimed", "bb", fence)
    assert inside.run("task", "done", task, "it is well").code == 0
    assert shell.json("task", "show", task, "--as", "aa")["status"] == "done"


@pytest.mark.promise("HOME-002")
def test_a_home_holds_identity_bus_epoch_tokens_cursor_outbox_guide_and_log(shell: Shell) -> None:
    place = shell.root / "agents" / "bb"
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert shell.run("send", "--as", "bb", "aa", "later").code == 75
    assert [path.suffix for path in (place / "outbox").iterdir()] == [".json"]
    shell.event("SessionStart", S1, source="startup")
    identity = tomllib.loads((place / "agent.toml").read_text())
    with sqlite3.connect(shell.root / "sos.db") as connection:
        ((epoch,),) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchall()
        ((head,),) = connection.execute("SELECT max(seq) FROM message").fetchall()
    connection.close()
    assert identity == {"slug": "bb", "name": "bb", "project": "demo", "role": "executor",
                        "store": str(shell.root / "sos.db"), "epoch": epoch}  # fmt: skip
    assert {path.name for path in place.iterdir() if path.name.startswith("token.")} == {
        "token.registry",
        "token.squad",
        "token.bus",
    }
    assert 0 < int((place / "cursor").read_text()) <= head
    assert str(place) in (place / "RECOVERY.md").read_text()
    assert "join: new" in (place / "log").read_text()
    (shell.root / "sos.db").rename(shell.root / "away.db")
    assert "bus unreachable" in (shell.event("UserPromptSubmit", S1) or "")
    assert "UserPromptSubmit: the store" in (place / "log").read_text().splitlines()[-1]


@pytest.mark.promise("HOME-002")
def test_the_log_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    for number in range(400):
        log.add(str(tmp_path), Millis(number), f"{number}\n\x1b {'x' * 900} {mint('bus').text}")
    kept = [line for path in (tmp_path / "log.1", tmp_path / "log") for line in path.read_text().splitlines()]
    assert all((tmp_path / name).stat().st_size <= log.MAX_BYTES for name in ("log", "log.1"))
    assert [line.split()[1].partition("\\")[0] for line in kept] == [str(number) for number in range(400 - len(kept), 400)]
    assert all(line.endswith("sos_bus_…") for line in kept)  # and nothing of the token
