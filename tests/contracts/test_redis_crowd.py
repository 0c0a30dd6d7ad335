"""Many at once on few messages of one Redis store: whoever wins, all indexes go on saying what the deliveries say."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sos.model.agents import Body
from sos.model.errors import StaleFence, StoreUnreachable, UnknownAgent, UnknownMessage
from sos.model.names import Slug
from sos.model.times import DAY, MINUTE, Millis
from sos.model.transitions import Ack, Kill, Release, Requeue, Surface
from sos.stores.redis.store import RedisStore
from sos.testing.world import World
from tests import redis_whole
from tests.servers import BY_TURNS, RunningServer

SLUGS = ("aa", "bb", "cc")
HERE = (StaleFence, UnknownAgent, UnknownMessage)
"""What may be answered where others were faster."""


class Member:
    """One of the crowd, with a connection of its own; what it does is chosen by its seed."""

    def __init__(self, world: World, url: str, seed: int) -> None:
        self.world, self.url, self.chance = world, url, random.Random(seed)
        self.fenced: list[tuple[Slug, int, int]] = []
        self.error: BaseException | None = None

    def live(self, steps: int) -> None:
        acts = [self.send, self.broadcast, self.reply, self.show, self.ack, self.end, self.lease, self.done, self.tick]
        acts += [self.settle, self.prune]
        try:
            self.store = RedisStore(self.url)
            for _ in range(steps):
                self.me, self.other = (Slug(each) for each in self.chance.sample(SLUGS, 2))
                self.at = Millis(self.world.clock.now() + self.chance.randrange(3 * MINUTE))
                try:
                    self.chance.choice(acts)()
                except (*HERE, StoreUnreachable):
                    continue
            self.store.close()
        except BaseException as error:  # noqa: BLE001  # a thread's error would be lost; here it fails the test
            self.error = error

    def send(self) -> None:
        if self.chance.random() < 0.5:
            parcel = self.world.parcel(to=self.other, sender=self.me, kind="request", deadline_in=MINUTE)
        else:
            parcel = self.world.parcel(to=self.other, sender=self.me, expires_in=self.chance.choice([None, MINUTE]))
        self.store.mail.post([parcel])

    def broadcast(self) -> None:
        self.store.mail.post([self.world.parcel(sender="operator", kind="broadcast", recipients=SLUGS)])

    def entry(self) -> tuple[int, str, str]:
        entries = self.store.mail.entries(self.me, "recent", 10)
        if not entries:
            raise UnknownMessage("nothing here yet")
        message = self.chance.choice(entries).message
        return message.seq, message.id, message.sender

    def reply(self) -> None:
        _, answered, sender = self.entry()
        self.store.mail.post([self.world.parcel(to=sender, sender=self.me, kind="reply", in_reply_to=answered)])

    def show(self) -> None:
        number, _, _ = self.entry()
        provable = self.chance.random() < 0.5
        shown = Surface(at=self.at, body=f"session-{self.me}", turn=self.chance.randrange(9), provable=provable)
        self.store.mail.apply(self.me, [(number, shown)])

    def ack(self) -> None:
        number, _, _ = self.entry()
        self.store.mail.apply(self.me, [(number, Ack(at=self.at))])

    def end(self) -> None:
        number, _, _ = self.entry()
        action = self.chance.choice([Kill(at=self.at, reason="dropped"), Requeue(at=self.at)])
        self.store.mail.apply(self.me, [(number, action)])

    def lease(self) -> None:
        for each in self.store.mail.lease(self.me, "handler", 2, Millis(self.at + MINUTE), self.at):
            self.fenced.append((self.me, each.message.seq, each.delivery.fence))

    def done(self) -> None:
        if self.fenced:
            mine, number, fence = self.fenced.pop()
            release = Release(at=self.at, fence=fence, retry_at=self.at, reason="x")
            self.store.mail.apply(mine, [(number, self.chance.choice([release, Ack(at=self.at, fence=fence)]))])

    def tick(self) -> None:
        self.store.mail.tick(self.at, 5)

    def settle(self) -> None:
        body = Body(session=f"session-{self.me}", agent=self.me, runtime="test", started_at=self.at, seen_at=self.at)
        self.store.mail.settle(body, self.chance.randrange(20), [])

    def prune(self) -> None:
        self.store.mail.prune(Millis(self.at + 40 * DAY), 20)


@pytest.fixture(params=BY_TURNS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    made = RunningServer(request.param)
    yield made
    made.remove()


def seed() -> int:
    made = int(os.environ.get("SEED", random.randrange(10**9)))
    print(f"SEED={made}")
    return made


def crowd(server: RunningServer, seed: int, meanwhile: Callable[[], None]) -> None:
    """Six of them, a hundred steps each."""
    store = RedisStore(server.url(0), create=True)
    world = World(store)
    members = [Member(world, server.url(0), seed + number) for number in range(6)]
    threads = [threading.Thread(target=member.live, args=(100,)) for member in members]
    for thread in threads:
        thread.start()
    meanwhile()
    for thread in threads:
        thread.join(50)
    store.close()
    assert [member.error for member in members] == [None] * 6


def whole(server: RunningServer) -> int:
    client = server.client(0, decode=False)
    try:
        return redis_whole.check(client)
    finally:
        client.close()


@pytest.mark.promise("REDIS-003", "LEASE-002", "REQUEST-002")
def test_whatever_many_do_at_once_the_store_stays_whole(server: RunningServer) -> None:
    crowd(server, seed(), lambda: None)
    assert whole(server) > 0


@pytest.mark.promise("REDIS-003", "INBOX-001")
def test_a_server_that_is_killed_in_the_middle_of_all_that_comes_back_whole(server: RunningServer) -> None:
    def kill() -> None:
        for _ in range(4):
            time.sleep(0.15)
            server.kill()
            server.start()

    crowd(server, seed(), kill)
    assert whole(server) > 0


@pytest.mark.promise("REDIS-003", "INBOX-001")
def test_a_log_that_is_cut_anywhere_holds_whole_steps_alone(server: RunningServer, tmp_path: Path) -> None:
    """A power cut leaves a beginning of the log, and a torn end: each step is there altogether, or not at all."""
    chance = random.Random(seed())
    crowd(server, chance.randrange(10**9), lambda: None)
    complete = whole(server)
    server.kill()
    size, found = os.path.getsize(server.log()), set()
    for number in range(25):
        folder = str(tmp_path / str(number))
        shutil.copytree(server.folder, folder, ignore=shutil.ignore_patterns("s"))
        cut = RunningServer.__new__(RunningServer)
        cut.folder = folder
        os.truncate(cut.log(), chance.randrange(size))
        again = RunningServer(server.kind, folder=folder)
        try:
            found.add(whole(again))
        finally:
            again.remove()
    server.start()
    assert len(found) > 5
    assert complete > 0
