"""Behind a server `sos watch` keeps the quiet file, so that a tool batch without mail starts nothing but a shell."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos.watch.notices import BUSY
from tests.serving import Serving
from tests.watching import Place, stop, until

S1 = "5a12d4d5-0000-4000-8000-000000000001"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """`bb` behind a server, with a session that has just had its turn."""
    made = Place(tmp_path / "home", Serving(tmp_path / "server"))
    made.shell.connect("bb")
    made.shell.event("SessionStart", S1, source="startup")
    yield made
    made.close()


def quiet(place: Place) -> Path:
    return place.shell.root / "run" / f"q-{S1}"


@pytest.mark.promise("HOOK-010")
def test_the_watch_keeps_the_quiet_file_and_mail_rings(place: Place) -> None:
    assert not quiet(place).exists()
    watch = place.start()
    until(quiet(place).exists)
    assert place.shell.event("PostToolBatch", S1) is None
    place.send("something came")
    until(lambda: not quiet(place).exists(), 5)
    ends = time.monotonic() + BUSY + 0.5
    while time.monotonic() < ends:  # a whole round of the watch
        assert not quiet(place).exists()
    assert "| something came" in (place.shell.event("PostToolBatch", S1) or "")
    until(quiet(place).exists)
    said = stop(watch)
    assert not quiet(place).exists()
    assert "bb: kept quiet for tool batches" in said
    assert "bb: no longer kept quiet for tool batches" in said


@pytest.mark.promise("HOOK-010")
def test_a_watch_that_was_killed_is_not_believed_from_that_moment(place: Place) -> None:
    watch = place.start()
    until(quiet(place).exists)
    watch.send_signal(signal.SIGKILL)
    watch.wait()
    if not sys.platform.startswith("linux"):  # without /proc the next full check finds that it is old
        os.utime(quiet(place), (0, 0))
        place.shell.event("Stop", S1)
    assert not quiet(place).exists()


@pytest.mark.promise("HOOK-010")
def test_a_file_that_nobody_has_looked_after_is_removed_by_a_full_check(place: Place) -> None:
    left = place.shell.root / "run" / "quiet-bb"
    left.touch()
    assert quiet(place).exists()
    assert place.shell.event("Stop", S1) is None
    assert left.exists()  # it is fresh: a watch may keep it
    os.utime(left, (time.time() - 31, time.time() - 31))
    assert place.shell.event("Stop", S1) is None
    assert not left.exists()


@pytest.mark.promise("HOOK-010")
def test_a_watch_that_cannot_reach_the_server_says_nothing_of_quiet(place: Place) -> None:
    assert place.serving is not None
    place.start()
    until(quiet(place).exists)
    place.serving.stop(signal.SIGKILL)
    until(lambda: not quiet(place).exists())
    (standing,) = place.shell.run("watch", "status", "--json").json["agents"]
    until(lambda: place.shell.run("watch", "status", "--json").json["agents"][0]["trouble"] != "")
    assert standing["agent"] == "bb"


@pytest.mark.promise("HOOK-010")
def test_without_a_session_nobody_says_that_nothing_waits(place: Place) -> None:
    place.start()
    until(quiet(place).exists)
    assert place.shell.event("SessionEnd", S1) is None
    until(lambda: not (place.shell.root / "run" / "quiet-bb").is_symlink())
