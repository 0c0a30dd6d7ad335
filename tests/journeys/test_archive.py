"""The program as one file: any Python of the machine runs it when the environment that SOS was installed in is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import Shell

LONE = os.path.realpath(sys.executable)
"""A Python that finds nothing of ours: without its environment, and told to look nowhere."""


def lone(shell: Shell, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [LONE, "-I", "-S", str(shell.root / "bin" / "sos.pyz"), *words]
    environment = {"HOME": str(shell.home), "CLAUDE_CONFIG_DIR": str(shell.home / ".claude"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False, timeout=50)


@pytest.mark.promise("DOCTOR-007", "GUIDE-003")
def test_the_doctor_runs_where_the_environment_is_gone(shell: Shell) -> None:
    launcher = shell.root / "bin" / "sos-hook"
    launcher.write_text(launcher.read_text().replace(sys.executable, "/nowhere/bin/python"))
    shown = lone(shell, "doctor", "--json", "--as", "bb")
    assert (shown.returncode, shown.stderr) == (1, b"")
    examined = json.loads(shown.stdout)
    (finding,) = [finding for rung in examined["rungs"] for finding in rung["findings"]]
    assert finding["code"] == "python_gone"
    assert finding["next_step"].startswith("install sos-lifeline again, then: sos connect claude --as bb")
    before = launcher.read_bytes()
    mended = json.loads(lone(shell, "doctor", "--json", "--fix", "--as", "bb").stdout)["mended"]
    assert mended == []  # what it wrote could not be started
    assert lone(shell, "inbox", "--as", "bb").returncode == 0
    assert launcher.read_bytes() == before  # no other command writes what could not be started either
    assert lone(shell, "guide", "--as", "bb").stdout.startswith(b"# Recovery guide of bb")


def test_it_reads_and_sends_as_the_installed_one_does(shell: Shell) -> None:
    sent = json.loads(lone(shell, "send", "--as", "aa", "--json", "bb", "from one file").stdout)
    (entry,) = shell.json("inbox", "--as", "bb")["entries"]
    assert (entry["id"], entry["text"]) == (sent["id"], "from one file")


def test_it_makes_a_store_as_well(shell: Shell, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [LONE, "-I", "-S", str(shell.root / "bin" / "sos.pyz"), "join", "--name", "new", "--role", "qa", "--json"]
    made = subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["slug"] == "new"


@pytest.mark.promise("CONNECT-012")
def test_a_hook_that_cannot_start_names_it(shell: Shell) -> None:
    launcher = shell.root / "bin" / "sos-hook"
    launcher.write_text(launcher.read_text().replace(sys.executable, "/nowhere/bin/python"))
    said = shell.event("UserPromptSubmit", "5a12d4d5-0000-4000-8000-000000000001") or ""
    assert f"python3 '{shell.root}/bin/sos.pyz' doctor" in said


def test_connecting_again_writes_it_anew_only_where_it_is_another(shell: Shell) -> None:
    path = shell.root / "bin" / "sos.pyz"
    before = path.stat().st_mtime_ns
    shell.connect("bb")
    assert path.stat().st_mtime_ns == before
    path.write_bytes(b"old")
    shell.connect("bb")
    assert path.stat().st_size > 100_000
    assert path.stat().st_mode & 0o777 == 0o700
