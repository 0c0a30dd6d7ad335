"""A file is replaced only if it is as it was seen, and whatever another program writes in that moment is put back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sos.recovery import swapping

pytestmark = pytest.mark.promise("CONNECT-008")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "config").write_bytes(b"before")
    (tmp_path / "ready").write_bytes(b"ours")
    return tmp_path / "config"


def swap(path: Path) -> bool:
    return swapping.swap(str(path), str(path.with_name("ready")), b"before")


def writes(path: Path, data: bytes) -> None:
    """As another program does it: a new file, put in place by a rename."""
    path.with_name("theirs").write_bytes(data)
    os.replace(path.with_name("theirs"), path)


def test_it_is_replaced(path: Path) -> None:
    assert swap(path)
    assert path.read_bytes() == b"ours"


@pytest.mark.parametrize("exchanges", [True, False])
def test_what_was_written_before_stays(path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchanges:
        monkeypatch.setattr(swapping, "_system_call", lambda: None)
    writes(path, b"theirs")
    assert not swap(path)
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("more", [1, 2, 5])
def test_what_is_written_while_it_is_put_back_stays_as_well_and_the_newest_wins(
    path: Path, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes(path, b"theirs 0")
    real, left = swapping._exchange, list(range(1, more + 1))

    def exchange(one: str, other: str) -> bool:
        done = real(one, other)
        if left:
            writes(path, b"theirs %d" % left.pop(0))
        return done

    monkeypatch.setattr(swapping, "_exchange", exchange)
    assert not swap(path)
    assert path.read_bytes() == b"theirs %d" % more


def test_without_a_way_to_exchange_it_is_a_rename(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "_system_call", lambda: None)
    assert swap(path)
    assert path.read_bytes() == b"ours"
    assert not path.with_name("ready").exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_put_only_where_there_is_none(path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: str) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    beside = str(path.with_name("ready"))
    assert not swapping.place(str(path), beside)
    assert path.read_bytes() == b"before"
    path.unlink()
    assert swapping.place(str(path), beside)
    assert path.read_bytes() == b"ours"


def test_a_file_is_removed_only_as_it_was_seen(path: Path) -> None:
    free = str(path.with_name("free"))
    assert not swapping.remove(str(path), free, b"something else")
    assert path.read_bytes() == b"before"
    os.unlink(free)
    assert swapping.remove(str(path), free, b"before")
    assert not path.exists()
