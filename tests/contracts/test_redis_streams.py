"""Streams of an older deployment in the same database: read by a real reader, imported once, never created or trimmed by us; and
our own entries, which older readers understand."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos.core import reading
from sos.model.addresses import read_addresses
from sos.model.ids import new_id
from sos.model.names import Slug
from sos.model.times import DAY, MINUTE
from sos.model.transitions import Ack
from sos.stores.redis.store import RedisStore
from sos.testing.streams import EVERYBODY, GLOBAL, OLDER, PRIVATE, PROJECT
from sos.testing.world import World
from tests.servers import BY_TURNS, CLUSTERED, KINDS, Clustered, RunningServer, Watched, started

BB = Slug("bb")
Process = subprocess.Popen[bytes]
ROOT = Path(__file__).resolve().parents[2]
FORMS: tuple[dict[str, str], ...] = (
    {"id": "5f0b8f1e-0000-4000-8000-000000000001", "type": "chat", "source": "agent:old", "target": "agent:bb",
     "payload": '{"text": "envelope"}', "timestamp": "2026-11-25T10:00:00Z", "version": "1.0"},
    {"type": "send", "source": "agent:old", "target": "agent:bb", "timestamp": "2026-11-25T10:00:00Z", "version": "1.0",
     "message_id": "5f0b8f1e-0000-4000-8000-000000000002", "payload": '{"text": "contract", "content_type": "text/plain"}'},
    {"payload": '{"type": "send", "source": "agent:old", "target": "agent:bb", "payload": {"text": "kernel"}}'},
    {"data": '{"type": "DELEGATE", "text": "coordination", "from": "old"}'},
    {"source": "old", "text": "raw", "type": "chat"},
    {"surprise": "nobody understands this"},
)  # fmt: skip


WAYS = (*BY_TURNS, *(pytest.param(f"{kind} {CLUSTERED}", marks=pytest.mark.full) for kind in KINDS))


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer | Watched | Clustered]:
    made = started(request.param)
    yield made
    made.remove()


class Old:
    """An agent of ours, and clients of an older deployment that write raw entries. The clock is the server's."""

    def __init__(self, server: RunningServer | Watched | Clustered) -> None:
        self.database = server.fresh()
        self.url = server.url(self.database)
        self.client = server.client(self.database)
        self.store = RedisStore(self.url, create=True)
        self.world = World(self.store)
        self.world.clock.tick(int(time.time() * 1000) - self.world.clock.now())
        self.drain()

    def drain(self, slug: str = "bb") -> None:
        agent = self.store.agents.agent(Slug(slug))
        assert agent is not None
        while not reading.read(agent, self.store, self.store.reader, self.world.clock).complete:
            pass

    def close(self) -> None:
        self.store.close()
        self.client.close()


@pytest.fixture
def old(server: RunningServer | Watched | Clustered) -> Iterator[Old]:
    made = Old(server)
    yield made
    made.close()


@pytest.mark.promise("ADDRESS-004", "MESSAGE-005", "MESSAGE-006", "REDIS-004")
def test_every_form_in_every_stream_comes_once_and_the_streams_stay_as_they_are(old: Old) -> None:
    names = (PROJECT, GLOBAL, PRIVATE, OLDER)
    for name in names:
        for form in FORMS:
            old.client.xadd(name, form)
    before = {name: (old.client.xrange(name), old.client.xinfo_stream(name)["last-generated-id"]) for name in names}
    old.drain()
    old.drain()
    texts = sorted(text.partition("\n")[0] for text in old.world.texts())
    wanted = ["envelope", "contract", *["raw", "kernel", "DELEGATE" if "DELEGATE" in texts else "coordination"] * 4]
    assert texts == sorted([*wanted, *["An entry in an unknown format. Its fields:"] * 4])
    assert {name: (old.client.xrange(name), old.client.xinfo_stream(name)["last-generated-id"]) for name in names} == before
    assert not old.client.exists(EVERYBODY, *read_addresses(Slug("aa"), "aa", "p"))


@pytest.mark.promise("REDIS-004", "ADDRESS-004")
def test_our_own_entries_are_readable_by_older_clients_and_no_second_message(old: Old) -> None:
    sent = old.world.post("hello", thread="t")
    old.world.send("to all", kind="broadcast", to="project p", recipients=("bb",))
    ((_, fields),) = old.client.xrange(PROJECT)
    payload = json.loads(fields["payload"])
    assert (fields["id"], fields["type"], fields["source"], fields["target"], fields["version"]) == (
        sent.message.id, "chat", "agent:aa", "agent:bb", "1.0",
    )  # fmt: skip
    assert (payload["text"], payload["source"], payload["timestamp"]) == ("hello", "agent:aa", sent.message.sent_at / 1000)
    for slug in ("bb", "aa", "cc"):
        old.drain(slug)
    old.client.xadd(PROJECT, {"text": "foreign", "source": "old", "type": "chat"})
    old.drain()
    assert (old.world.texts(), old.world.texts(agent="aa"), old.world.texts(agent="cc")) == (
        ["hello", "to all", "foreign"],
        [],
        [],
    )


@pytest.mark.promise("REDIS-004", "MESSAGE-008")
def test_an_entry_that_calls_itself_ours_is_a_claim_like_any_other(old: Old) -> None:
    old.world.send("true")
    ((_, fields),) = old.client.xrange(PROJECT)
    old.client.xadd(PROJECT, {**fields, "payload": '{"text": "forged"}'})
    old.client.xadd(PROJECT, {**fields, "id": new_id(old.world.clock.now()), "payload": '{"text": "forged too"}'})
    old.drain()
    shown = [(entry.message.text, entry.message.assurance, entry.message.sender) for entry in old.world.entries()]
    assert shown == [("true", "same-user", "aa"), ("forged", "claimed", "agent:aa"), ("forged too", "claimed", "agent:aa")]


@pytest.mark.promise("REDIS-008", "RETENTION-001")
def test_a_foreign_trim_delete_or_rename_takes_no_message_of_ours(old: Old) -> None:
    for number in range(5):
        old.world.send(str(number))
    old.client.xadd(PROJECT, {"text": "foreign", "source": "old", "type": "chat"}, maxlen=1)
    old.drain()
    assert old.world.texts() == [*map(str, range(5)), "foreign"]
    old.client.delete(PROJECT)
    old.client.set(PROJECT, "of another type")
    old.world.send("and on")
    old.drain()
    assert old.world.texts()[-2:] == ["and on", "foreign"]
    old.world.clock.tick(99 * DAY)
    for entry in old.world.entries():
        old.store.mail.apply(BB, [(entry.message.seq, Ack(at=old.world.clock.now()))])
    old.store.mail.prune(old.world.clock.now(), 100)
    assert old.client.get(PROJECT) == "of another type"


@pytest.mark.promise("ADDRESS-004", "REDIS-008")
def test_ids_from_the_future_and_a_stream_that_was_flushed_hide_nothing(old: Old) -> None:
    old.client.xadd(GLOBAL, {"text": "future", "source": "old"}, id="99999999999999-0")
    old.drain()
    old.client.xadd(GLOBAL, {"text": "after", "source": "old"})
    old.world.send("ours")
    old.drain()
    old.client.delete(GLOBAL)
    old.client.xadd(GLOBAL, {"text": "flushed", "source": "old"})
    old.drain()
    assert old.world.texts() == ["ours", "future", "after", "flushed"]
    assert [notice.code for notice in old.store.agents.notices(BB)] == ["cursor_ahead"]


@pytest.mark.promise("INBOX-019", "REDIS-004")
def test_the_first_look_counts_what_it_does_not_give(old: Old) -> None:
    day = int(time.time() * 1000) - 2 * DAY
    theirs = read_addresses(Slug("dd"), "dd", "p")[0]
    for number in range(2500):
        old.client.xadd(theirs, {"text": str(number), "source": "old"}, id=f"{day + number}-0")
    old.world.enrol("dd")
    old.world.clock.tick(MINUTE)
    old.client.xadd(theirs, {"text": "new", "source": "old"}, id=f"{old.world.clock.now()}-0")
    old.drain("dd")
    assert old.world.texts(agent="dd") == ["new"]
    assert old.store.agents.notices(Slug("dd"))[0].text.startswith("2500 older entries")
    assert old.store.reader.written([theirs, EVERYBODY], 0).since == {theirs: day}


IMPORTER = """
import sys, time
from tests.contracts.test_redis_streams import Old
from sos.stores.redis.store import RedisStore
from sos.testing.clock import FakeClock
old = Old.__new__(Old)
old.store = RedisStore(sys.argv[1])
class Here: clock = FakeClock(int(time.time() * 1000))
old.world = Here
while True:
    Here.clock = FakeClock(int(time.time() * 1000))
    old.drain()
"""


def _write(old: Old, number: int, chance: random.Random) -> str:
    """One message of an older client, to one stream or, with an id, to several; each fiftieth time one of ours as well."""
    fields = {"text": f"no. {number}", "source": "old", "type": "chat"}
    places = chance.sample((PROJECT, GLOBAL, PRIVATE, OLDER, EVERYBODY), chance.choice([1, 1, 2, 3]))
    if len(places) > 1:
        fields["id"] = new_id(old.world.clock.now())
    for name in places:
        old.client.xadd(name, fields)
    if number % 50 == 0:
        old.world.send(f"ours {number}")
    return fields["text"]


def _importer(old: Old) -> Process:
    return subprocess.Popen([sys.executable, "-c", IMPORTER, old.url], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.fixture
def running() -> Iterator[list[Process]]:
    """Processes of a test, ended with it however it ends."""
    started: list[Process] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


@pytest.mark.timeout(180)
@pytest.mark.promise("REDIS-003", "REDIS-004", "ADDRESS-004")
def test_two_importers_that_are_killed_again_and_again_import_each_entry_once(old: Old, running: list[Process]) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**9)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    written: list[str] = []
    running += [_importer(old), _importer(old)]
    kills = 0
    begun = time.monotonic()
    next_kill = begun + 1
    while (passed := time.monotonic() - begun) < 8:
        if len(written) > 700 * passed:  # on any machine: the importers keep up, and the inbox, of 8,000, never refuses ours
            time.sleep(0.005)
            continue
        for _ in range(chance.randrange(1, 60)):
            written.append(_write(old, len(written), chance))
        time.sleep(chance.random() * 0.02)
        if time.monotonic() > next_kill:  # an importer must live longer than it takes to start
            next_kill = time.monotonic() + chance.uniform(0.1, 0.9)
            victim = chance.randrange(2)
            assert running[victim].poll() is None, "an importer ended by itself"
            running[victim].send_signal(signal.SIGKILL)
            running[victim].wait()
            kills += 1
            running[victim] = _importer(old)
    for each in running:
        each.kill()
    assert [each.wait() for each in running] == [-signal.SIGKILL] * 2, "an importer ended by itself"
    assert old.store.mail.count(BB, "recent") > len(written) / 50, "the importers had no part in it"
    old.world.clock.tick(int(time.time() * 1000) - old.world.clock.now())
    # As much as the inbox takes; the rest waits before the cursor, and comes once there is room.
    found: list[str] = []
    while True:
        old.drain()
        entries = old.store.mail.entries(BB, "unread", 20_000)
        if not entries:
            break
        found += [entry.message.text for entry in entries]
        for start in range(0, len(entries), 500):
            changes = [(entry.message.seq, Ack(at=old.world.clock.now())) for entry in entries[start : start + 500]]
            old.store.mail.apply(BB, changes)
    ours = [text for text in found if text.startswith("ours")]
    foreign = [text for text in found if text.startswith("no.")]
    print(f"{len(written)} written, {kills} kills")
    assert len(ours) == len(set(ours)) == (len(written) + 49) // 50
    assert sorted(foreign) == sorted(written)
    assert kills >= 2
