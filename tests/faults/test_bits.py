"""The store's own files, cut short or with bits changed: refused, or the damaged message set aside; never a wrong inbox."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from sos.model.errors import SosError
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.settings import load
from sos.wiring.local import connect_here, open_store
from tests.faults.conftest import Recording
from tests.shell import Shell

SENT = [f"message {number:03} " + "abcdefghij" * 20 for number in range(60)]


@pytest.fixture
def root(home: Path) -> Path:
    """A store with sixty messages for bb, all of them in the database file, none in the log."""
    shell = Shell(home)
    shell.join("aa")
    shell.join("bb")
    connection = connect_here(load(), "aa")
    for text in SENT:
        connection.send(Draft(id=new_id(connection.clock.now()), to="bb", text=text))
    connection.store.close()
    assert not (shell.root / "sos.db-wal").exists()
    return shell.root


def put(root: Path, data: bytes, log: bytes | None = None) -> None:
    """Make these the store's files."""
    for name in ("sos.db-wal", "sos.db-shm"):
        (root / name).unlink(missing_ok=True)
    (root / "sos.db").write_bytes(data)
    if log is not None:
        (root / "sos.db-wal").touch(mode=0o600)
        (root / "sos.db-wal").write_bytes(log)


def inbox() -> tuple[str, list[str], int]:
    """What a command says of bb's inbox: the code of a refusal or nothing, the texts that are sound, and how many are damaged."""
    store = None
    try:
        store = open_store(load())
        connection = connect_here(load(), "bb")
        entries = connection.inbox("unread", 1000)
        connection.store.close()
    except SosError as error:
        return (error.code if error.next_step and error.exit_code in {1, 75} else ""), [], 0
    finally:
        if store is not None:
            store.close()
    return "", [entry.message.text for entry in entries if not entry.damaged], sum(entry.damaged for entry in entries)


def lengths(size: int, few: bool) -> list[int]:
    chance = random.Random(size)
    pages = range(0, size, 4096)
    return sorted({*pages, *(chance.randrange(size) for _ in range(20 if few else 2000))})


@pytest.mark.promise("SQLITE-015")
@pytest.mark.parametrize("few", [pytest.param(True, id="few"), pytest.param(False, id="many", marks=pytest.mark.full)])
def test_a_database_cut_anywhere_is_whole_or_refused(root: Path, few: bool, record: Recording) -> None:
    data = (root / "sos.db").read_bytes()
    seen: Counter[str] = Counter()
    for length in lengths(len(data), few):
        put(root, data[:length])
        code, texts, _ = inbox()
        if length > len(data) - 4096 and not code:
            # SQLite reads what is missing of the last page as zeros: some rows are not found, and only a check of the whole
            # file would tell. Open with SQLITE-015.
            assert set(texts) <= set(SENT)
            seen["last page"] += 1
            continue
        assert code, f"cut at {length}: {len(texts)} of {len(SENT)} and nothing said"
        seen[code] += 1
    record("the database cut to a length", trials=sum(seen.values()), note=str(dict(seen)))
    assert seen["store_damaged"] > sum(seen.values()) / 2


def flipped(data: bytes, place: int, bit: int) -> bytes:
    made = bytearray(data)
    made[place] ^= 1 << bit
    return bytes(made)


@pytest.mark.promise("SQLITE-007")
@pytest.mark.parametrize("count", [pytest.param(60, id="few"), pytest.param(3000, id="many", marks=pytest.mark.full)])
def test_a_message_with_a_changed_bit_is_set_aside_and_the_others_flow(root: Path, count: int, record: Recording) -> None:
    data = (root / "sos.db").read_bytes()
    chance = random.Random(count)
    for _ in range(count):
        text = chance.choice(SENT)
        place = data.index(text.encode()) + chance.randrange(len(text))
        put(root, flipped(data, place, chance.randrange(8)))
        code, texts, damaged = inbox()
        assert (code, damaged) == ("", 1)
        assert texts == [each for each in SENT if each != text]
    record("one bit changed in a message", trials=count)


@pytest.mark.promise("SQLITE-015", "CLI-009")
@pytest.mark.parametrize("word", [b"CREATE TABLE notice", b"d.shown_in"], ids=["a table", "what is read"])
def test_a_schema_with_a_byte_that_is_no_text_is_refused_by_name(root: Path, word: bytes) -> None:
    """SQLite quotes the byte in its message, and the module for it then says UnicodeDecodeError instead of that message."""
    data = (root / "sos.db").read_bytes()
    put(root, flipped(data, data.index(word) + 5, 7))
    assert inbox()[0] == "store_damaged"


@pytest.mark.promise("SQLITE-007")
@pytest.mark.parametrize("count", [pytest.param(150, id="few"), pytest.param(6000, id="many", marks=pytest.mark.full)])
def test_no_bit_changed_anywhere_shows_a_text_that_nobody_sent(root: Path, count: int, record: Recording) -> None:
    data = (root / "sos.db").read_bytes()
    chance, seen = random.Random(count), Counter[str]()
    for _ in range(count):
        put(root, flipped(data, chance.randrange(len(data)), chance.randrange(8)))
        try:
            code, texts, damaged = inbox()
        except Exception as error:  # noqa: BLE001  # how it is refused is not what this test is about
            code, texts, damaged = type(error).__name__, [], 0
        assert set(texts) <= set(SENT)
        seen[code or ("set aside" if damaged else "whole" if texts == SENT else "some not listed")] += 1
    record("one bit changed anywhere in the database", trials=count, note=str(dict(seen)))


@pytest.mark.promise("INBOX-001", "SQLITE-015")
@pytest.mark.parametrize("count", [pytest.param(80, id="few"), pytest.param(3000, id="many", marks=pytest.mark.full)])
def test_a_log_cut_or_changed_anywhere_leaves_what_was_committed_before(
    home: Path, root: Path, count: int, record: Recording
) -> None:
    """SQLite believes its log up to the first frame that does not add up: what is left is a beginning, with no gap in it."""
    connection = connect_here(load(), "aa")
    sent = list(SENT)
    for number in range(20):
        sent.append(f"in the log {number}")
        connection.send(Draft(id=new_id(connection.clock.now()), to="bb", text=sent[-1]))
    data, log = (root / "sos.db").read_bytes(), (root / "sos.db-wal").read_bytes()
    connection.store.close()
    put(root, data, log)
    assert inbox() == ("", sent, 0)
    chance, seen = random.Random(count), Counter[int]()
    for _ in range(count):
        place = chance.randrange(len(log))
        put(root, data, log[:place] if chance.random() < 0.5 else flipped(log, place, chance.randrange(8)))
        code, texts, damaged = inbox()
        assert code or (texts == sent[: len(texts)] and len(texts) >= len(SENT) and not damaged)
        seen[len(texts)] += 1
    record("the log cut or a bit of it changed", trials=count, note=f"{min(seen)} to {max(seen)} of {len(sent)} left")
