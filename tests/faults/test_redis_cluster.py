"""On a Cluster: our slot moves or its node dies in the middle of sends; a process dies between a step and what it owes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from sos.core import reading
from sos.model.errors import InvalidInput, StoreUnfit, StoreUnreachable
from sos.model.names import Slug
from sos.model.times import DAY, SECOND
from sos.model.transitions import Ack
from sos.stores.redis import cluster, keys, owed
from sos.stores.redis.store import RedisStore
from sos.testing.streams import GLOBAL, PROJECT, PROJECT_BROADCAST
from sos.testing.world import World
from tests import redis_whole
from tests.servers import BY_TURNS, KINDS, Clustered, Kind, RunningServer, free_port, wait_until

AA, BB = Slug("aa"), Slug("bb")
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = [name for name in (PROJECT, GLOBAL) if key_slot(name.encode()) * 3 // 16384 != cluster.OURS * 3 // 16384]


class Ground:
    """A store and a world on a Cluster of their own."""

    def __init__(self, kind: Kind, *, replicas: bool) -> None:
        self.cluster = Clustered(kind, replicas=replicas)
        self.store = RedisStore(self.cluster.url(0), create=True)
        self.world = World(self.store)
        self.client = self.cluster.client(decode=False)

    def copies(self, stream: str = PROJECT) -> list[str]:
        """Ids of the messages that older clients read in a stream."""
        return [fields[b"id"].decode() for _, fields in self.client.xrange(stream)]

    def owed(self) -> list[bytes]:
        found: list[bytes] = self.client.zrange(keys.OWED, 0, -1)
        return found

    def texts(self) -> list[str]:
        return [entry.message.text for entry in self.store.mail.entries(BB, "unread", 10_000)]

    def sweep(self) -> None:
        """The clock comes by after the patience that whoever wrote it down is given."""
        self.store.mail.tick(self.world.clock.tick(owed.PATIENCE + SECOND), 10_000)

    def close(self) -> None:
        self.store.close()
        self.client.close()
        self.cluster.remove()


@pytest.fixture(params=BY_TURNS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    made = Ground(next(kind for kind in KINDS if kind == request.param), replicas=False)
    yield made
    made.close()


@pytest.fixture(params=BY_TURNS)
def doubled(request: pytest.FixtureRequest) -> Iterator[Ground]:
    made = Ground(next(kind for kind in KINDS if kind == request.param), replicas=True)
    yield made
    made.close()


# --- what stands in other slots -----------------------------------------------------------------------------------------------


@pytest.mark.promise("REDIS-002", "REDIS-004")
def test_what_a_step_owes_elsewhere_is_done_by_the_clock_where_the_sender_died_and_goes_with_its_message(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ELSEWHERE, "no stream of these stands on another node than our keys"
    world, mail = ground.world, ground.store.mail
    with monkeypatch.context() as dying:
        dying.setattr(owed.Owed, "copy", lambda self, posted: None)
        sent = [world.send(f"no. {number}") for number in range(3)]
    assert (ground.copies(), len(ground.owed())) == ([], 3)
    assert mail.next_timer() == world.clock.now() + owed.PATIENCE
    mail.tick(world.clock.tick(SECOND))
    assert ground.copies() == []
    ground.sweep()
    assert (ground.copies(), ground.owed(), mail.next_timer()) == (sent, [], None)
    sent.append(world.send("no. 3"))
    assert (ground.copies(), ground.owed()) == (sent, [])
    for identifier in sent[:3]:
        mail.apply(BB, [(identifier, Ack(at=world.clock.now()))])
    mail.prune(world.clock.tick(99 * DAY), 100)
    ground.sweep()
    assert (ground.copies(), ground.owed()) == (sent[3:], [])


@pytest.mark.promise("REDIS-002", "REDIS-004")
def test_a_copy_that_was_made_twice_is_no_second_message_to_anybody(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ground.world
    world.clock.tick(int(time.time() * 1000) - world.clock.now())
    with monkeypatch.context() as dying:
        dying.setattr(owed, "_note", lambda step, entries: None)
        parcel = world.parcel("to all", kind="broadcast", to="project p", recipients=("bb",)).replace(address=PROJECT_BROADCAST)
        sent = ground.store.mail.post([parcel])[0].message.id
    ground.sweep()
    assert ground.copies(PROJECT_BROADCAST) == [sent, sent]
    for slug in (AA, BB, Slug("cc")):
        agent = ground.store.agents.agent(slug)
        assert agent is not None
        while not reading.read(agent, ground.store, ground.store.reader, world.clock).complete:
            pass
    assert [world.texts(agent=slug) for slug in ("aa", "bb", "cc")] == [[], ["to all"], []]


@pytest.mark.promise("REDIS-002", "REDIS-004")
def test_where_a_copy_cannot_be_made_the_message_stands_and_nothing_is_tried_for_ever(ground: Ground) -> None:
    ground.client.set(PROJECT, "of somebody else")
    ground.world.send("all the same")
    assert (ground.texts(), len(ground.owed())) == (["all the same"], 1)
    ground.sweep()
    assert (ground.owed(), ground.client.get(PROJECT)) == ([], b"of somebody else")


SENDER = """
import sys
from sos.stores.redis.store import RedisStore
from sos.testing.world import World
world = World.__new__(World)
from sos.testing.clock import FakeClock
import time
world.clock, world.store = FakeClock(int(time.time() * 1000)), RedisStore(sys.argv[1])
while True:
    print(world.send("from a child"), flush=True)
"""


@pytest.mark.promise("REDIS-002", "REDIS-003", "REDIS-004")
def test_a_sender_that_is_killed_again_and_again_owes_nothing_in_the_end(ground: Ground) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**9)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    ground.world.clock.tick(int(time.time() * 1000) - ground.world.clock.now())
    told: set[str] = set()
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", SENDER, ground.cluster.url(0)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        told.add(child.stdout.readline().strip())
        time.sleep(chance.random() * 0.2)
        child.send_signal(signal.SIGKILL)
        told |= set(child.communicate()[0].split())
    ground.world.clock.tick(int(time.time() * 1000) - ground.world.clock.now())
    ground.sweep()
    stored = {str(entry.message.id) for entry in ground.store.mail.entries(BB, "unread", 10_000)}
    assert {each for each in told if len(each) == 36} <= stored  # the last line may be half a one
    assert (set(ground.copies()), ground.owed()) == (stored, [])
    assert len(ground.copies()) <= len(stored) + 5
    assert redis_whole.check(ground.client) == len(stored)


# --- our own slot ---------------------------------------------------------------------------------------------------------


def _move(ground: Ground, slot: int, pause: float) -> None:
    """Move a slot to another node, key by key, as `redis-cli --cluster reshard` does."""
    whole, source = ground.cluster, ground.cluster.owner(slot)
    target = next(each for each in whole.servers if each is not source)
    names = {each: whole.ask(each, "MYID") for each in whole.servers}
    whole.ask(target, "SETSLOT", slot, "IMPORTING", names[source])
    whole.ask(source, "SETSLOT", slot, "MIGRATING", names[target])
    client = source.client(decode=False)
    # Ours alone: what nobody asks for by name goes first, so that scripts look for it while what they name is still here.
    found = sorted(
        (each for each in client.scan_iter() if key_slot(each) == slot), key=lambda key: key.decode() in keys.FIXED.values()
    )
    for key in found:
        client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
        time.sleep(pause / len(found))
    while rest := [each for each in client.scan_iter() if key_slot(each) == slot]:
        for key in rest:
            client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    for each in (target, source, *whole.servers):
        whole.ask(each, "SETSLOT", slot, "NODE", names[target])


def _with_every_key(ground: Ground) -> None:
    """Nothing that a script names is missing by chance: then only what is never there makes the old node refuse."""
    world = ground.world
    world.body(agent="cc", session="of-c")
    world.send("with a deadline", to="cc", kind="request", deadline_in=DAY)
    ground.store.agents.close(world.enrol("dd").agent.slug, world.clock.now())
    ground.client.zadd(keys.OWED, {f"CLEAR  {GLOBAL}": world.clock.now() + DAY})
    lacking = [key for key in keys.FIXED.values() if not ground.client.exists(key)]
    assert lacking == [keys.NEVER]


class Sending:
    """Sends of a thread, until it is stopped: what was acknowledged, and what was not."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.acknowledged: dict[str, str] = {}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._single), threading.Thread(target=self._flying)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len(self.acknowledged) > 50, "nothing is sent")

    def _single(self) -> None:
        number = 0
        while not self.over.is_set():
            parcel = self.ground.world.parcel(f"single {number}")
            number += 1
            while not self.over.is_set():
                try:
                    self.ground.store.mail.post([parcel])
                except StoreUnreachable:
                    continue
                self.acknowledged[parcel.draft.id] = parcel.draft.text
                break

    def _flying(self) -> None:
        number = 0
        while not self.over.is_set():
            parcels = [self.ground.world.parcel(f"flying {number + each}") for each in range(5)]
            number += len(parcels)
            for parcel, future in [(parcel, self.ground.store.mail.submit(parcel)) for parcel in parcels]:
                try:
                    future.result(30)
                except StoreUnreachable:
                    continue
                self.acknowledged[parcel.draft.id] = parcel.draft.text

    def end(self) -> dict[str, str]:
        reached = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > reached + 20, "nothing is sent any more")
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        return self.acknowledged


@pytest.mark.promise("REDIS-002", "REDIS-003")
def test_while_our_slot_moves_to_another_node_sends_wait_and_none_is_lost_or_stored_twice(ground: Ground) -> None:
    before = ground.cluster.owner(cluster.OURS)
    _with_every_key(ground)
    sending = Sending(ground)
    _move(ground, cluster.OURS, 1.0)
    acknowledged = sending.end()
    assert ground.cluster.owner(cluster.OURS) is not before
    texts = ground.texts()
    assert len(texts) == len(set(texts))
    assert set(acknowledged.values()) <= set(texts)
    assert redis_whole.check(ground.client) == len(texts) + 1


@pytest.mark.promise("REDIS-002", "REDIS-005", "REDIS-008")
def test_a_node_that_is_killed_in_the_middle_of_sends_loses_nothing_silently_and_stores_nothing_twice(doubled: Ground) -> None:
    assert (doubled.store.durability, "has replicas" in doubled.store.remark) == ("memory", True)
    before = doubled.cluster.owner(cluster.OURS)
    sending = Sending(doubled)
    before.kill()
    acknowledged = sending.end()
    assert doubled.cluster.owner(cluster.OURS) is not before
    doubled.world.send("the last")  # looks for what was sent before, if nobody has since
    texts = doubled.texts()
    assert len(texts) == len(set(texts))
    lost = sorted(notice.text.split()[2] for notice in doubled.store.agents.notices(AA) if notice.code == "message_lost")
    assert sorted(identifier for identifier, text in acknowledged.items() if text not in set(texts)) == lost


@pytest.mark.full
@pytest.mark.promise("REDIS-002", "REDIS-005")
def test_where_a_cluster_goes_on_without_a_node_our_mail_does_and_what_stood_there_is_no_empty_stream(ground: Ground) -> None:
    world = ground.world
    ours = ground.cluster.owner(cluster.OURS)
    away = ground.cluster.owner(key_slot(ELSEWHERE[0].encode()))
    for server in ground.cluster.servers:
        server.client().config_set("cluster-require-full-coverage", "no")
    away.kill()
    wait_until(lambda: "fail" in ground.cluster.ask(ours, "NODES"), "nobody has noticed")
    begun = time.monotonic()
    assert world.store.mail.post([world.parcel("in good time")])[0].duplicate is False
    assert time.monotonic() - begun < 2.5  # of the 5 s of a call
    short = RedisStore(ground.cluster.url(0), call_seconds=1)
    here = World.__new__(World)
    here.clock, here.store = world.clock, short
    here.send("all the same")
    assert here.texts() == ["in good time", "all the same"]
    agent = short.agents.agent(BB)
    assert agent is not None
    with pytest.raises(StoreUnreachable):
        reading.read(agent, short, short.reader, world.clock)
    short.close()


# --- the URL --------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("REDIS-002", "REDIS-007")
def test_a_cluster_and_a_server_that_stands_alone_are_each_named_as_what_they_are(ground: Ground) -> None:
    assert (ground.store.durability, ground.store.remark) == ("disk", "")
    node: Any = ground.cluster.servers[0]
    with pytest.raises(StoreUnfit, match="a node of a Cluster") as refused:
        RedisStore(f"redis://127.0.0.1:{node.port}/0", create=True)
    assert "redis+cluster://" in str(refused.value.next_step)
    alone = RunningServer(ground.cluster.kind, port=free_port())
    with pytest.raises(StoreUnfit, match="no node of a Cluster"):
        RedisStore(f"redis+cluster://127.0.0.1:{alone.port}", create=True)
    alone.remove()
    one = RedisStore(f"redis+cluster://127.0.0.1:{node.port}")
    assert one.epoch == ground.store.epoch
    one.close()


@pytest.mark.promise("REDIS-002")
def test_a_url_names_nodes_user_and_password() -> None:
    found, inner = cluster.parse("redis+cluster://me:s%20x@h1:1,h2,[::1]:3", 1.0)
    assert found._places == [("h1", 1), ("h2", cluster.PORT), ("::1", 3)]
    assert (found._login, inner) == ({"username": "me", "password": "s x"}, "redis://me:s%20x@primary/0")


@pytest.mark.parametrize("url", ["", "h1:x", "h1:0", ":1", "h1/1", "h1/0/1", "h1?ssl=secret"])
@pytest.mark.promise("REDIS-002")
def test_a_url_that_names_no_nodes_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RedisStore(f"redis+cluster://me:secret@{url}")
    assert "secret" not in str(caught.value)
