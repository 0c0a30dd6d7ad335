"""What stands round the tables: the lock round writes and checkpoints, the rings, and the cursor that is only a cache."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos.homes import cursor
from sos.model.errors import StorageFull
from sos.model.names import Slug
from sos.model.transitions import Surface
from sos.stores.sqlite import ring
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.ring import Ring
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World
from tests.shell import Shell

BB = Slug("bb")
SESSION = "5a12d4d5-0000-4000-8000-000000000001"
SENDER = """
import sys
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World
world = World(SqliteStore(sys.argv[1] + "/sos.db", sys.argv[1] + "/run"))
if sys.argv[2] == "silent":
    world.store._ring._wake = lambda *_: None
world.send("from another process")
"""


@pytest.fixture
def world(home: Path) -> Iterator[World]:
    made = World(SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True))
    yield made
    made.store.close()


@pytest.mark.promise("SQLITE-004")
def test_the_lock_is_held_at_every_begin_commit_and_checkpoint(world: World, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = Database.read, []

    def watched(self: Database, sql: str, values: object = ()) -> list[tuple[object, ...]]:
        if sql.startswith(("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT", "PRAGMA wal_checkpoint")):
            descriptor = os.open(home / ".sos" / "sos.db.lock", os.O_RDWR)
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(descriptor)
            seen.append(sql.split()[0])
        return real(self, sql, values)

    monkeypatch.setattr(Database, "read", watched)
    for _ in range(40):
        world.show(world.send("x" * 60_000))
    assert {"BEGIN", "COMMIT", "PRAGMA", "UPDATE", "INSERT"} <= set(seen)
    assert world.store.mail.count(BB, "recent") == 40
    monkeypatch.undo()
    opened = Database(str(home / ".sos" / "sos.db"))
    opened.open(create=False)
    assert opened.read("PRAGMA wal_autocheckpoint") == [(0,)]


@pytest.mark.promise("SQLITE-011")
@pytest.mark.parametrize("how", ["ringing", "silent"])
def test_a_reader_is_woken_by_another_process_and_looks_again_where_no_ring_comes(
    world: World, home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(ring, "SWEEP_SECONDS", 60 if how == "ringing" else 0.2)
    sender = subprocess.Popen([sys.executable, "-c", SENDER, str(home / ".sos"), how])
    begun = time.monotonic()
    assert world.store.wait(BB, 50) is True
    assert time.monotonic() - begun < 40
    assert sender.wait(30) == 0
    assert world.texts() == ["from another process"]


@pytest.mark.promise("SQLITE-011")
def test_a_registration_is_used_again_and_given_up_at_the_end(world: World, home: Path) -> None:
    for _ in range(3):
        assert world.store.wait(BB, 0.01) is False
    other = Database(str(home / ".sos" / "sos.db"))
    other.open(create=False)
    ((path,),) = other.read("SELECT path FROM waiter")
    world.store.close()
    assert other.read("SELECT path FROM waiter") == []
    assert not os.path.exists(path)


@pytest.mark.promise("SQLITE-005")
@pytest.mark.parametrize("cursor", [None, f"{10**15:020}\n", f"{0:020}\n"])
def test_without_its_cursor_or_with_a_wrong_one_nothing_is_lost_or_repeated(home: Path, cursor: str | None) -> None:
    shell = Shell(home)
    shell.join("aa")
    shell.join("bb")
    shell.connect("bb")
    shell.event("SessionStart", SESSION, source="startup")
    shell.json("send", "--as", "aa", "bb", "first")
    assert "| first" in (shell.event("UserPromptSubmit", SESSION) or "")
    path = shell.root / "agents" / "bb" / "cursor"
    path.unlink()
    if cursor is not None:
        path.write_text(cursor)
        path.chmod(0o600)
    shell.json("send", "--as", "aa", "bb", "second")
    shown = shell.event("UserPromptSubmit", SESSION) or ""
    assert "| second" in shown
    assert "| first" not in shown


@pytest.mark.promise("SQLITE-005")
@pytest.mark.parametrize("call", ["open", "pwrite"])
def test_a_disk_that_refuses_the_cursor_ends_no_command(home: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    real = os.open

    def refused(path: object, *rest: int) -> int:
        if call == "pwrite" and str(path).endswith("/cursor"):
            return real("/dev/full", os.O_WRONLY)
        if str(path).endswith("/cursor"):
            raise OSError(5, "Input/output error")
        return real(path, *rest)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(os, "open", refused)
    cursor.save(str(home), 7)
    monkeypatch.undo()
    assert cursor.load(str(home)) == 0


@pytest.mark.promise("SQLITE-008", "HOOK-008")
def test_a_disk_that_refuses_the_quiet_file_marks_what_was_shown_once(world: World, home: Path) -> None:
    """A hook run whose marks are committed must not look refused: it would be made again, and count one showing as two."""
    identifier = world.send("shown once")
    body = world.body()
    with pytest.MonkeyPatch.context() as disk:
        disk.setattr(ring, "private_directory", lambda path: full_disk())
        world.store.mail.settle(body, 1, [(identifier, Surface(at=world.clock.now(), body=SESSION, turn=1))])
    assert world.one(identifier).shown == 1
    assert not (home / ".sos" / "run" / "quiet-bb").exists()


@pytest.mark.promise("SQLITE-008")
def test_a_disk_that_refuses_to_forget_a_reader_that_is_gone_refuses_no_send(world: World, home: Path) -> None:
    with world.store._database.write():  # type: ignore[attr-defined]
        world.store._database.read(ring._ADD, (str(home / ".sos" / "run" / "gone"), "bb"))  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as disk:
        disk.setattr(Ring, "_forget", lambda self, path: full_disk())
        world.send("stored")
    assert world.texts() == ["stored"]


def full_disk() -> None:
    raise StorageFull("no space left")
