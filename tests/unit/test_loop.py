"""When the receive loop of the SDK takes messages: as many at once as there is room for, and none in the way of what begins."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sos.core.connection import LocalConnection
from sos.model.deliveries import Entry
from sos.model.errors import Conflict, SosError, StorageFull, StoreUnreachable
from sos.model.messages import Receipt
from sos.model.names import Slug
from sos.model.tokens import AGENT_SCOPES
from sos.model.work import Sending
from sos.ports import Store
from sos.sdk import Agent, Message, loop, outage
from sos.stores.memory.store import MemoryStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World

pytestmark = pytest.mark.promise("SDK-004")
AWAY, FULL, BUG = StoreUnreachable("away"), StorageFull("full"), Conflict("another thing")


class Watched(LocalConnection):
    """A connection of `bb` that remembers what the loop asked for."""

    def __init__(self, world: World, store: Store) -> None:
        agent = store.agents.agent(Slug("bb"))
        assert agent is not None
        super().__init__(store, agent, world.clock, "sdk-1", scopes=tuple(AGENT_SCOPES["bus"]))
        self.asked: list[str] = []
        self.ends_at_once = 1
        self.changed = threading.Condition()

    def lease(self, limit: int, span: int, busy: Sequence[str]) -> list[Entry]:
        entries = super().lease(limit, span, busy)
        self._note(f"lease {len(entries)} of {limit}")
        return entries

    def wait(self, seconds: float) -> bool:
        self._note("wait")
        return super().wait(seconds)

    def conclude(self, number: int, fence: int, sends: Sequence[Sending]) -> list[Receipt]:
        first = self._note("end") == 1
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked.count("end") >= self.ends_at_once, 20), self.asked
            if not first:  # the first goes ahead; the others are under way for as long as the loop does nothing
                self.changed.wait_for(lambda: sum(each.startswith("lease") for each in self.asked) > 1, 0.2)
        return super().conclude(number, fence, sends)

    def _note(self, what: str) -> int:
        """How often it was asked for, this time included."""
        with self.changed:
            self.asked.append(what)
            self.changed.notify_all()
            return self.asked.count(what)

    def until(self, count: int, what: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked.count(what) >= count, 20), self.asked


def test_ends_that_are_being_stored_are_waited_for_and_one_lease_fills_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "GATHER_SECONDS", 30.0)
    world = World(MemoryStore())
    for number in range(8):
        world.post(str(number), sender=("aa", "cc", "operator", "bb")[number % 4])
    connection = Watched(world, world.store)
    connection.ends_at_once = 4
    agent, together = Agent(connection=connection, concurrency=4), threading.Barrier(4)

    @agent.on_message
    def handle(message: Message) -> None:
        together.wait(20)

    with agent:
        connection.until(8, "end")
    assert [each for each in connection.asked if each.startswith("lease")][:2] == ["lease 4 of 4"] * 2


def test_what_has_just_begun_is_not_held_up_by_looking_for_what_is_not_there() -> None:
    world = World(MemoryStore())
    world.post("hello")
    connection, over = Watched(world, world.store), threading.Event()
    agent = Agent(connection=connection)

    @agent.on_message
    def handle(message: Message) -> None:
        over.wait(20)

    with agent:
        connection.until(1, "wait")
        asked = list(connection.asked)
        over.set()
    assert asked == ["lease 1 of 8", "wait"]


def test_behind_a_flood_of_one_sender_others_are_looked_for_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SHORTEST_LOOK", 30.0)
    world = World(SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True))
    for number in range(70):
        world.post(str(number))
    world.post("of another", sender="cc")
    agent = Agent(connection=Watched(world, world.store))
    begun, over = threading.Event(), threading.Event()

    @agent.on_message
    def handle(message: Message) -> None:
        if message.sender == "cc":
            begun.set()
        over.wait(20)

    with agent:
        seen = begun.wait(20)
        over.set()
    world.store.close()
    assert seen


@pytest.mark.promise("SDK-013")
def test_an_outage_is_told_once_however_long_and_anything_else_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [1000.0], list[SosError]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    made = outage.Outage(told.append)
    for _ in range(10):
        for error in (AWAY, FULL):
            made.met(error)
        now[0] += outage.QUIET_SECONDS
    assert told == [AWAY, FULL]
    made.met(BUG)
    made.met(BUG)
    now[0] += 1
    made.met(AWAY)
    assert told == [AWAY, FULL, BUG, BUG, AWAY]
