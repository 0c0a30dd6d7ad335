"""Behind sentinels: another server takes over in the middle of sends, perhaps without the newest messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from sos.core import reading
from sos.model.errors import InvalidInput, StoreUnreachable
from sos.model.names import Slug
from sos.stores.redis import sentinel
from sos.stores.redis.store import RedisStore
from sos.testing.streams import GLOBAL
from sos.testing.world import World
from tests import redis_whole
from tests.servers import BY_TURNS, KINDS, SERVICE, Kind, Watched, wait_until

AA, BB = Slug("aa"), Slug("bb")
CALL_SECONDS = 5.0


class Ground:
    """A store and a world behind sentinels of their own."""

    def __init__(self, kind: Kind) -> None:
        self.watched = Watched(kind)
        self.store = RedisStore(self.watched.url(0), create=True, call_seconds=CALL_SECONDS)
        self.world = World(self.store)
        self.synced()

    def synced(self) -> None:
        """Wait until the replica has all."""
        assert self.watched.primary.client().wait(1, 10_000) == 1

    def cut(self) -> None:
        """From now on the replica gets nothing: it shows a password that nobody asked for, and is sent away."""
        self.synced()
        self.watched.replica.client().config_set("masterauth", "wrong")
        self.watched.primary.client().client_kill_filter(_type="replica")
        replica = self.watched.replica.client()
        wait_until(lambda: replica.info("replication").get("master_link_status") == "down", "the replica is still linked")

    def texts(self) -> list[str]:
        return [entry.message.text for entry in self.store.mail.entries(BB, "unread", 10_000)]

    def lost(self) -> list[str]:
        """Ids of messages whose sender was told that they are gone."""
        notices = self.store.agents.notices(AA)
        return sorted(notice.text.split()[2] for notice in notices if notice.code == "message_lost")

    def close(self) -> None:
        self.store.close()
        self.watched.remove()


@pytest.fixture(params=BY_TURNS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    made = Ground(next(kind for kind in KINDS if kind == request.param))
    yield made
    made.close()


@pytest.mark.promise("REDIS-005", "REDIS-008", "REDIS-002")
def test_a_primary_that_is_killed_in_the_middle_of_sends_loses_nothing_silently_and_stores_nothing_twice(ground: Ground) -> None:
    world, mail = ground.world, ground.store.mail
    acknowledged: dict[str, str] = {}
    over = threading.Event()

    def one_by_one() -> None:
        number = 0
        while not over.is_set():
            parcel = world.parcel(f"single {number}")
            number += 1
            while not over.is_set():
                try:
                    mail.post([parcel])
                except StoreUnreachable:
                    continue
                acknowledged[parcel.draft.id] = parcel.draft.text
                break

    def in_flight() -> None:
        number = 0
        while not over.is_set():
            parcels = [world.parcel(f"flying {number + each}") for each in range(20)]
            number += len(parcels)
            for parcel, future in [(parcel, mail.submit(parcel)) for parcel in parcels]:
                try:
                    future.result(30)
                except StoreUnreachable:
                    continue
                acknowledged[parcel.draft.id] = parcel.draft.text

    senders = [threading.Thread(target=one_by_one), threading.Thread(target=in_flight)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(acknowledged) > 100, "nothing is sent")
    before = ground.watched.primary
    before.kill()
    wait_until(lambda: ground.watched.primary is not before, "nobody took over")
    reached = len(acknowledged)
    wait_until(lambda: len(acknowledged) > reached + 50, "nothing is sent to the new primary")
    over.set()
    for sender in senders:
        sender.join(30)
    world.send("the last")  # looks for what was sent before, if nobody has since
    texts = ground.texts()
    assert len(texts) == len(set(texts))
    missing = {identifier for identifier, text in acknowledged.items() if text not in set(texts)}
    assert sorted(missing) == ground.lost()
    client = ground.watched.client(0, decode=False)
    assert redis_whole.check(client) == len(texts)
    client.close()


@pytest.mark.promise("REDIS-008", "REDIS-007")
def test_what_a_replica_lacked_is_told_to_its_sender_and_nothing_that_was_read_comes_again(ground: Ground) -> None:
    world, store = ground.world, ground.store
    world.clock.tick(int(time.time() * 1000) - world.clock.now())
    agent = store.agents.agent(BB)
    assert agent is not None
    assert (store.durability, "sentinels" in store.remark) == ("memory", True)
    client = ground.watched.client()
    reading.read(agent, store, store.reader, world.clock)
    client.xadd(GLOBAL, {"text": "foreign 1", "source": "old"})
    reading.read(agent, store, store.reader, world.clock)
    kept = world.send("kept")
    epoch, before = store.epoch, ground.watched.primary
    ground.cut()
    client.xadd(GLOBAL, {"text": "foreign 2", "source": "old"})
    reading.read(agent, store, store.reader, world.clock)
    gone = [world.send(f"gone {number}") for number in range(3)]
    head = store.mail.head()
    before.kill()
    after = world.post("after")
    assert (store.epoch, after.duplicate, after.message.seq < head) == (epoch, False, True)
    assert ground.lost() == sorted(gone)
    assert kept not in ground.lost()
    assert sorted(ground.texts()) == ["after", "foreign 1", "kept"]
    world.send("once more")
    assert ground.lost() == sorted(gone)
    ground.watched.client().xadd(GLOBAL, {"text": "foreign 3", "source": "old"})
    while not reading.read(agent, store, store.reader, world.clock).complete:
        pass
    assert sorted(ground.texts()) == ["after", "foreign 1", "foreign 3", "kept", "once more"]
    _, facts = store.mail.story(after.message.id, None, AA).deliveries["bb"]
    assert facts[1].evidence.startswith("memory")
    assert store.mail.post([world.parcel("gone 0", id=gone[0])])[0].duplicate is False


@pytest.mark.full
@pytest.mark.promise("REDIS-005")
def test_a_frozen_primary_is_left_within_one_call_and_keeps_nothing_of_its_own_when_it_thaws(ground: Ground) -> None:
    before = ground.watched.primary
    ground.world.send("before")
    ground.synced()
    before.stop()
    began = time.monotonic()
    parcel = ground.world.parcel("while it is frozen")
    posted: list[Any] = []
    while not posted:
        try:
            posted = ground.store.mail.post([parcel])
        except StoreUnreachable:
            assert time.monotonic() - began < 4 * CALL_SECONDS
    assert posted[0].message.seq == 2
    before.go_on()
    wait_until(lambda: before.client().info("replication")["role"] == "slave", "it believes that it is the primary")
    ground.world.send("after")
    assert ground.texts() == ["before", "while it is frozen", "after"]


@pytest.mark.full
@pytest.mark.promise("REDIS-005", "REDIS-006")
def test_a_planned_change_is_followed_by_sends_and_by_who_waits(ground: Ground) -> None:
    mail, before = ground.store.mail, ground.watched.primary
    assert mail.submit(ground.world.parcel("flying 0")).result(10).message.seq == 1
    ground.synced()
    assert ground.watched.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)
    wait_until(lambda: before.client().info("replication")["role"] == "slave", "nothing has changed")
    assert mail.submit(ground.world.parcel("flying 1")).result(10).duplicate is False
    ground.world.send("single")
    for entry in ground.store.mail.entries(BB, "unread", 10):
        ground.world.show(entry.message.id)
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(ground.store.wait(BB, 10)))
    waiter.start()
    ground.world.send("a ring")
    waiter.join(15)
    assert (woken, ground.texts()) == ([True], ["a ring"])


@pytest.mark.full
@pytest.mark.promise("REDIS-005", "REDIS-002")
def test_too_few_replicas_are_waited_for_and_sentinels_that_are_gone_are_not(ground: Ground) -> None:
    client, parcel = ground.watched.client(), ground.world.parcel("held")
    client.config_set("min-replicas-to-write", 2)
    short = RedisStore(ground.watched.url(0), call_seconds=0.5)
    with pytest.raises(StoreUnreachable, match="NOREPLICAS"):
        short.mail.post([parcel])
    client.config_set("min-replicas-to-write", 1)
    assert short.mail.post([parcel])[0].duplicate is False
    for each in ground.watched.sentinels[:2]:
        each.kill()
    other = RedisStore(ground.watched.url(0), call_seconds=2)
    assert [entry.message.text for entry in other.mail.entries(BB, "unread", 10)] == ["held"]
    ground.watched.sentinels[2].kill()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match="no sentinel names the primary of mail"):
        RedisStore(ground.watched.url(0), call_seconds=1)
    assert time.monotonic() - began < 1.5
    assert ground.store.mail.count(BB, "unread") == 1  # the connections that are there go on
    other.close()
    short.close()


@pytest.mark.full
@pytest.mark.promise("REDIS-007")
def test_a_server_that_sentinels_watch_promises_no_disk_under_its_own_address_either(ground: Ground) -> None:
    primary: Any = ground.watched.primary
    store = RedisStore(primary.url(0))
    assert (store.durability, "sentinels watch" in store.remark) == ("memory", True)
    store.close()
    with pytest.raises(StoreUnreachable):
        RedisStore(ground.watched.replica.url(0), create=True, call_seconds=0.5)


# --- the URL ------------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("REDIS-002")
def test_a_url_names_sentinels_service_and_database() -> None:
    found, inner = sentinel.parse("redis+sentinel://me:s%20x@h1:1,h2,[::1]:3/mail/7?sentinel_username=u&sentinel_password=p%40")
    assert found._places == [("h1", 1), ("h2", sentinel.PORT), ("::1", 3)]
    assert (found._service, found._login) == ("mail", {"username": "u", "password": "p@"})
    assert redis.ConnectionPool.from_url(inner).connection_kwargs["password"] == "s x"
    assert sentinel.parse("redis+sentinel://h1/mail")[1] == "redis://primary/0"


@pytest.mark.parametrize(
    "url", ["", "h1", "h1/", "/mail", "h1:x/mail", "h1:0/mail", ":1/mail", "h1/mail/x", "h1/mail?ssl=secret", "h1/mail/0/1"]
)
@pytest.mark.promise("REDIS-002")
def test_a_url_that_names_too_little_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RedisStore(f"redis+sentinel://me:secret@{url}")
    assert "secret" not in str(caught.value)
