"""A server's settings may be changed at any time: receipts say so from then on, and what evicts gets no more mail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sos.core.connection import LocalConnection
from sos.model.errors import StoreUnfit
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.tokens import AGENT_SCOPES
from sos.model.transitions import Ack
from sos.stores.redis import settings
from sos.stores.redis.store import RedisStore
from sos.testing.world import World
from tests.servers import KINDS, RunningServer

pytestmark = pytest.mark.promise("REDIS-007")
AA, BB = Slug("aa"), Slug("bb")


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    made = RunningServer(request.param)
    yield made
    made.remove()


class Ground:
    def __init__(self, server: RunningServer) -> None:
        self.store = RedisStore(server.url(server.fresh()), create=True)
        self.world = World(self.store)
        self.client = server.client()
        me = self.store.agents.agent(AA)
        assert me is not None
        self.connection = LocalConnection(self.store, me, self.world.clock, scopes=AGENT_SCOPES["bus"])

    def due(self) -> None:
        """Let it be time to look again."""
        self.store._terms._due = 0.0

    def receipt(self) -> tuple[str, str]:
        """What the receipt of a message says, and what its story says."""
        identifier = new_id(self.world.clock.now())
        said = self.connection.send(Draft(id=identifier, to="bb", text="x")).durability
        _, facts = self.store.mail.story(identifier, None, AA).deliveries["bb"]
        return said, facts[1].evidence.partition(":")[0]

    def close(self) -> None:
        self.client.config_set("appendfsync", "always")
        self.client.config_set("maxmemory-policy", "noeviction")
        self.client.close()
        self.store.close()


@pytest.fixture
def ground(server: RunningServer) -> Iterator[Ground]:
    made = Ground(server)
    yield made
    made.close()


def test_a_weaker_sync_stands_in_the_receipts_from_then_on_and_in_no_older_story(ground: Ground) -> None:
    before = ground.world.send("before")
    assert ground.receipt() == ("disk", "disk")
    ground.client.config_set("appendfsync", "everysec")
    ground.due()
    assert ground.receipt() == ("fsync≤1s", "fsync≤1s")
    assert "everysec" in ground.store.remark
    ground.client.config_set("appendfsync", "no")
    ground.due()
    assert ground.receipt() == ("memory", "memory")
    ground.client.config_set("appendfsync", "always")
    ground.due()
    assert (ground.receipt(), ground.store.remark) == (("disk", "disk"), "")
    _, facts = ground.store.mail.story(before, None, AA).deliveries["bb"]
    assert facts[1].evidence.startswith("disk")


def test_sends_of_all_kinds_are_refused_while_the_server_evicts_and_reading_is_not(ground: Ground) -> None:
    world, mail = ground.world, ground.store.mail
    kept = world.send("kept")
    assert mail.submit(world.parcel("flying")).result(10).duplicate is False
    ground.client.config_set("maxmemory-policy", "allkeys-lru")
    ground.due()
    for _ in range(2):
        for call in (world.send, lambda: mail.submit(world.parcel()).result(10)):
            with pytest.raises(StoreUnfit, match="allkeys-lru") as caught:
                call()
            assert "noeviction" in caught.value.next_step
    assert world.texts() == ["kept", "flying"]
    world.apply(kept, Ack(at=world.clock.now()))
    ground.client.config_set("maxmemory-policy", "noeviction")
    ground.due()
    world.send("again")
    assert world.texts() == ["flying", "again"]


@pytest.mark.full
def test_a_change_is_noticed_within_the_time_that_the_docs_name(ground: Ground) -> None:
    assert settings.AGAIN_SECONDS == 5
    ground.client.config_set("appendfsync", "everysec")
    ends = time.monotonic() + settings.AGAIN_SECONDS + 1
    said: Any = ""
    while said != "fsync≤1s":
        assert time.monotonic() < ends
        said, _ = ground.receipt()
