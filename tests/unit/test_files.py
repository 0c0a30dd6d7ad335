"""Files that matter: replaced as one step, private, and locked with a deadline across processes."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sos
from sos import files
from sos.model.errors import HomeDamaged, HomeNotPrivate, SosError, StorageFull, StoreUnreachable

SOURCE = str(Path(sos.__file__).parent.parent)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# --- directories ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("umask")
def test_a_directory_and_all_parents_that_it_needs_are_ours_alone(place: Path) -> None:
    deep = place / "a" / "b" / "c"
    assert files.private_directory(str(deep)) == str(deep)
    assert {mode_of(deep), mode_of(deep.parent), mode_of(deep.parent.parent)} == {0o700}
    files.private_directory(str(deep))
    files.private_directory(f"{place}/d/e/")
    assert mode_of(place / "d") == 0o700


def test_a_parent_that_was_there_keeps_its_mode(place: Path) -> None:
    (place / "open").mkdir()
    (place / "open").chmod(0o755)
    files.private_directory(str(place / "open" / "ours"))
    assert mode_of(place / "open") == 0o755


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o702, 0o704, 0o740, 0o777])
def test_a_directory_that_others_may_use_is_refused_with_the_command(place: Path, mode: int) -> None:
    place.chmod(mode)
    with pytest.raises(HomeNotPrivate) as refused:
        files.private_directory(str(place))
    assert refused.value.next_step == f"chmod 700 {place}"
    assert mode_of(place) == mode


def test_a_link_or_a_file_in_place_of_a_directory_is_refused(place: Path) -> None:
    (place / "real").mkdir(mode=0o700)
    (place / "link").symlink_to(place / "real")
    with pytest.raises(HomeNotPrivate, match="symbolic link"):
        files.private_directory(str(place / "link"))
    (place / "dangling").symlink_to(place / "absent")
    with pytest.raises(HomeDamaged):
        files.private_directory(str(place / "dangling"))
    assert not (place / "absent").exists()
    (place / "file").touch(mode=0o600)
    with pytest.raises(SosError):
        files.private_directory(str(place / "file" / "below"))


def test_what_belongs_to_somebody_else_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(HomeNotPrivate, match="another user"):
        files.check_private(str(place))


# --- write and read ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("umask")
def test_what_is_written_is_private_and_read_back(place: Path) -> None:
    path = place / "file"
    for data in (b"", b"old", bytes(range(256)) * 4096):
        files.write(str(path), data)
        assert files.read(str(path)) == data
        assert mode_of(path) == 0o600
        assert os.listdir(place) == ["file"]


def test_a_relative_path_is_written_where_we_stand(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    files.write("file", b"x")
    assert (place / "file").read_bytes() == b"x"


def test_short_writes_are_continued(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:3]))
    files.write(str(place / "file"), b"0123456789")
    assert (place / "file").read_bytes() == b"0123456789"


def test_the_steps_come_in_the_order_that_survives_a_power_cut(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    kinds: dict[bool, str] = {True: "sync directory", False: "sync file"}
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        steps.append(kinds[stat.S_ISDIR(os.fstat(descriptor).st_mode)])
        real_sync(descriptor)

    def replace(source: str, target: str) -> None:
        steps.append("rename")
        assert Path(source).read_bytes() == b"new"
        assert Path(source).parent == Path(target).parent
        assert mode_of(Path(source)) == 0o600
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    files.write(str(place / "file"), b"new")
    assert steps == ["sync file", "rename", "sync directory"]


FAILURES = [
    (errno.ENOSPC, StorageFull),
    (errno.EDQUOT, StorageFull),
    (errno.EIO, StoreUnreachable),
    (errno.EROFS, StoreUnreachable),
    (errno.EACCES, HomeDamaged),
]


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize(("number", "error"), FAILURES)
def test_a_failure_before_the_rename_leaves_the_old_bytes_and_no_litter(
    place: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, error: type[SosError]
) -> None:
    path = place / "file"
    files.write(str(path), b"old")

    def fail(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(error) as raised:
            files.write(str(path), b"new")
    assert isinstance(raised.value.__cause__, OSError)
    assert type(raised.value) is error
    assert path.read_bytes() == b"old"
    assert os.listdir(place) == ["file"]


def test_no_reader_ever_sees_half_a_file(place: Path) -> None:
    path = str(place / "file")
    size, over = 1 << 17, threading.Event()
    files.write(path, b"0" * size)
    seen: set[bytes] = set()

    def watch() -> None:
        while not over.is_set():
            seen.add(bytes(files.read(path) or b"absent"))

    reader = threading.Thread(target=watch)
    reader.start()
    for number in range(60):
        files.write(path, b"%d" % (number % 10) * size)
    over.set()
    reader.join()
    assert all(len(data) == size and len(set(data)) == 1 for data in seen)


def test_writing_over_a_link_replaces_the_link_and_spares_its_target(place: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (place / "file").symlink_to(victim)
    files.write(str(place / "file"), b"new")
    assert victim.read_bytes() == b"mine"
    assert not (place / "file").is_symlink()


def test_an_absent_file_is_none_and_a_removed_one_is_removed(place: Path) -> None:
    path = str(place / "file")
    assert files.read(path) is None
    files.remove(path)
    files.write(path, b"x")
    files.remove(path)
    assert os.listdir(place) == []
    with pytest.raises(HomeDamaged):
        files.remove(f"{place}/.")


@pytest.mark.parametrize("mode", [0o601, 0o604, 0o640, 0o620, 0o666])
def test_a_file_that_others_may_use_is_refused_with_the_command(place: Path, mode: int) -> None:
    path = place / "file"
    files.write(str(path), b"secret")
    path.chmod(mode)
    with pytest.raises(HomeNotPrivate) as refused:
        files.read(str(path))
    assert refused.value.next_step == f"chmod 600 {path}"


def test_a_link_a_directory_and_a_giant_are_not_read(place: Path) -> None:
    files.write(str(place / "file"), b"x" * 100)
    (place / "link").symlink_to(place / "file")
    with pytest.raises(HomeNotPrivate, match="symbolic link"):
        files.read(str(place / "link"))
    with pytest.raises(HomeDamaged):
        files.read(str(place))
    assert files.read(str(place / "file"), limit=100) == b"x" * 100
    with pytest.raises(HomeDamaged, match="larger than 99"):
        files.read(str(place / "file"), limit=99)


# --- locks ------------------------------------------------------------------------------------------------------------

HOLD = "import sys; sys.path.append({source!r}); from sos.files import Lock; lock = Lock({path!r}, 5); "
HOLD += "assert lock.acquire(); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    code = HOLD.format(source=SOURCE, path=str(place / "lock"))
    child = subprocess.Popen([sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def in_thread(call: Callable[[], object]) -> object:
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    thread.join()
    return answers[0]


def here(call: Callable[[], object]) -> object:
    return call()


BOTH = pytest.mark.parametrize("run", [here, in_thread], ids=["main thread", "other thread"])


@BOTH
@pytest.mark.parametrize("seconds", [0, 0.15])
@pytest.mark.usefixtures("holder")
def test_a_lock_held_by_another_process_is_given_up_at_the_deadline(
    place: Path, run: Callable[[Callable[[], object]], object], seconds: float
) -> None:
    lock = files.Lock(str(place / "lock"), seconds)
    descriptors = len(os.listdir("/dev/fd"))
    begun = time.monotonic()
    assert run(lock.acquire) is False
    assert seconds <= time.monotonic() - begun < seconds + 2
    assert len(os.listdir("/dev/fd")) == descriptors


@pytest.mark.usefixtures("holder")
def test_a_lock_that_is_not_had_in_time_says_who_to_look_for(place: Path) -> None:
    with pytest.raises(StoreUnreachable, match=r"locked for 0\.05 s") as refused, files.Lock(str(place / "lock"), 0.05):
        pytest.fail("two processes hold one lock")
    assert "ps -eo" in refused.value.next_step


@BOTH
def test_a_lock_is_had_as_soon_as_its_holder_dies(
    place: Path, holder: subprocess.Popen[str], run: Callable[[Callable[[], object]], object]
) -> None:
    lock = files.Lock(str(place / "lock"), 30)
    killer = threading.Timer(0.05, holder.kill)
    killer.start()
    begun = time.monotonic()
    assert run(lock.acquire) is True
    assert time.monotonic() - begun < 10
    killer.join()
    lock.release()


def test_a_lock_is_given_back_and_its_file_stays(place: Path) -> None:
    path = place / "lock"
    for _ in range(3):
        with files.Lock(str(path), 0), pytest.raises(StoreUnreachable), files.Lock(str(path), 0):
            pytest.fail("one lock was taken twice")
    with pytest.raises(ZeroDivisionError), files.Lock(str(path), 0):
        raise ZeroDivisionError
    lock = files.Lock(str(path), 0)
    assert lock.acquire()
    lock.release()
    lock.release()
    assert mode_of(path) == 0o600


def test_a_lock_is_never_a_link(place: Path) -> None:
    (place / "lock").symlink_to(place / "elsewhere")
    with pytest.raises(HomeDamaged):
        files.Lock(str(place / "lock"), 0).acquire()
    assert not (place / "elsewhere").exists()


ADD = (
    "import sys; sys.path.append({source!r}); from sos import files\n"
    "for _ in range({times}):\n"
    "    with files.Lock({path!r} + '.lock', 30):\n"
    "        files.write({path!r}, b'%d' % (int(files.read({path!r})) + 1))\n"
)


def test_what_processes_share_under_a_lock_is_never_lost(place: Path) -> None:
    path, times = str(place / "count"), 25
    files.write(path, b"0")
    code = ADD.format(source=SOURCE, path=path, times=times)
    children = [subprocess.Popen([sys.executable, "-I", "-c", code]) for _ in range(4)]
    assert [child.wait(50) for child in children] == [0] * 4
    assert files.read(path) == b"%d" % (4 * times)
