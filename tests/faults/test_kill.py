"""kill -9 at any moment: what was acknowledged is there, once, and the next command works."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Recording
from tests.shell import Shell

SENDER = """
import sys
from sos.cli import main
number = 0
while True:
    code = main(["send", "--as", "aa", "--json", "bb", f"{sys.argv[1]} {number}"])
    number += 1
"""


@pytest.mark.promise("INBOX-001")
@pytest.mark.parametrize("rounds", [pytest.param(12, id="short"), pytest.param(150, id="long", marks=pytest.mark.full)])
def test_no_acknowledged_message_is_lost_and_none_is_there_twice(home: Path, rounds: int, record: Recording) -> None:
    shell = Shell(home)
    shell.join("aa")
    shell.join("bb")
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    acknowledged = 0
    for number in range(rounds):
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER, str(number)], env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(0.15 + chance.random() * 0.1)  # the moment of the kill is the test's input, not a wait for something
        sender.send_signal(signal.SIGKILL)
        out, _ = sender.communicate()
        acknowledged += out.count(b"\n")
    found = [entry["text"] for entry in shell.json("inbox", "--as", "bb", "--limit", "100000")["entries"]]
    assert len(found) == len(set(found)), f"seed {seed}"
    assert len(found) >= acknowledged > rounds / 2, f"seed {seed}"
    record("kill -9 of a command that sends in a loop", trials=rounds, note=f"seed {seed}")


@pytest.mark.promise("JOIN-002")
def test_a_join_killed_at_any_moment_is_finished_by_the_next(home: Path, record: Recording) -> None:
    for step in range(25):
        shell = Shell(home, {"SOS_HOME": str(home / f"sos{step}")})
        joining = subprocess.Popen(
            [sys.executable, "-m", "sos", "join", "--name", "kasra"],
            env=shell.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        time.sleep(0.02 + step * 0.005)  # the moment of the kill is the test's input
        joining.send_signal(signal.SIGKILL)
        joining.communicate()
        made = shell.json("join", "--name", "kasra")
        assert all(each["ok"] for each in made["steps"])
        assert len(shell.json("token", "list", "--as", "kasra")["tokens"]) == 3
    record("kill -9 of a join", trials=25)
