"""What may go wrong between us and a Redis server, and what the server may be: lost replies, silence, restarts, settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sos.core.connection import LocalConnection
from sos.model.errors import (
    InvalidInput,
    SosError,
    StorageFull,
    StoreDamaged,
    StoreMissing,
    StoreUnfit,
    StoreUnreachable,
    UnknownAgent,
)
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.times import MINUTE, Millis
from sos.model.tokens import AGENT_SCOPES
from sos.model.transitions import Ack, Release, Requeue, Surface
from sos.stores.redis.store import RedisStore
from sos.testing.world import SESSION, World
from tests import redis_whole
from tests.proxy import Fault, Proxy
from tests.servers import BY_TURNS, RunningServer

BB = Slug("bb")
PATIENCE = 1.0
"""Seconds that a call may take here."""
SHORT = 0.3
"""The same where each call has to use them up."""


@pytest.fixture(scope="module", params=BY_TURNS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    made = RunningServer(request.param)
    yield made
    made.remove()


class Ground:
    """A world in a database of its own, by a straight way and through a proxy."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.database = server.fresh()
        self.proxy = Proxy(server.socket)
        self.straight = RedisStore(server.url(self.database), create=True)
        self.store = RedisStore(self.proxy.url(self.database), call_seconds=PATIENCE)
        self.hasty = RedisStore(self.proxy.url(self.database), call_seconds=SHORT)
        self.world = World(self.straight)
        self.client = server.client(self.database)

    def close(self) -> None:
        self.store.close()
        self.hasty.close()
        self.straight.close()
        self.proxy.close()
        self.client.close()


@pytest.fixture
def ground(server: RunningServer) -> Iterator[Ground]:
    made = Ground(server)
    yield made
    made.close()


def texts(ground: Ground) -> list[str]:
    return ground.world.texts()


# --- replies that do not come ---------------------------------------------------------------------------------------------


@pytest.mark.promise("REDIS-005", "SEND-001")
@pytest.mark.parametrize("fault", ["lost reply", "half reply"])
def test_a_message_whose_reply_was_lost_is_stored_once_and_its_receipt_is_the_first(ground: Ground, fault: Fault) -> None:
    ground.proxy.strike(fault)
    parcel = ground.world.parcel("once")
    posted = ground.store.mail.post([parcel])[0]
    assert ground.proxy.struck == 1
    assert (posted.duplicate, posted.message.seq, texts(ground)) == (False, 1, ["once"])
    ground.world.clock.tick(5)
    again = ground.store.mail.post([parcel.replace(sent_at=ground.world.clock.now())])[0]
    assert (again.duplicate, again.message) == (True, posted.message)


@pytest.mark.promise("REDIS-005", "SEND-001")
@pytest.mark.parametrize("fault", ["lost reply", "half reply", "garbage"])
def test_sends_in_flight_whose_replies_were_lost_are_stored_once_and_in_order(ground: Ground, fault: Fault) -> None:
    world, mail = ground.world, ground.store.mail
    request = world.send("request", to="aa", sender="bb", kind="request")
    parcels = [world.parcel(f"no. {number}") for number in range(200)]
    parcels[50] = world.parcel("nobody", to="nobody")
    parcels[100] = world.parcel("a reply", kind="reply", in_reply_to=request)
    assert mail.submit(world.parcel("first")).result(30).message.seq == 2
    ground.proxy.strike(fault, times=2)
    futures = [mail.submit(parcel) for parcel in parcels]
    outcomes = [future.exception(30) or future.result() for future in futures]
    assert ground.proxy.struck == 2
    assert isinstance(outcomes.pop(50), UnknownAgent)
    assert not any(isinstance(each, BaseException) or each.duplicate for each in outcomes)
    found = [entry.message.text for entry in ground.straight.mail.entries(BB, "unread", 1000)]
    assert found == ["first", *(parcel.draft.text for number, parcel in enumerate(parcels) if number != 50)]
    assert world.one(request, "aa").replied_at is not None


@pytest.mark.promise("REDIS-005")
def test_a_change_whose_reply_was_lost_is_made_once(ground: Ground) -> None:
    now, world, mail = ground.world.clock.now(), ground.world, ground.store.mail
    shown, failing = world.send("shown"), world.send("failing")
    word = b"HSET"  # what only reads holds none
    ground.proxy.strike("lost reply", word=word)
    (entry,) = mail.apply(BB, [(shown, Surface(at=now, body=SESSION, turn=1))])
    assert (ground.proxy.struck, entry.delivery.shown, world.one(shown).shown) == (1, 1, 1)
    ground.proxy.strike("lost reply", word=word)
    (leased,) = mail.lease(BB, SESSION, 1, Millis(now + MINUTE), now)
    assert (ground.proxy.struck, leased.delivery.attempts, world.one(failing).attempts) == (1, 1, 1)
    ground.proxy.strike("lost reply", word=word)
    mail.apply(BB, [(failing, Release(at=now, fence=leased.delivery.fence, retry_at=now, reason="boom"))])
    assert (ground.proxy.struck, world.one(failing).fence) == (1, 2)


@pytest.mark.promise("REDIS-005")
@pytest.mark.parametrize("fault", ["silence", "garbage", "lost reply", "half reply"])
def test_a_network_that_stays_bad_ends_a_call_in_time_with_a_named_error_and_nothing_twice(ground: Ground, fault: Fault) -> None:
    ground.proxy.strike(fault, times=99)
    parcel = ground.world.parcel("perhaps")
    began = time.monotonic()
    with pytest.raises(SosError) as caught:
        ground.hasty.mail.post([parcel])
    assert time.monotonic() - began < SHORT + 0.3
    assert caught.value.code in {"store_unreachable", "store_error"}
    ground.proxy.strike("none", times=0)
    assert ground.store.mail.post([parcel])[0].message.seq == 1
    assert texts(ground) == ["perhaps"]


@pytest.mark.promise("REDIS-005")
def test_a_stopped_server_ends_every_call_in_time_and_hides_nothing_afterwards(ground: Ground) -> None:
    store, world = ground.hasty, ground.world
    kept = world.send("kept")
    calls: list[Any] = [
        lambda: store.mail.post([world.parcel("stopped")]),
        lambda: store.mail.submit(world.parcel("stopped too")).result(30),
        lambda: store.mail.entries(BB, "unread", 10),
        lambda: store.mail.apply(BB, [(kept, Ack(at=world.clock.now()))]),
        lambda: store.mail.tick(world.clock.now()),
        lambda: store.agents.bodies(BB),
        lambda: store.streams.standing(BB),
        lambda: store.wait(BB, 0.1),
        lambda: store.epoch,
    ]
    ground.server.stop()
    try:
        for call in calls:
            began = time.monotonic()
            with pytest.raises(StoreUnreachable):
                call()
            assert time.monotonic() - began < SHORT + 0.3
    finally:
        ground.server.go_on()
    # What was sent is unknown, not lost: it may have come, and sent again it is there once.
    assert sorted(texts(ground))[-1].startswith(("kept", "stopped"))


@pytest.mark.promise("REDIS-005")
def test_a_server_that_is_not_there_is_unreachable_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnreachable):
        RedisStore("redis://127.0.0.1:1/0", create=True)
    assert time.monotonic() - began < 1
    with pytest.raises(InvalidInput):
        RedisStore("http://127.0.0.1/")


@pytest.mark.promise("REDIS-005", "INBOX-001")
@pytest.mark.parametrize("kind", BY_TURNS)
def test_what_was_acknowledged_is_there_after_kill_9_and_the_store_goes_on(kind: Any) -> None:
    server = RunningServer(kind)
    try:
        store = RedisStore(server.url(0), create=True)
        world = World(store)
        acknowledged: list[str] = []
        over = threading.Event()

        def send() -> None:
            while not over.is_set():
                parcel = world.parcel(f"no. {len(acknowledged)}")
                while True:
                    try:
                        store.mail.post([parcel])
                        break
                    except StoreUnreachable:
                        continue
                acknowledged.append(parcel.draft.text)

        sender = threading.Thread(target=send)
        sender.start()
        for _ in range(5):
            time.sleep(0.05)
            server.kill()
            server.start()
        over.set()
        sender.join(30)
        found = [entry.message.text for entry in store.mail.entries(BB, "unread", 100_000)]
        assert found == acknowledged
        client = server.client(0, decode=False)
        assert redis_whole.check(client) == len(acknowledged)
        client.close()
        store.close()
    finally:
        server.remove()


# --- what the server is -----------------------------------------------------------------------------------------------------


@pytest.mark.promise("REDIS-007")
@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random", "volatile-lru"])
def test_an_evicting_server_is_refused(server: RunningServer, policy: str) -> None:
    client = server.client()
    client.config_set("maxmemory-policy", policy)
    try:
        with pytest.raises(StoreUnfit, match=policy):
            RedisStore(server.url(server.fresh()), create=True)
    finally:
        client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.promise("REDIS-007")
@pytest.mark.parametrize(
    ("appendonly", "appendfsync", "durability"),
    [("yes", "always", "disk"), ("yes", "everysec", "fsync≤1s"), ("yes", "no", "memory"), ("no", "always", "memory")],
)
def test_durability_is_what_the_server_says_and_stands_in_each_story(
    server: RunningServer, appendonly: str, appendfsync: str, durability: str
) -> None:
    client = server.client()
    client.config_set("appendonly", appendonly)
    client.config_set("appendfsync", appendfsync)
    try:
        store = RedisStore(server.url(server.fresh()), create=True)
        assert (store.durability, bool(store.remark)) == (durability, durability != "disk")
        world = World(store)
        _, facts = store.mail.story(world.send(), None, Slug("aa")).deliveries["bb"]
        assert facts[1].evidence.startswith(durability)
        me = store.agents.agent(Slug("aa"))
        assert me is not None
        draft = Draft(id=new_id(world.clock.now()), to="bb", text="with a receipt")
        assert LocalConnection(store, me, world.clock, scopes=AGENT_SCOPES["bus"]).send(draft).durability == durability
        store.close()
    finally:
        client.config_set("appendfsync", "always")
        client.config_set("appendonly", "yes")


@pytest.mark.promise("REDIS-007")
def test_a_server_that_hides_its_settings_counts_as_memory_and_still_may_not_evict(server: RunningServer) -> None:
    client = server.client()
    client.acl_setuser("guest", enabled=True, nopass=True, keys="*", channels="*", categories=["+@all"], commands=["-config"])
    try:
        url = f"unix://guest:x@{server.socket}?db={server.fresh()}"
        store = RedisStore(url, create=True)
        assert store.durability == "memory"
        assert "does not show its settings" in store.remark
        store.close()
        client.config_set("maxmemory-policy", "allkeys-lfu")
        with pytest.raises(StoreUnfit, match="allkeys-lfu"):
            RedisStore(url, create=True)
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.acl_deluser("guest")


@pytest.mark.promise("REDIS-007")
@pytest.mark.parametrize("kind", BY_TURNS)
def test_a_node_of_a_cluster_is_refused(kind: Any) -> None:
    server = RunningServer(kind, "--cluster-enabled", "yes")
    try:
        with pytest.raises(StoreUnfit, match="Cluster"):
            RedisStore(server.url(0), create=True)
    finally:
        server.remove()


@pytest.mark.promise("REDIS-005")
def test_the_servers_own_refusals_have_names_and_change_nothing(ground: Ground) -> None:
    client, store, world = ground.client, ground.store, ground.world
    world.send("before")
    client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StorageFull):
            store.mail.post([world.parcel("x" * 60_000)])
    finally:
        client.config_set("maxmemory", "0")
    client.acl_setuser(
        "poor", enabled=True, passwords=["+right"], keys="*", channels="*", categories=["+@all"], commands=["-evalsha"]
    )
    place = f"{ground.server.socket}?db={ground.database}"
    try:
        with pytest.raises(StoreUnfit, match="password"):
            RedisStore(f"unix://poor:wrong@{place}")
        poor = RedisStore(f"unix://poor:right@{place}")
        with pytest.raises(StoreUnfit, match="let us"):
            poor.mail.head()
        poor.close()
    finally:
        client.acl_deluser("poor")
    client.set("{sos}:timers.kept", "")
    client.rename("{sos}:log", "{sos}:log.kept")
    client.set("{sos}:log", "of somebody else")
    with pytest.raises(StoreDamaged):
        store.mail.prune(world.clock.now(), 10)
    client.rename("{sos}:log.kept", "{sos}:log")
    assert texts(ground) == ["before"]


@pytest.mark.promise("REDIS-008")
def test_a_flush_is_never_an_empty_inbox(ground: Ground) -> None:
    identifier = ground.world.send("before")
    epoch = ground.store.epoch
    ground.client.flushdb()
    for call in (
        lambda: ground.store.mail.entries(BB, "unread", 10),
        lambda: ground.store.mail.post([ground.world.parcel("after")]),
        lambda: ground.store.mail.apply(BB, [(identifier, Requeue(at=ground.world.clock.now()))]),
        lambda: ground.store.agents.agent(BB),
        lambda: ground.store.epoch,
        lambda: RedisStore(ground.server.url(ground.database)),
    ):
        with pytest.raises(StoreMissing):
            call()
    other = RedisStore(ground.server.url(ground.database), create=True)
    assert other.epoch != epoch
    with pytest.raises(StoreMissing):
        ground.store.mail.count(BB, "unread")
    other.close()
