"""Sends in flight at once share a commit, and none ends before its own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sos.model.errors import StorageFull
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World

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
