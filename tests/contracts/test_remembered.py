"""What a process remembers of inboxes between two sends is never older than the last write of anybody."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sos.model.errors import IdConflict, UnknownAgent
from sos.model.names import Slug
from sos.model.transitions import Ack
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World


def opened(home: Path) -> SqliteStore:
    return SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True)


@pytest.mark.parametrize("by", ["this connection", "another"])
@pytest.mark.parametrize(
    ("write", "depth"),
    [
        (lambda store, world, first: store.mail.apply(Slug("bb"), [(first, Ack(at=world.clock.now()))]), 2),
        (lambda store, world, first: store.mail.post([world.parcel("one more")]), 4),
        (lambda store, world, first: store.agents.attend(Slug("bb"), store.agents.agent(Slug("bb")).attention, "headers"), 3),
    ],
    ids=["ack", "post", "something else"],
)
def test_the_depth_in_a_receipt_counts_what_anybody_did(
    home: Path, by: str, write: Callable[[SqliteStore, World, object], object], depth: int
) -> None:
    world = World(opened(home))
    first = world.send("one")
    assert world.post("two").depth == 2
    write(opened(home) if by == "another" else world.store, world, first)  # type: ignore[arg-type]  # a SqliteStore
    assert world.post("three").depth == depth


@pytest.mark.parametrize("by", ["this connection", "another"])
def test_who_has_left_gets_nothing_more(home: Path, by: str) -> None:
    world = World(opened(home))
    world.send("one")
    (opened(home) if by == "another" else world.store).agents.close(Slug("bb"), world.clock.now())
    with pytest.raises(UnknownAgent):
        world.send("two")


def test_a_transaction_that_failed_is_not_remembered(home: Path) -> None:
    world = World(opened(home))
    same = world.send("one")
    with pytest.raises(IdConflict):
        world.store.mail.post([world.parcel("two"), world.parcel("another text", id=same)])
    assert world.post("three").depth == 2


@pytest.mark.promise("SQLITE-011")
def test_who_begins_to_wait_between_two_sends_is_woken_by_the_second(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sos.stores.sqlite.ring.SWEEP_SECONDS", 60.0)  # a ring that is lost is found too late
    world, reader = World(opened(home)), opened(home)
    reader.mail.apply(Slug("bb"), [(world.send("one"), Ack(at=world.clock.now()))])
    world.send("to another", to="cc")
    world.store.mail.apply(Slug("bb"), [(world.send("two"), Ack(at=world.clock.now()))])  # nobody waits: that is known now
    with ThreadPoolExecutor(1) as threads:
        woken = threads.submit(reader.wait, Slug("bb"), 30.0)
        registered(home)
        begun = time.monotonic()
        world.send("three")
        assert woken.result(30)
        assert time.monotonic() - begun < 10
    reader.close()


def registered(home: Path) -> None:
    """Wait until somebody waits."""
    database = sqlite3.connect(home / ".sos" / "sos.db")
    ends = time.monotonic() + 10
    while not database.execute("SELECT 1 FROM waiter").fetchall():
        assert time.monotonic() < ends
    database.close()
