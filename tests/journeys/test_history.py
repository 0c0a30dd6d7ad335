"""A store that was put back, or that a power cut damaged, is noticed and said."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from sos.homes import cursor
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"


@pytest.mark.promise("RETENTION-004")
def test_an_older_file_put_back_by_hand_is_told_with_the_number_lost(shell: Shell) -> None:
    shell.event("SessionStart", SESSION, source="startup")
    shell.json("send", "--as", "aa", "bb", "kept")
    older = shell.home / "older.db"
    _settled(shell)
    shutil.copy(shell.root / "sos.db", older)
    shell.json("send", "--as", "aa", "bb", "lost 1")
    shell.json("send", "--as", "aa", "bb", "lost 2")
    shell.inside(SESSION).json("inbox")
    _settled(shell)
    shutil.copy(older, shell.root / "sos.db")
    shown = shell.event("UserPromptSubmit", SESSION) or ""
    assert "put back to an older state: 2 numbers" in shown
    assert "| kept" in shown
    again = shell.event("UserPromptSubmit", SESSION) or ""
    assert "put back" not in again


@pytest.mark.promise("RETENTION-004")
@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\x00", b"9" * 60])
def test_a_damaged_cursor_is_only_an_older_one(shell: Shell, content: bytes) -> None:
    path = shell.root / "agents" / "bb" / "cursor"
    path.write_bytes(content)
    path.chmod(0o600)
    shell.inside(SESSION).run("inbox")
    assert shell.run("inbox", "--as", "bb").code == 0
    shell.event("SessionStart", SESSION, source="startup")
    assert cursor.load(str(path.parent)) > 0


@pytest.mark.promise("SQLITE-015")
def test_a_damaged_page_is_found_by_the_first_command_after_a_start_of_the_machine(shell: Shell) -> None:
    for number in range(50):
        shell.json("send", "--as", "aa", "bb", f"{number} " + "x" * 500)
    _settled(shell)
    store = shell.root / "sos.db"
    kept = store.read_bytes()
    connection = sqlite3.connect(store)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message_sent'").fetchone()
    connection.execute("DELETE FROM meta WHERE key = 'checked'")
    connection.commit()
    connection.close()
    _settled(shell)
    with store.open("r+b") as file:
        file.seek((page - 1) * 4096 + 100)
        file.write(b"\xff" * 2000)
    damaged = store.read_bytes()
    ran = shell.run("inbox", "--json")
    assert (ran.code, ran.json["error"]) == (1, "store_damaged")
    assert ran.json["next"]
    assert store.read_bytes() == damaged
    assert shell.run("guide").code == 0
    store.write_bytes(kept)
    assert shell.run("inbox").code == 0


def _settled(shell: Shell) -> None:
    """Move the log into the file, as the last one to close it does."""
    connection = sqlite3.connect(shell.root / "sos.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for name in ("sos.db-wal", "sos.db-shm"):
        Path(shell.root / name).unlink(missing_ok=True)
