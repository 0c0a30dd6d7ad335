"""Sends and ends of handlers in flight at once share a commit, none ends before its own, and none fails for another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from sos.model.deliveries import Entry
from sos.model.errors import StaleFence, StorageFull, UnknownAgent, UnknownMessage
from sos.model.names import Slug
from sos.model.parcels import Parcel, Posted
from sos.model.times import MINUTE, Millis
from sos.model.transitions import Ack
from sos.stores.sqlite.batch import Batch
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.group import Group
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import SESSION, World

pytestmark = pytest.mark.promise("SQLITE-006")


@pytest.fixture
def world(home: Path) -> World:
    return World(SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True))


def test_a_hundred_in_flight_take_a_few_commits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commits, real = [], Database.read

    def counted(self: Database, sql: str, values: object = ()) -> list[tuple[object, ...]]:
        commits.extend([sql] if sql == "COMMIT" else [])
        return real(self, sql, values)

    monkeypatch.setattr(Database, "read", counted)
    for future in [world.store.mail.submit(world.parcel(str(number))) for number in range(100)]:
        future.result(30)
    assert 0 < len(commits) < 50


def test_a_future_ends_after_its_commit(world: World, home: Path) -> None:
    other = sqlite3.connect(home / ".sos" / "sos.db")
    for number in range(20):
        seq = world.store.mail.submit(world.parcel(str(number))).result(30).message.seq
        assert other.execute("SELECT text FROM message WHERE seq = ?", (seq,)).fetchall() == [(str(number),)]
    other.close()


def test_a_failed_commit_is_the_failure_of_all_in_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Database.read

    def full(self: Database, sql: str, values: object = ()) -> list[tuple[object, ...]]:
        if sql == "COMMIT":
            raise StorageFull("no space left")
        return real(self, sql, values)

    monkeypatch.setattr(Database, "read", full)
    futures = [world.store.mail.submit(world.parcel(str(number))) for number in range(10)]
    assert all(isinstance(future.exception(30), StorageFull) for future in futures)
    monkeypatch.undo()
    assert world.texts() == []
    world.send("afterwards")
    assert world.texts() == ["afterwards"]


class Held:
    """Ends of a handler, of which one stands in its commit until as many others as are asked for wait behind it."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.commits = self.submitted = 0
        self.refused: list[int] = []
        self._in_commit, self._submitted, self._go = threading.Event(), threading.Semaphore(0), threading.Event()
        read, submit = Database.read, Group.submit

        def counted(database: Database, sql: str, values: object = ()) -> list[tuple[object, ...]]:
            if sql == "COMMIT":
                self.commits += 1
                self._in_commit.set()
                assert self._go.wait(30)
                if self.commits in self.refused:
                    raise StorageFull("no space left")
            return read(database, sql, values)

        def told(group: Group, step: Callable[[Batch], object]) -> Future[object]:
            future = submit(group, step)
            self.submitted += 1
            self._submitted.release()
            return future

        patch.setattr(Database, "read", counted)
        patch.setattr(Group, "submit", told)

    def conclude(self, ends: Sequence[tuple[int, int, Sequence[Parcel]]]) -> list[list[Posted] | BaseException]:
        """End messages, given as number, fence and what is sent: the first by itself, the others behind it in their order."""
        self._go.clear()
        self._in_commit.clear()
        with ThreadPoolExecutor(len(ends)) as pool:
            futures = []
            for place, (number, fence, parcels) in enumerate(ends):
                ack = (number, Ack(at=self.world.clock.now(), fence=fence))
                futures.append(pool.submit(self.world.store.mail.conclude, Slug("bb"), [ack], parcels))
                assert self._submitted.acquire(timeout=30) if place else self._in_commit.wait(30)
            self._go.set()
            return [future.exception(30) or future.result() for future in futures]


def leased(world: World, number: int) -> list[Entry]:
    for each in range(number):
        world.send(str(each))
    now = world.clock.now()
    return world.store.mail.lease(Slug("bb"), SESSION, number, Millis(now + MINUTE), now)


@pytest.mark.promise("SDK-005")
def test_ends_of_handlers_at_once_take_two_commits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [(each.message.seq, 1, [world.parcel(f"did {each.message.text}", to="aa", sender="bb")]) for each in leased(world, 8)]
    held = Held(world, monkeypatch)
    made = held.conclude(ends)
    assert (held.commits, [type(each) for each in made]) == (2, [list] * 8)
    assert world.texts(agent="aa") == [f"did {number}" for number in range(8)]
    assert world.texts() == []


def test_a_thread_goes_by_itself_again_when_there_is_nobody_to_share_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[tuple[int, int, list[Parcel]]] = [(each.message.seq, 1, []) for each in leased(world, 3)]
    held = Held(world, monkeypatch)
    held.conclude(ends)
    for submitted in (3, 3):  # the first after several finds that it is alone
        world.post()
        assert held.submitted == submitted


@pytest.mark.promise("SDK-005", "LEASE-002")
def test_an_end_that_is_refused_leaves_nothing_and_touches_no_other_of_its_commit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, stale, half, whole, unknown = (each.message.seq for each in leased(world, 5))

    def sends(number: int, *to: str) -> list[Parcel]:
        return [world.parcel(f"of {number}", to=each, sender="bb") for each in to]

    held = Held(world, monkeypatch)
    made = held.conclude([
        (first, 1, []),
        (stale, 2, sends(stale, "cc")),
        (half, 1, sends(half, "cc", "nobody")),
        (unknown + 1000, 1, sends(unknown, "cc")),
        (whole, 1, sends(whole, "cc")),
    ])  # fmt: skip
    assert [type(each) for each in made] == [list, StaleFence, UnknownAgent, UnknownMessage, list]
    assert held.commits == 2
    assert world.texts(agent="cc") == [f"of {whole}"]
    assert isinstance(made[4], list)
    assert made[4][0].depth == 1  # what was undone counts nowhere
    open_ = [entry.message.seq for entry in world.entries("recent") if not entry.delivery.answered]
    assert sorted(open_) == sorted([stale, half, unknown])


@pytest.mark.promise("SQLITE-008")
def test_ends_whose_commit_found_the_disk_full_go_by_themselves_into_the_room_kept_for_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[tuple[int, int, list[Parcel]]] = [(each.message.seq, 1, []) for each in leased(world, 4)]
    held = Held(world, monkeypatch)
    held.refused = [2, 3]  # the group's, and the one that writes over it
    assert held.conclude(ends) == [[]] * 4
    assert all(entry.delivery.acked_at for entry in world.entries("recent"))
