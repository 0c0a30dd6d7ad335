"""`sos watchdog` where nothing can be mounted: what cannot be seen, what is kept, who is told. (tests/faults fills a disk.)"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"


def blind(shell: Shell) -> Shell:
    """A terminal whose temporary directory is gone."""
    return Shell(shell.home, {**shell.extra, "TMPDIR": str(shell.home / "gone")})


def level(shell: Shell, place: str) -> str:
    """The level of a place at a look now, whatever else is wrong with this machine's disks."""
    found = shell.run("watchdog", "--once", "--json").json["file_systems"]
    return str(next(system["level"] for system in found if place in system["places"]))


@pytest.mark.promise("DISK-001", "DISK-002")
def test_what_cannot_be_seen_is_unknown_and_each_agent_hears_of_it_once(shell: Shell) -> None:
    shell.event("SessionStart", SESSION, source="startup")
    level(shell, "home")
    seen = blind(shell).run("watchdog", "--once", "--json")
    assert seen.code == 1
    (unknown,) = [system for system in seen.json["file_systems"] if system["level"] == "unknown"]
    assert (unknown["places"], unknown["bytes"]) == (["temporary"], None)
    (alert,) = [alert for alert in seen.json["alerts"] if "gone" in alert]
    assert f"sos: {alert}" in seen.err
    assert alert in (shell.root / "log").read_text()
    assert alert in (shell.event("UserPromptSubmit", SESSION) or "")
    again = blind(shell).run("watchdog", "--once", "--json")
    assert (again.json["alerts"], again.code) == ([], 1)
    kept = json.loads((shell.root / "run" / "disk.json").read_text())["systems"]
    assert [system["pending"] for system in kept] == [""] * len(kept), "told, so no store is opened for it again"
    assert shell.event("UserPromptSubmit", SESSION) is None


@pytest.mark.promise("DISK-002")
def test_agents_whose_store_cannot_be_written_are_told_when_it_can(shell: Shell) -> None:
    shell.event("SessionStart", SESSION, source="startup")
    store = shell.root / "sos.db"
    away = store.rename(shell.root / "away")
    seen = blind(shell).run("watchdog", "--once", "--json")
    (alert,) = [alert for alert in seen.json["alerts"] if "gone" in alert]
    assert [remark for remark in seen.json["remarks"] if "are not told yet: the store" in remark]
    away.rename(store)
    assert blind(shell).run("watchdog", "--once", "--json").json["remarks"] == []
    assert alert in (shell.event("UserPromptSubmit", SESSION) or "")


def test_agents_of_a_server_are_left_out_and_no_store_is_made_for_them(shell: Shell) -> None:
    for slug in ("aa", "bb", "operator"):
        folder = shell.root / ("operator" if slug == "operator" else f"agents/{slug}")
        told = (folder / "agent.toml").read_text()
        (folder / "agent.toml").write_text(told.replace(str(shell.root / "sos.db"), "http://127.0.0.1:1"))
    (shell.root / "sos.db").unlink()
    assert blind(shell).run("watchdog", "--once", "--json").json["remarks"] == []
    assert not (shell.root / "sos.db").exists()


@pytest.mark.promise("DISK-002")
def test_status_says_when_the_last_look_was_and_when_there_is_none_any_more(shell: Shell) -> None:
    seen = shell.run("watchdog", "--once", "--json")
    told = shell.run("watchdog", "status", "--json")
    assert (told.code, told.json["stale"]) == (seen.code, False)
    assert [each["level"] for each in told.json["file_systems"]] == [each["level"] for each in seen.json["file_systems"]]
    path = shell.root / "run" / "disk.json"
    memory = json.loads(path.read_text())
    for minutes in (46, -5):  # long ago, and by a clock that was wrong
        path.write_text(json.dumps({**memory, "at": memory["at"] - minutes * 60_000}))
        old = shell.run("watchdog", "status")
        assert old.code == 1
        assert "The watchdog itself does not run" in old.out


def test_a_home_that_nobody_has_used_yet_stays_one(home: Path) -> None:
    shell = Shell(home)
    assert shell.run("watchdog", "--once").code in {0, 1}
    shell.join("aa")
    assert shell.json("whoami", "--as", "aa")["id"] == "aa"


def test_where_nothing_can_be_written_the_look_is_taken_all_the_same(home: Path) -> None:
    (home / ".sos" / "run").write_text("in the way")
    seen = Shell(home).run("watchdog", "--once", "--json")
    assert seen.json["file_systems"]
    assert [remark for remark in seen.json["remarks"] if remark.startswith("this look could not be written down: ")]


@pytest.mark.promise("DISK-002")
def test_installed_means_that_it_was_seen_to_run(shell: Shell, tmp_path: Path) -> None:
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\n[ -e "${0%/*}/no-bus" ] && { echo "no bus" >&2; exit 1; }\nexit 0\n')
    program.chmod(0o700)
    user = Shell(shell.home, {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    made = user.run("watchdog", "install", "--json")
    assert (made.code, made.json["installed"], made.json["running"]) == (0, True, True)
    service = (shell.home / ".config/systemd/user/sos-watchdog.service").read_text()
    assert f'Environment="SOS_HOME={shell.root}"' in service
    assert f'ExecStart="{sys.executable}" "-I" "-m" "sos" "watchdog" "--once"' in service
    assert "OnUnitActiveSec=900" in (shell.home / ".config/systemd/user/sos-watchdog.timer").read_text()
    user.run("watchdog", "--once")
    assert user.run("watchdog", "status", "--json").json["service"]["running"] is True
    (tmp_path / "no-bus").touch()
    assert user.run("watchdog", "status", "--json").json["service"]["running"] is False
    lacking = user.run("watchdog", "install")
    assert lacking.code == 1
    assert "written, but not running" in lacking.out
    assert "crontab -e, with the line: */15 * * * * SOS_HOME=" in lacking.out
    (tmp_path / "no-bus").unlink()
    assert user.run("watchdog", "uninstall").code == 0
    assert list((shell.home / ".config/systemd/user").iterdir()) == []


def test_what_the_unit_runs_is_a_look(shell: Shell) -> None:
    """The very line that stands in the unit, with its environment and no other."""
    user = Shell(shell.home, {"PATH": "/nowhere"})
    line = user.run("watchdog", "install", "--json").json["next"]
    command = line.partition("* * * * ")[2].replace("\\%", "%")
    done = subprocess.run(["/bin/sh", "-c", command], env={"HOME": str(shell.home)}, cwd="/", capture_output=True, check=False)
    assert done.returncode in {0, 1}
    assert b"Traceback" not in done.stderr
    assert (shell.root / "run" / "disk.json").exists()


@pytest.mark.parametrize("at", [10**23, -(10**23), 1 << 62])
def test_a_memory_with_a_time_that_cannot_be_is_none_and_is_written_anew(shell: Shell, at: int) -> None:
    shell.run("watchdog", "--once")
    path = shell.root / "run" / "disk.json"
    memory = json.loads(path.read_text())
    path.write_text(json.dumps({**memory, "at": at}))
    ran = shell.run("watchdog", "status")
    assert (ran.code, "is no memory of the watchdog" in ran.err) == (1, True), ran
    assert shell.run("doctor").code in {0, 1}
    assert "begins anew" in shell.run("watchdog", "--once").err
    assert shell.run("watchdog", "status").code in {0, 1}


def test_a_memory_of_a_disk_that_counts_no_inodes_is_one(shell: Shell) -> None:
    shell.run("watchdog", "--once")
    path = shell.root / "run" / "disk.json"
    memory = json.loads(path.read_text())
    for system in memory["systems"]:
        system |= {"inodes": None, "samples": [[at, free, -1] for at, free, _ in system["samples"]]}
    path.write_text(json.dumps(memory))
    assert "is no memory" not in shell.run("watchdog", "status").err
