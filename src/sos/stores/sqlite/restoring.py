"""Putting a copy in the place of a store: looked through first, and the old one moved aside with its log, under its lock."""

from __future__ import annotations

import os
import shutil
import sys

from sos import files
from sos.files import Lock
from sos.model.errors import Conflict, NotFound
from sos.model.record import Record
from sos.model.times import Millis
from sos.stores.sqlite.database import LINES, LOCK_SECONDS, Database

ENDINGS = ("", "-wal", "-shm")
"""What SQLite keeps of one database. A copy beside the log of another is damaged at once."""


class Copy(Record):
    """What a sound copy holds."""

    agents: int
    messages: int
    #: When the newest of these was sent; None where there is none.
    newest: Millis | None


class Restored(Record):
    """What was put back, and where the old store is now; nowhere where there was none."""

    copy: Copy
    aside: tuple[str, ...]


def restore(source: str, path: str, stamp: str) -> Restored:
    """Put a copy at `path`, with a history of its own. `stamp`: the end of the old one's new name.

    Raises NotFound, StoreDamaged where the copy is not sound, Conflict where the store is in use, StoreUnreachable, StorageFull.
    """
    if not os.path.isfile(source) or os.path.realpath(source) == os.path.realpath(path):
        raise NotFound(f"{source} is no copy of a store", next_step="sos backup list")
    room = files.private_directory(f"{path}.restoring-{os.getpid()}")
    try:
        copy = _prepared(source, os.path.join(room, "sos.db"))
        with Lock(f"{path}.lock", LOCK_SECONDS, LINES):
            held = holders(path)
            if held:
                said = ", ".join(map(str, held))
                step = f"stop them (ps -p {','.join(map(str, held))}), then restore again"
                raise Conflict(f"the store is in use by the processes {said}", next_step=step)
            aside = _swap(os.path.join(room, "sos.db"), path, stamp)
    except OSError as error:
        raise files.translated(error, str(error.filename or path)) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return Restored(copy=copy, aside=tuple(aside))


def look(source: str, room: str) -> Copy:
    """What a copy holds, looked through in a directory of ours: the copy itself is left as it is. Raises as `restore` does."""
    if not os.path.isfile(source):
        raise NotFound(f"{source} is no copy of a store", next_step="sos backup list")
    place = files.private_directory(f"{room}.looking-{os.getpid()}")
    try:
        return _prepared(source, os.path.join(place, "sos.db"))
    except OSError as error:
        raise files.translated(error, str(error.filename or source)) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _prepared(source: str, path: str) -> Copy:
    """Copy it, with its log where it has one; look through all of it, and give it a history of its own."""
    for ending in ("", "-wal"):
        if os.path.isfile(source + ending):
            shutil.copyfile(source + ending, path + ending)
            os.chmod(path + ending, 0o600)
    database = Database(path)
    try:
        database.open(create=False)
        database.check()
        with database.write():
            # Whoever finds this history later must see that it is not the one that went on.
            database.read("UPDATE meta SET value = ? WHERE key = 'epoch'", (os.urandom(8).hex(),))
        agents = database.read("SELECT count(*) FROM agent")[0][0]
        messages, newest = database.read("SELECT count(*), max(sent_at) FROM message")[0]
        database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
    _sync(path)
    return Copy(agents=int(agents), messages=int(messages), newest=None if newest is None else Millis(int(newest)))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(made: str, path: str, stamp: str) -> list[str]:
    """Move the old one aside, its log first: between two steps there is no store, and never one with a foreign log."""
    aside: list[str] = []
    for ending in reversed(ENDINGS):
        if os.path.lexists(path + ending):
            target = f"{path}.aside-{stamp}{ending}"
            os.rename(path + ending, target)
            aside.insert(0, target)
    os.rename(made, path)
    files.sync_directory(os.path.dirname(path))
    return aside


def holders(path: str) -> list[int]:
    """Processes that have the store open, as far as Linux shows them to us: they would go on with the file moved aside."""
    if sys.platform != "linux":
        return []
    names, found = {os.path.realpath(path) + ending for ending in ENDINGS}, []
    for process in filter(str.isdigit, os.listdir("/proc")):
        folder = f"/proc/{process}/fd"
        try:
            if any(_target(f"{folder}/{each}") in names for each in os.listdir(folder)):
                found.append(int(process))
        except OSError:
            continue  # it has ended, or is another user's
    return sorted(each for each in found if each != os.getpid())


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
