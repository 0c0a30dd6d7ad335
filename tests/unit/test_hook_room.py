"""A hook run that found no room has the watchdog look, once in a minute, in a process that nobody waits for."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from sos.hook import room
from sos.settings import load


def wait_for(path: Path) -> str:
    ends = time.monotonic() + 20
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < ends, "it was not started"
        time.sleep(0.01)
    return path.read_text()


@pytest.mark.promise("DISK-002")
def test_the_watchdog_is_started_once_and_holds_nothing_of_the_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nprintf "%s %s %s\\n" "$*" "$SOS_HOME" "$(readlink /proc/self/fd/1)" >> {told}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    settings = load({"HOME": str(tmp_path), "SOS_HOME": str(tmp_path / "sos")})
    assert not room.look(settings)  # there is no directory for its note
    (tmp_path / "sos" / "run").mkdir(parents=True)
    assert room.look(settings)
    assert wait_for(told).startswith(f"-I -m sos watchdog --once {tmp_path}/sos ")
    assert not room.look(settings)
    note = tmp_path / "sos" / "run" / "disk-looked"
    assert note.stat().st_blocks == 0 or note.stat().st_size == 1
    os.utime(note, (time.time() - 61,) * 2)
    assert room.look(settings)
