"""Under a steady load the file of the store stops growing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sos.model.times import DAY
from sos.stores.sqlite.store import SqliteStore
from sos.testing.keeping import KeepingContract
from sos.testing.world import World


@pytest.mark.promise("RETENTION-003")
def test_the_file_stops_growing(home: Path) -> None:
    path = home / ".sos" / "sos.db"
    world, work = World(SqliteStore(str(path), str(home / ".sos" / "run"), create=True)), KeepingContract()
    sizes = []
    for _ in range(100):
        work.day_of_work(world)
        sizes.append(os.path.getsize(path))
    assert max(sizes) <= sizes[60] * 1.1


@pytest.mark.promise("RETENTION-003")
def test_bodies_that_were_not_seen_for_a_month_are_forgotten(home: Path) -> None:
    world = World(SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True))
    for number in range(40):
        world.body(session=f"s{number}")
        world.clock.tick(DAY)
    for _ in range(3):
        world.store.mail.prune(world.clock.now(), 10)
    kept = {body.session for body in world.store.agents.bodies(world.body().agent)}
    assert "s39" in kept
    assert "s2" not in kept
