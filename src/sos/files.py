"""The one way that anything of ours touches a file that matters: atomic, private, locked, with a deadline."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the C module: `signal` loads enum, 3 ms
import errno
import fcntl
import os
import stat
import time

from sos.model.errors import HomeDamaged, HomeNotPrivate, StorageFull, StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
LACKING = _FULL | {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EIO}
"""What the machine lacks, wherever it is met (also while Python loads a module): no defect of ours."""


def private_directory(path: str) -> str:
    """Make `path` (and its parents) if needed, 0700, and check that it is ours alone. Raises HomeNotPrivate, StorageFull."""
    try:
        make_directories(path)
        check_private(path)
    except FileExistsError as error:
        raise HomeDamaged(f"{path} is not a directory") from error
    except OSError as error:
        raise translated(error, path) from error
    return path


def make_directories(path: str, mode: int = 0o700) -> None:
    """Make a directory and the parents that it lacks, all with this mode (`os.makedirs` gives it to the last one only).

    Raises OSError.
    """
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        make_directories(parent, mode)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    # Syncing what is in a directory does not promise that the directory itself is still there after a power cut.
    sync_directory(parent or ".")


def check_private(path: str) -> None:
    """Refuse a file or directory that others can read or that belongs to somebody else. Raises HomeNotPrivate."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise HomeNotPrivate(f"{path} is a symbolic link", next_step=f"remove the link {_word(path)}, or name its target")
    if found.st_uid != os.geteuid():
        raise HomeNotPrivate(f"{path} belongs to another user", next_step="use a home of your own: export SOS_HOME=…")
    if found.st_mode & 0o077:
        wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise HomeNotPrivate(f"{path} can be read by others", next_step=f"chmod {wanted} {_word(path)}")


def _word(path: str) -> str:
    from sos.model.shell import shell_word  # where there is trouble only

    return shell_word(path)


def translated(error: OSError, path: str) -> StorageFull | StoreUnreachable | HomeDamaged:
    """The error of ours for an operating system's error at `path`."""
    if error.errno in _FULL:
        return StorageFull(f"no space left for {path}")
    if error.errno in {errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
        return StoreUnreachable(f"{path}: {error.strerror}", next_step="mend the disk or the limit, then try again")
    if error.errno in {errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.EINVAL}:  # the last: no regular file
        return HomeDamaged(f"{path}: {error.strerror}", next_step=f"move {_word(path)} away, then try again")
    if error.errno in {errno.EACCES, errno.EPERM}:
        place = path
        while not os.path.lexists(place) and os.path.dirname(place) != place:
            place = os.path.dirname(place) or "."
        return HomeDamaged(f"{path}: {error.strerror}", next_step=f"ls -ld {_word(place)}   (it has to be yours, and writable)")
    return HomeDamaged(f"{path}: {error.strerror}")


def write(path: str, data: bytes, mode: int = 0o600, like: os.stat_result | None = None) -> None:
    """Replace a file as one step: temporary file beside it, fsync, rename, fsync of the directory.

    `like`: the file that is replaced, whose mode and owner the new one gets whatever the umask. After a power cut the file holds
    the old bytes or the new ones, whole. An error means *unknown*, not *not written*: the rename may have happened. Raises
    StorageFull, StoreUnreachable, HomeDamaged.
    """
    temporary = f"{path}.{os.getpid()}.{time.monotonic_ns():x}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            if like is not None:
                _make_like(descriptor, like)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        sync_directory(os.path.dirname(path) or ".")
    except OSError as error:
        _remove_quietly(temporary)
        raise translated(error, path) from error


def mark(path: str) -> None:
    """Create an empty file, if it is not there. Not synced: it says something of a process that a power cut ends as well.

    Raises StorageFull, StoreUnreachable, HomeDamaged.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise translated(error, path) from error


def _make_like(descriptor: int, like: os.stat_result) -> None:
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def read(path: str, limit: int = 1 << 20) -> bytes | None:
    """The bytes of a small private file, or None where there is none. Raises HomeNotPrivate, HomeDamaged."""
    try:
        check_private(path)
        # A pipe would be waited for until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translated(error, path) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise HomeDamaged(f"{path} is no regular file", next_step=f"move {_word(path)} away, then try again")
        data = os.read(descriptor, limit + 1)
    except OSError as error:
        raise translated(error, path) from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise HomeDamaged(f"{path} is larger than {limit} bytes", next_step=f"move {_word(path)} away, then try again")
    return data


def in_archive() -> bool:
    """Whether this program runs from one file (recovery/archive.py), which nothing else can start parts of."""
    return not os.path.isfile(__file__)


def shipped(path: str) -> bytes:
    """The bytes of a file that came with the package, also where that is one archive. Raises OSError."""
    if in_archive():
        import zipimport  # on a bad day only

        return zipimport.zipimporter(_archive(path)).get_data(path)
    with open(path, "rb") as file:
        return file.read()


def shipped_names(folder: str) -> list[str]:
    """The names of the files in a folder of the package. Raises OSError."""
    if not in_archive():
        return os.listdir(folder)
    import zipfile

    archive = _archive(folder)
    with zipfile.ZipFile(archive) as opened:
        inside = os.path.relpath(folder, archive) + "/"
        return [name.removeprefix(inside) for name in opened.namelist() if name.startswith(inside)]


def _archive(path: str) -> str:
    while not os.path.isfile(path):
        path = os.path.dirname(path)
    return path


def peek(path: str, limit: int) -> bytes:
    """The first `limit` bytes of a regular file of anybody's, without waiting for who may write into a pipe. Raises OSError."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file", path)
        return file.read(limit)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def remove(path: str) -> None:
    """Remove a file; one that is not there is as good as removed."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise translated(error, path) from error


def clear(path: str) -> None:
    """Remove what killed writes of a file have left beside it. Whoever calls it holds the lock under which it is written.

    Raises StoreUnreachable, HomeDamaged.
    """
    folder, base = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise translated(error, path) from error
    for name in names:
        parts = name.removeprefix(f"{base}.").split(".") if name.startswith(f"{base}.") else []
        if len(parts) == 3 and parts[0].isdigit() and parts[2] == "tmp":
            remove(os.path.join(folder, name))


def sync_directory(path: str) -> None:
    """Make sure that the entries of a directory outlast a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # it was never made, or the disk that refused the write refuses this too


class _TimeOver(BaseException):
    """A lock's deadline came while the kernel held us in its queue."""


class Lock:
    """An exclusive `flock` with a deadline, for what two processes share. The lock is a file of its own, never deleted.

    A stopped holder must not hang others: without a deadline it hung the hook for seconds (measured).
    `lines`: who wants it stands in one of so many lines, and only the first of each is at the lock itself. Giving a lock back
    wakes all who wait for it, and whoever runs first takes it: the slowest 1 % of the sends of 64 writers took 230 ms without
    lines and 100 ms with 4 (measured).
    """

    def __init__(self, path: str, seconds: float, lines: int = 0) -> None:
        self._path = path
        self._seconds = seconds
        self._lines = lines
        self._descriptor = -1

    def __enter__(self) -> Self:
        if not self.acquire():
            raise StoreUnreachable(
                f"{self._path} has been locked for {self._seconds:g} s",
                next_step=f"see who holds it: fuser -v {_word(self._path)}   (stopped ones: ps -eo pid,stat,cmd | grep sos)",
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def acquire(self) -> bool:
        """Take the lock; False where another holds it until the deadline."""
        ends = time.monotonic() + self._seconds
        while True:
            if self._descriptor < 0:
                try:
                    self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                except OSError as error:
                    raise translated(error, self._path) from error
            if not self._take(ends):
                self.close()
                return False
            if os.fstat(self._descriptor).st_nlink > 0:
                return True
            self.close()  # another hand removed the file while we held it open: whoever makes it anew must meet us there

    def _take(self, ends: float) -> bool:
        if self._is_free():
            return True
        if not self._lines:
            return self._one(self._whole, ends)
        if not self._one(self._line, ends):
            return False
        try:
            return self._one(self._whole, ends)
        finally:
            self._line(fcntl.LOCK_UN)

    def _is_free(self) -> bool:
        """Take it, if that can be done at once: as nearly always, and with as little ado as possible."""
        try:
            if not self._lines:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            self._line(fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                self._line(fcntl.LOCK_UN)
        except (BlockingIOError, PermissionError):  # `lockf` may say either
            return False
        return True

    def _whole(self, how: int) -> None:
        fcntl.flock(self._descriptor, how)

    def _line(self, how: int) -> None:
        # A lock of the process, not of the descriptor: it keeps order between processes, and excludes nobody by itself.
        fcntl.lockf(self._descriptor, how, 1, os.getpid() % self._lines)

    def _one(self, lock: Callable[[int], None], ends: float) -> bool:
        left = ends - time.monotonic()
        return left > 0 and self._wait(lock, left)

    def _try(self, lock: Callable[[int], None]) -> bool:
        try:
            lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _wait(self, lock: Callable[[int], None], seconds: float) -> bool:
        """Stand in the kernel's queue until a timer ends it: whoever polls instead starves behind those who stand."""
        waiting = [True]

        def on_alarm(number: int, frame: object) -> None:
            if waiting:
                raise _TimeOver

        try:
            before = _signal.signal(_signal.SIGALRM, on_alarm)
        except ValueError:
            return self._poll(lock, seconds)  # not the main thread: no signal ever comes here
        begun = time.monotonic()
        left, _ = _signal.setitimer(_signal.ITIMER_REAL, seconds)
        try:
            lock(fcntl.LOCK_EX)
            waiting.clear()  # from here on a late alarm changes nothing; one just before it costs us the lock, and we say so
        except _TimeOver:
            return False
        else:
            return True
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 0.001) if left else 0)
            _signal.signal(_signal.SIGALRM, before)

    def _poll(self, lock: Callable[[int], None], seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(0.001)
            if self._try(lock):
                return True
        return False

    def release(self) -> None:
        """Give the lock back and keep its file open for the next time."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock back, if it is held, and let go of its file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
