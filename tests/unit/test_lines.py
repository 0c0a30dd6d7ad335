"""A lock with lines: it excludes as one without, and its deadline counts the wait in the line too."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sos.files import Lock

ADD = """
import os, sys
from sos.files import Lock
path, count = sys.argv[1], sys.argv[1] + ".count"
for _ in range(200):
    with Lock(path, 30, 2):
        number = int(open(count).read())
        open(count, "w").write(str(number + 1))
"""


@pytest.mark.promise("SQLITE-004")
def test_of_many_processes_one_is_in_it_at_a_time(home: Path) -> None:
    path = str(home / "lock")
    Path(path + ".count").write_text("0")
    adding = [subprocess.Popen([sys.executable, "-c", ADD, path]) for _ in range(6)]
    assert [each.wait(60) for each in adding] == [0] * 6
    assert Path(path + ".count").read_text() == "1200"


@pytest.mark.promise("SQLITE-010")
@pytest.mark.parametrize("held", ["the lock", "the line"])
def test_whoever_holds_the_lock_or_the_line_its_deadline_comes(home: Path, held: str) -> None:
    path = str(home / "lock")
    take = "fcntl.flock(file, fcntl.LOCK_EX)" if held == "the lock" else "fcntl.lockf(file, fcntl.LOCK_EX, 8)"
    code = f"import fcntl, sys; file = open({path!r}, 'w'); {take}; print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    os.chmod(path, 0o600)
    begun = time.monotonic()
    assert not Lock(path, 0.3, 4).acquire()
    assert 0.25 < time.monotonic() - begun < 5
    holder.communicate()
    with Lock(path, 5, 4), open(path) as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
