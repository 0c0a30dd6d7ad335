"""The doorway to SQLite: one connection, one lock round every write, our own checkpoints, every error translated.

WAL with `synchronous=FULL`: NORMAL lost acknowledged messages at power cuts in 5 of 8 trials, FULL in none. One flock round each
write transaction and each checkpoint: SQLite's own busy handler starved writers (p99 3.1 s with 16 of them, 45 ms with the lock),
and it keeps versions before 3.51.3 clear of their WAL-reset corruption.
"""

from __future__ import annotations

import _thread
import os
import sys

from sos.files import Lock, check_private, private_directory, shipped, translated
from sos.model.errors import Conflict, HomeDamaged, NetworkFileSystem, StorageFull, StoreDamaged, StoreError, StoreUnreachable
from sos.stores.sqlite import schema
from sos.stores.sqlite.binding import sqlite
from sos.stores.sqlite.log import CAP_BYTES, Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    Row = tuple[Any, ...]

LOCK_SECONDS = 5.0
LINES = 4
"""Lines in which writers stand. Not one alone: its first has to wake before it can begin, and the disk idles meanwhile."""
_OPTIONS: dict[str, Any] = {"timeout": 0.25, "isolation_level": None, "check_same_thread": False}
_HERE = os.path.dirname(__file__)
_NETWORK = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs", "lustre"))


def queries(name: str) -> dict[str, str]:
    """The named statements of one .sql file beside this module."""
    parts = shipped(os.path.join(_HERE, "sql", name + ".sql")).decode("utf-8").split("-- name: ")[1:]
    return {title: body for title, _, body in (part.partition("\n") for part in parts)}


class Database:
    """An open database file. Every call may raise StoreUnreachable, StorageFull or StoreDamaged."""

    def __init__(self, path: str, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = path
        self._lock = Lock(path + ".lock", lock_seconds, LINES)  # all writers share it: a file of its own beside the database
        self._mutex = _thread.RLock()
        self._connection: Any = None
        self._log: Log | None = None
        self._writing = 0
        #: Transactions that this connection has committed.
        self.commits = 0
        self._afterwards: list[Callable[[], None]] = []
        self._held: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once the transaction that is open now is committed and the lock given back."""
        self._afterwards.append(action)

    def once_committed(self, action: Callable[[], None]) -> None:
        """Run `action` once the transaction that is open now is committed, and before the lock is given back."""
        self._held.append(action)

    def take_afterwards(self) -> list[Callable[[], None]]:
        """What was to run after the commit, and forget it."""
        taken, self._afterwards = self._afterwards, []
        return taken

    def open(self, *, create: bool) -> None:
        """Open the file and check that it is ours and sound. Raises UpgradeNeeded, StoreDamaged, NetworkFileSystem."""
        folder = private_directory(os.path.dirname(self.path))
        refuse_network(folder)
        if not create and not os.path.exists(self.path):
            raise StoreError(f"there is no store at {self.path}")
        self._connection = self._guarded(self._connect)
        self._log = Log(self.path + "-wal", int(self.read("PRAGMA page_size")[0][0]))
        if create and not self.read("SELECT 1 FROM sqlite_master LIMIT 1"):
            schema.migrate(self)
        try:
            if schema.check(self) < schema.newest():
                schema.migrate(self)
        except StoreError:
            self.close()
            raise

    def _connect(self) -> Any:
        # Closing any descriptor of a file drops all POSIX locks that this process has on it, SQLite's included; another process
        # then truncates the wal-index under us (SIGBUS). So nothing here ever opens the database or its -shm, except to make it.
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            check_private(self.path)
        except OSError as error:
            raise translated(error, self.path) from error
        connection = sqlite.connect(self.path, **_OPTIONS)
        wanted = [("journal_mode", "wal"), ("synchronous", 2), ("wal_autocheckpoint", 0), ("journal_size_limit", CAP_BYTES)]
        if sys.platform == "darwin":
            wanted += [("fullfsync", 1), ("checkpoint_fullfsync", 1)]
        for pragma, value in wanted:
            connection.execute(f"PRAGMA {pragma} = {value}")
            if connection.execute(f"PRAGMA {pragma}").fetchone() != (value,):
                raise StoreError(f"SQLite refuses {pragma} = {value} for {self.path}")
        connection.text_factory = _text
        connection.execute("PRAGMA trusted_schema = 0")
        connection.execute("PRAGMA cell_size_check = 1")
        return connection

    def read(self, sql: str, values: object = ()) -> list[Row]:
        """Run one statement and return its rows. No read transaction outlives the call."""
        with self._mutex:
            if self._connection is None:
                raise StoreUnreachable(f"{self.path} is closed")
            try:
                return self._connection.execute(sql, values).fetchall()  # type: ignore[no-any-return]
            except _FOREIGN as error:
                raise self._translated(error) from error

    def insert(self, sql: str, values: object) -> int | None:
        """Insert one row; its number, or None where a conflict was to do nothing. (`RETURNING` costs a half more, measured.)"""
        with self._mutex:
            try:
                done = self._connection.execute(sql, values)
            except _FOREIGN as error:
                raise self._translated(error) from error
            return int(done.lastrowid) if done.rowcount == 1 else None

    def is_busy(self) -> bool:
        """Whether another thread of this process is in the middle of something here."""
        free = self._mutex.acquire(blocking=False)
        if free:
            self._mutex.release()
        return not free

    def write(self) -> Write:
        """A context in which reads and writes are one durable step, alone among all processes."""
        return Write(self)

    def _guarded(self, action: Any) -> Any:
        try:
            return action()
        except _FOREIGN as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> StoreError:
        if isinstance(error, UnicodeDecodeError):
            return StoreDamaged(f"{self.path}: what SQLite says of it is no text")
        text = str(error)
        if "disk is full" in text:
            return StorageFull(f"no space left for {self.path}")
        if "malformed" in text or "not a database" in text or "no such table" in text:
            return StoreDamaged(f"{self.path}: {text}")
        return StoreUnreachable(f"{self.path}: {text}", next_step=self._way_out(text))

    def _way_out(self, text: str) -> str:
        """What to type where SQLite could not read or write, or has waited for somebody."""
        if "locked" in text or "busy" in text:
            return f"see who holds it: fuser -v {self.path}   (or: lsof {self.path})"
        for place in (os.path.dirname(self.path), self.path, f"{self.path}-wal", f"{self.path}-shm"):
            if os.path.exists(place) and not os.access(place, os.R_OK | os.W_OK):
                return f"chmod u+rw{'x' * os.path.isdir(place)} {place}"
        return "mend the disk or the limit, then try again"

    def try_write(self, seconds: float) -> None:
        """Begin a write and take it back. Raises StoreUnreachable where none can begin within so many seconds, StorageFull."""
        with self._mutex:
            line = Lock(self.path + ".lock", seconds, LINES)
            _hold(line)
            try:
                self.read("BEGIN IMMEDIATE")  # of a file that may only be read SQLite makes a read, and says nothing
                try:
                    self.read("UPDATE meta SET value = value WHERE key = ''")
                finally:
                    self.read("ROLLBACK")
            finally:
                line.close()

    def checkpoint(self) -> None:
        """Move a long log into the file; only ever called under the lock. A reader in the way is not waited for."""
        if self._log is not None and self._log.is_long():
            self.read("PRAGMA wal_checkpoint(PASSIVE)")

    def check(self) -> None:
        """Look through the whole file (about 2 s for each GB). Raises StoreDamaged with the first thing found."""
        found = str(self.read("PRAGMA quick_check(1)")[0][0])
        if found != "ok":
            raise StoreDamaged(f"{self.path}: {found.splitlines()[-1]}")

    def copy(self, path: str) -> int:
        """Write a compact copy of the database to a new file, with an epoch of its own; its bytes. Raises Conflict."""
        if os.path.exists(path):
            raise Conflict(f"{path} exists already", next_step="name another file: sos backup --to PATH")
        self.read("VACUUM INTO ?", (path,))
        os.chmod(path, 0o600)
        copied = self._guarded(lambda: sqlite.connect(path, **_OPTIONS))
        # Whoever finds this history later must see that it is not the one that went on.
        self._guarded(lambda: copied.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (os.urandom(8).hex(),)))
        copied.close()
        return os.path.getsize(path)

    def close(self) -> None:
        """Close under the lock: closing the last connection is a hidden checkpoint."""
        with self._mutex:
            connection, self._connection = self._connection, None
            if self._log is not None:
                self._log.close()
            if connection is not None:
                with self._lock:
                    connection.close()


class Write:
    """One write transaction under the lock. Nested ones join the outer one; an error rolls everything back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outermost = False

    def __enter__(self) -> Self:
        database = self._database
        database._mutex.acquire()  # noqa: SLF001  # the transaction is a part of its database
        try:
            if database._writing == 0:  # noqa: SLF001
                _hold(database._lock)  # noqa: SLF001
                self._outermost = True
                database.read("BEGIN IMMEDIATE")
            database._writing += 1  # noqa: SLF001
        except BaseException:
            if self._outermost:
                database._lock.release()  # noqa: SLF001
            database._mutex.release()  # noqa: SLF001
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        database = self._database
        database._writing -= 1  # noqa: SLF001
        afterwards = []
        try:
            if self._outermost and kind is None:
                self._commit()
            elif self._outermost:
                self._roll_back()
        finally:
            if self._outermost:
                database._lock.release()  # noqa: SLF001
                afterwards = database.take_afterwards()
                database._held.clear()  # noqa: SLF001
            database._mutex.release()  # noqa: SLF001
        if kind is None:
            for action in afterwards:
                action()

    def _commit(self) -> None:
        try:
            self._database.read("COMMIT")
        except StoreError:
            self._roll_back()
            self._write_over()
            raise
        self._database.commits += 1
        for action in self._database._held:  # noqa: SLF001
            action()
        try:
            self._database.checkpoint()
        except StoreError:
            return  # what was committed is durable in the log, and must not look refused; the next writer tries again

    def _write_over(self) -> None:
        """Put something else where a commit has failed in the log.

        When its sync fails, a transaction stands there whole, and Linux calls its pages clean: the next process would take it for
        committed, and no later sync would ever write it. An acknowledged message was lost that way by the next cut of the power.
        """
        try:
            self._database.read("BEGIN IMMEDIATE")
            self._database.read("INSERT OR REPLACE INTO meta (key, value) VALUES ('failed', hex(randomblob(8)))")
            self._database.read("COMMIT")
        except StoreError:
            self._roll_back()  # the disk refuses again: whoever asked hears of the first error

    def _roll_back(self) -> None:
        connection = self._database._connection  # noqa: SLF001
        if connection is not None and connection.in_transaction:
            connection.rollback()


def _hold(lock: Lock) -> None:
    """Take the lock. Where its file refuses, that is the store's trouble, and no home's: what was to be sent is queued."""
    try:
        lock.__enter__()
    except HomeDamaged as error:
        raise StoreUnreachable(error.message, next_step=error.next_step) from error


_FOREIGN = (sqlite.DatabaseError, UnicodeDecodeError)
"""What SQLite's module raises. A changed bit in the schema stands in SQLite's own message, and then that cannot be decoded."""


def _text(data: bytes) -> str:
    # Strict decoding fails the whole statement for one changed bit, and with it every message; the row's seal tells it instead.
    return data.decode("utf-8", "surrogateescape")


def refuse_network(folder: str) -> None:
    """Refuse a folder on a network file system. Raises NetworkFileSystem. Where the system cannot say, it passes."""
    if os.major(os.stat(folder).st_dev):
        return  # it lies on a device of this machine; network file systems have none, and then the mounts tell (0.2 ms)
    kind = file_system(os.path.realpath(folder))
    if kind in _NETWORK:
        raise NetworkFileSystem(f"{folder} is on {kind}, where locks do not hold")


def file_system(folder: str, mounts: str = "/proc/self/mounts") -> str:
    """The type of the file system that holds `folder`, or an empty text where it cannot be told (macOS)."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split(" ") for line in file]
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        point = line[1].replace("\\040", " ")
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, line[2]
    return kind
