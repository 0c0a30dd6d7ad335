"""Reading foreign streams: the contract over memory and real servers, and any interleaving of writers, readers and kills."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos.model.addresses import Address
from sos.model.ids import new_id
from sos.model.streams import EntryId, order, parse_entry_id
from sos.stores.memory.store import MemoryStore
from sos.stores.redis.store import RedisStore
from sos.testing.readers import FORMS, Killed, ReaderContract, Readers
from sos.testing.streams import ForeignStream, MemoryReader
from tests.servers import BY_TURNS, RunningServer

pytestmark = pytest.mark.promise("ADDRESS-003", "ADDRESS-004", "ADDRESS-005", "ADDRESS-006", "INBOX-019", "RETENTION-004")


class MemoryWriter:
    def __init__(self) -> None:
        self.streams: dict[Address, ForeignStream] = {}

    def _at(self, name: Address) -> ForeignStream:
        return self.streams.setdefault(name, ForeignStream(name))

    def add(self, name: Address, at: int, fields: dict[str, str]) -> EntryId:
        return self._at(name).add(at, **fields)

    def trim(self, name: Address, keep: int) -> None:
        self._at(name).trim(min(keep, len(self._at(name).entries)))

    def remove(self, name: Address, entry: EntryId) -> None:
        self._at(name).delete(entry)

    def flush(self, name: Address) -> None:
        self._at(name).flush()

    def save(self, name: Address) -> Any:
        return self._at(name).saved()

    def restore(self, name: Address, backup: Any) -> None:
        self._at(name).restore(backup)


class RedisWriter:
    """A bare client. Ids are what the server would give them by the clock of the world."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def add(self, name: Address, at: int, fields: dict[str, str]) -> EntryId:
        last = parse_entry_id(self.client.xinfo_stream(name)["last-generated-id"]) if self.client.exists(name) else None
        place = f"{at}-0" if last is None or at > order(last)[0] else f"{order(last)[0]}-{order(last)[1] + 1}"
        return parse_entry_id(self.client.xadd(name, fields, id=place))

    def trim(self, name: Address, keep: int) -> None:
        self.client.xtrim(name, maxlen=keep, approximate=False)

    def remove(self, name: Address, entry: EntryId) -> None:
        self.client.xdel(name, entry)

    def flush(self, name: Address) -> None:
        self.client.delete(name)

    def save(self, name: Address) -> Any:
        return self.client.dump(name)

    def restore(self, name: Address, backup: Any) -> None:
        if backup is None:
            self.client.delete(name)
        else:
            self.client.restore(name, 0, backup, replace=True)


def in_memory() -> Readers:
    writer = MemoryWriter()
    return Readers(MemoryStore(), MemoryReader(writer.streams), writer)


class TestMemory(ReaderContract):
    def make(self) -> Readers:
        return in_memory()


@pytest.fixture(scope="module", params=BY_TURNS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    made = RunningServer(request.param)
    yield made
    made.remove()


class OnServer:
    """Worlds in databases of their own."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.made: list[Any] = []

    def make(self) -> Readers:
        database = self.server.fresh()
        store = RedisStore(self.server.url(database), create=True)
        client = self.server.client(database, decode=False)
        self.made += [store, client]
        return Readers(store, store.reader, RedisWriter(client))

    def close(self) -> None:
        for each in self.made:
            each.close()


@pytest.fixture
def ground(server: RunningServer) -> Iterator[OnServer]:
    made = OnServer(server)
    yield made
    made.close()


class TestRedis(ReaderContract):
    @pytest.fixture(autouse=True)
    def _ground(self, ground: OnServer) -> None:
        self.ground = ground

    def make(self) -> Readers:
        return self.ground.make()


# --- any interleaving -------------------------------------------------------------------------------------------------------

WRITES = st.tuples(
    st.just("write"),
    st.sampled_from(FORMS),
    st.lists(st.integers(0, 12), min_size=1, max_size=3, unique=True),
    st.sampled_from([0, 0, 0, 1, -(10**9), 500]),
)
STEPS = st.one_of(
    WRITES,
    WRITES,
    st.tuples(st.just("read"), st.integers(1, 40)),
    st.tuples(st.just("kill before"), st.integers(0, 4)),
    st.tuples(st.just("kill after"), st.integers(0, 4)),
    st.tuples(
        st.just("show"),
    ),
    st.tuples(st.just("trim"), st.integers(0, 12)),
    st.tuples(st.just("tick"), st.sampled_from([1, 1000, -1000])),
)


def killed(old: Readers, after: int, *, taken: bool) -> None:
    """A reading that dies at one of its imports, before or after it was taken."""
    take, left = old.store.streams.take, after

    def dying(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0 and not taken:
            raise Killed
        result = take(*arguments)
        if left < 0:
            raise Killed
        return result

    old.store.streams.take = dying  # type: ignore[method-assign, assignment]
    try:
        old.read(entries=30)
    except Killed:
        pass
    finally:
        old.store.streams.take = take  # type: ignore[method-assign]


def interleave(old: Readers, steps: list[Any]) -> None:
    """Everything that was written is shown once, but what a trim took before it was read: and that is counted."""
    written: list[str] = []
    shown: list[str] = []
    old.drain()
    for number, (what, *more) in enumerate(steps):
        match what:
            case "write":
                form, places, ago = more
                identifier = new_id(old.world.clock.now())
                # Without an id of its own, a copy is a message of its own.
                for place in places if form in {"envelope", "contract"} else places[:1]:
                    old.add(f"no. {number}", place, form=form, identifier=identifier, ago=ago)
                written.append(f"no. {number}")
            case "read":
                old.read(entries=more[0])
            case "kill before" | "kill after":
                killed(old, more[0], taken=what == "kill after")
            case "show":
                shown += old.surfaced()
            case "trim":
                old.drain()
                old.writer.trim(old.addresses[more[0]], 0)
            case _:
                old.world.clock.tick(more[0])
    old.drain()
    shown += old.surfaced()
    assert sorted(shown) == sorted(written)
    assert old.notices() == []
    old.drain()
    assert old.surfaced() == []


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_in_any_interleaving_each_message_is_shown_once(steps: list[Any]) -> None:
    interleave(in_memory(), steps)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=40))
def test_in_any_interleaving_each_message_is_shown_once_on_a_server(steps: list[Any], ground: OnServer) -> None:
    interleave(ground.make(), steps)


@pytest.mark.full
@pytest.mark.timeout(600)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=60))
def test_in_very_many_interleavings_too(steps: list[Any], ground: OnServer) -> None:
    interleave(ground.make(), steps)
