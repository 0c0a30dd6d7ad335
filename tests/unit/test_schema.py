"""Migrations go forward from every schema and keep what is there; an older program goes on, a much older one is told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sos.model.errors import UpgradeNeeded
from sos.model.names import Slug
from sos.model.transitions import Ack
from sos.stores.sqlite import schema
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World

LATER = "ALTER TABLE agent ADD COLUMN mood TEXT;\nCREATE TABLE later (id INTEGER PRIMARY KEY, text TEXT) STRICT;\n"


def store(home: Path, *, create: bool = False) -> SqliteStore:
    return SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=create)


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scripts of a program that is one migration ahead."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.FOLDER, folder)
    following = max(int(name[:4]) for name in os.listdir(folder) if name.endswith(".sql")) + 1
    (folder / f"{following:04}_later.sql").write_text(LATER)
    monkeypatch.setattr(schema, "FOLDER", str(folder))
    return folder


def filled(home: Path) -> World:
    world = World(store(home, create=True))
    acked = world.send("acked")
    world.send("unread")
    world.store.mail.apply(Slug("bb"), [(acked, Ack(at=world.clock.now()))])
    return world


@pytest.mark.promise("SQLITE-014")
@pytest.mark.parametrize("released", range(1, len([name for name in os.listdir(schema.FOLDER) if name.endswith(".sql")]) + 1))
def test_every_schema_migrates_and_keeps_messages_and_facts(home: Path, newer: Path, released: int) -> None:
    kept = {name: (newer / name).read_text() for name in os.listdir(newer) if name.endswith(".sql") and int(name[:4]) > released}
    for name in kept:
        (newer / name).unlink()
    world = filled(home)
    before = [story.deliveries for story in world.store.mail.sent(Slug("aa"), 10)]
    epoch = world.store.epoch
    for name, text in kept.items():
        (newer / name).write_text(text)
    migrated = store(home)
    assert [story.deliveries for story in migrated.mail.sent(Slug("aa"), 10)] == before
    assert [entry.message.text for entry in migrated.mail.entries(Slug("bb"), "unread", 10)] == ["unread"]
    assert migrated.epoch == epoch


@pytest.mark.promise("SQLITE-013")
def test_an_older_program_goes_on_with_a_migrated_store(home: Path, newer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(home).store.close()
    monkeypatch.undo()
    older = store(home)
    assert [entry.message.text for entry in older.mail.entries(Slug("bb"), "unread", 10)] == ["unread"]
    assert schema.newest() < 1000 * schema.MAJOR + int(max(name for name in os.listdir(newer) if name.endswith(".sql"))[:4])


@pytest.mark.promise("SQLITE-013")
def test_a_program_that_is_too_old_is_refused_and_changes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MAJOR", 2)
    filled(home).store.close()
    monkeypatch.undo()
    before = (home / ".sos" / "sos.db").read_bytes()
    with pytest.raises(UpgradeNeeded, match=f"schema {schema.newest() + 1000}"):
        store(home)
    assert (home / ".sos" / "sos.db").read_bytes() == before
