"""kill -9 while a token is rotated: one of the two works, and is in the home."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Recording
from tests.shell import Shell


@pytest.mark.promise("TOKEN-008")
def test_a_rotation_killed_at_any_moment_leaves_a_token_that_works(home: Path, record: Recording) -> None:
    shell = Shell(home)
    shell.join("aa")
    finished = 0
    for step in range(20):
        rotating = subprocess.Popen(
            [sys.executable, "-m", "sos", "token", "rotate", "bus", "--as", "aa"],
            env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(0.03 + step * 0.003)  # the moment of the kill is the test's input, not a wait for something
        rotating.send_signal(signal.SIGKILL)
        out, _ = rotating.communicate()
        finished += bool(out)
        assert shell.run("inbox", "--as", "aa").code == 0, step
    assert shell.run("token", "rotate", "bus", "--as", "aa").code == 0
    assert finished < 20
    record("kill -9 of a token's rotation", trials=20 - finished)


@pytest.mark.promise("TOKEN-008")
def test_a_new_token_that_does_not_work_ends_nothing(home: Path) -> None:
    shell = Shell(home)
    shell.join("aa")
    path = shell.root / "agents" / "aa" / "token.bus"
    before = path.read_text()
    broken = "import sys, sos.core.tokens as t; t.record_of = lambda *a, **k: (_ for _ in ()).throw(SystemExit(9))"
    code = f"{broken}; from sos.cli import run; sys.argv[1:] = ['token', 'rotate', 'bus', '--as', 'aa']; run()"
    done = subprocess.run([sys.executable, "-c", code], env=shell.environment, capture_output=True, check=False)
    assert done.returncode == 9
    assert path.read_text() == before
    assert shell.run("inbox", "--as", "aa").code == 0
