"""What a process remembers of inboxes between two sends is never older than the last write of anybody."""

from __future__ import annotations

from collections.abc import Callable
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
