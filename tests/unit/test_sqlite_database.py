"""The doorway to SQLite keeps its own rules."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from sos.model.errors import NetworkFileSystem, StoreDamaged, StoreUnreachable, UpgradeNeeded
from sos.stores.sqlite import database
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.log import CAP_BYTES, CHECKPOINT_BYTES


@pytest.fixture
def opened(home: Path) -> Database:
    made = Database(str(home / ".sos" / "sos.db"))
    made.open(create=True)
    return made


def test_nothing_of_ours_opens_a_file_that_sqlite_holds_locks_on(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []
    real = os.open

    def recorded(path: str, flags: int, mode: int = 0o777) -> int:
        paths.append(path)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", recorded)
    again = Database(opened.path)
    again.open(create=False)
    for number in range(3):
        with again.write():
            again.read("INSERT INTO meta (key, value) VALUES (?, 'x')", (f"k{number}",))
    again.close()
    assert {os.path.basename(path) for path in paths} == {"sos.db", "sos.db.lock", "sos.db-wal"}  # no lock stands on the log
    assert paths.count(opened.path) == 1  # O_EXCL, which an existing file refuses


@pytest.mark.promise("SQLITE-002")
def test_wal_and_full_are_set_and_read_back(opened: Database) -> None:
    assert opened.read("PRAGMA journal_mode") == [("wal",)]
    assert opened.read("PRAGMA synchronous") == [(2,)]
    assert opened.read("PRAGMA wal_autocheckpoint") == [(0,)]


def test_an_error_inside_a_write_rolls_everything_back(opened: Database) -> None:
    def fail() -> None:
        with opened.write():
            opened.read("INSERT INTO meta (key, value) VALUES ('k', 'x')")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert opened.read("SELECT 1 FROM meta WHERE key = 'k'") == []


@pytest.mark.promise("SQLITE-010")
def test_a_lock_that_another_holds_ends_at_its_deadline(opened: Database) -> None:
    other = Database(opened.path, lock_seconds=0.1)
    other.open(create=False)
    with opened.write(), pytest.raises(StoreUnreachable, match="locked"):
        other.write().__enter__()


def test_the_log_stays_small_under_steady_writes(opened: Database) -> None:
    _write(opened, 8000 * 1000)
    assert os.path.getsize(opened.path + "-wal") < 2 * CHECKPOINT_BYTES


def test_a_log_that_a_reader_held_up_is_cut_back(opened: Database) -> None:
    reader = sqlite3.connect(opened.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM meta").fetchall()
    _write(opened, 8000 * 1000)
    assert os.path.getsize(opened.path + "-wal") > CAP_BYTES
    reader.execute("COMMIT")
    _write(opened, 8000 * 300)
    assert os.path.getsize(opened.path + "-wal") <= CAP_BYTES
    reader.close()


def _write(opened: Database, count: int) -> None:
    for number in range(count // 8000):
        with opened.write():
            opened.read("INSERT OR REPLACE INTO meta (key, value) VALUES ('k', ?)", ("x" * 8000 + str(number),))


def test_the_log_is_moved_once_a_megabyte_waits(opened: Database) -> None:
    before, count = os.path.getsize(opened.path), 0
    while os.path.getsize(opened.path) == before:
        assert count < 1000
        _write(opened, 8000)
        count += 1
    assert CHECKPOINT_BYTES <= os.path.getsize(opened.path + "-wal") < CHECKPOINT_BYTES + 50_000


def test_what_is_not_a_store_of_ours_is_refused(opened: Database, tmp_path: Path) -> None:
    opened.read("PRAGMA user_version = 2001")
    with pytest.raises(UpgradeNeeded):
        Database(opened.path).open(create=False)
    foreign = tmp_path / "own" / "foreign.db"
    foreign.parent.mkdir(mode=0o700)
    foreign.write_bytes(b"")
    foreign.chmod(0o600)
    with pytest.raises(StoreDamaged):
        Database(str(foreign)).open(create=False)


@pytest.mark.promise("SQLITE-009")
def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("a / ext4 rw 0 0\nserver:/x /net\\040work nfs4 rw 0 0\n")
    assert database.file_system("/net work/home", str(mounts)) == "nfs4"
    assert database.file_system("/network", str(mounts)) == "ext4"
    monkeypatch.setattr(database, "file_system", lambda _folder: "nfs4")
    monkeypatch.setattr(os, "major", lambda _device: 254)
    database.refuse_network(str(tmp_path))  # on a device of this machine: nobody asks
    monkeypatch.setattr(os, "major", lambda _device: 0)
    with pytest.raises(NetworkFileSystem):
        database.refuse_network(str(tmp_path))
