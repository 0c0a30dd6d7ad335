"""The watchdog inside a server: looks again and again, logs each change once, and outlives a look that fails."""

from __future__ import annotations

import json
import threading

import pytest

from sos.model.errors import StorageFull, StoreUnreachable
from sos.model.times import Millis
from sos.recovery import watchdog
from sos.recovery.disk import GIB, Amount, FileSystem, Place
from sos.recovery.watchdog import Look
from sos.server.metrics import Metrics
from sos.server.watchdog import Watchdog

PERCENTS = [50, 91, 91, None, 91, 96, 50]
"""What each look finds; None: it fails."""


@pytest.mark.promise("DISK-002")
def test_each_change_is_logged_once_and_the_numbers_are_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter(PERCENTS)
    done = threading.Event()
    metrics = Metrics(lambda: 0)

    def look(_failed: bool) -> Look:  # as the watchdog calls it
        percent = next(looks, -1)
        if percent == -1:
            done.set()
            percent = PERCENTS[-1]
        if percent is None:
            raise StoreUnreachable("no lock")
        space = Amount(total=100 * GIB, used=percent * GIB, free=(100 - percent) * GIB)
        system = FileSystem(mount="/data", places=(Place(name="home", path="/data"),), space=space)
        systems, alerts = watchdog.step((), [system], Millis(0))
        return Look(at=Millis(0), systems=systems, alerts=alerts, ballast="", remarks=())

    made = Watchdog(look, metrics, every=0.001)
    made.start()
    assert done.wait(20)
    made.stop()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("level", line["event"]) for line in lines] == ["warning", "cannot_look", "critical", "ok"]
    text = metrics.text().decode()
    assert 'sos_disk_level{mount="/data"} 0.0' in text
    assert 'sos_disk_used_percent{mount="/data",what="space"} 50.0' in text


@pytest.mark.promise("DISK-002")
def test_a_write_that_finds_no_room_is_looked_after_at_once_and_not_again_for_a_minute() -> None:
    looks: list[bool] = []
    looked = threading.Semaphore(0)

    def look(failed: bool) -> Look:  # as the watchdog calls it
        looks.append(failed)
        looked.release()
        return Look(at=Millis(0), systems=(), alerts=(), ballast="", remarks=())

    metrics = Metrics(lambda: 0)
    made = Watchdog(look, metrics, every=3600)
    metrics.when_full(made.write_failed)
    made.start()
    assert looked.acquire(timeout=20)
    metrics.refused(StoreUnreachable("no lock"))
    for _ in range(100):
        metrics.refused(StorageFull("no space left"))
    assert looked.acquire(timeout=20)
    made.stop()
    assert looks == [False, True]
    assert 'sos_errors_total{code="storage_full"} 100.0' in metrics.text().decode()
