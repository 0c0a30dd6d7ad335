"""Mends a runtime's broken config: a plan that only reads, and its execution, which keeps the broken file first.

No key that was complete in the broken bytes, or is in the backup that the plan rests on, is absent afterwards; a plan for which
that cannot be shown is `lost`, and nothing is written.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from contextlib import ExitStack

from sos import files
from sos.model.digests import sha256
from sos.model.errors import Conflict, HomeDamaged, NotFound, RuntimeConfigError, StorageFull
from sos.model.record import Record
from sos.recovery import dialects, masking
from sos.recovery.directorylock import DirectoryLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from sos.model.configs import Config
    from sos.recovery.dialects import Mended, Salvage

    State = Literal["sound", "mendable", "lost"]

LARGEST = 64 << 20
"""Bytes of a file that is looked at."""
MOST_BACKUPS = 50
"""A runtime's backups of one file that are tried, the newest first. Claude Code keeps 5."""
KEPT = 20
"""Broken copies of one file that are kept, the newest."""
PATIENCE = 12.0
"""Seconds that a lock is waited for: one whose holder was killed is nobody's after 10."""
_STAMP = re.compile(r"\.([0-9]{10,})$")


class Plan(Record):
    """What is wrong with a config, and what would be written."""

    config: Config
    #: The file itself, behind all symbolic links.
    target: str
    state: State
    broken: bytes
    mended: bytes = b""
    #: What is wrong, each with its line and column.
    problems: tuple[str, ...] = ()
    #: Keys that had begun and are not saved, as far as they are known.
    unsaved: tuple[str, ...] = ()
    #: The backup that it rests on, and the keys that came from there or from the other side of a conflict.
    base: str | None = None
    added: tuple[str, ...] = ()
    #: Keys with two values, each in one line. Secrets stand as `…` here and in the diff.
    conflicts: tuple[str, ...] = ()
    diff: str = ""


def reason(config: Config) -> str:
    """Why a config does not parse as its runtime reads it; empty where it does. Raises NotFound, RuntimeConfigError."""
    data = _bytes(os.path.realpath(config.path), config.path)
    try:
        _strict(config, data)
    except dialects.Unreadable as error:
        return str(error)
    return ""


def plan(config: Config) -> Plan:
    """Look at a config and plan its repair. Reads alone. Raises NotFound, RuntimeConfigError where it cannot be read."""
    target = os.path.realpath(config.path)
    try:
        data = _bytes(target, config.path)
    except NotFound as error:
        backup = _newest_backup(config)
        if backup is None:
            raise
        step = f"cp -p {shlex.quote(backup[0])} {shlex.quote(config.path)}   (the newest backup that parses)"
        raise NotFound(error.message, next_step=step) from error
    try:
        _strict(config, data)
        return Plan(config=config, target=target, state="sound", broken=data)
    except dialects.Unreadable as error:
        reason = str(error)
    try:
        found = dialects.salvage(data, config.dialect)
    except dialects.Unreadable as error:
        # What is in it is not known, so no backup may take its place.
        return Plan(config=config, target=target, state="lost", broken=data, problems=(str(error),))
    lost = Plan(config=config, target=target, state="lost", broken=data, problems=found.problems or (reason,),
                unsaved=found.unsaved)  # fmt: skip
    base = None if found.whole else _newest_backup(config)
    if base is None and found.read is None:
        return lost
    try:
        made = _made(found, base)
    except dialects.Unreadable as error:
        return lost.replace(problems=(*lost.problems, str(error)))
    if not isinstance(made.value, dict) and config.runtime:
        return lost.replace(problems=(reason,))
    added = frozenset(made.added)
    return lost.replace(
        state="mendable",
        mended=made.data,
        unsaved=tuple(name for name in found.unsaved if name not in added),
        base=None if base is None else base[0],
        added=made.added,
        conflicts=tuple(masking.clash(conflict, config.dialect) for conflict in made.conflicts),
        diff=masking.difference(_shown(data), _shown(made.data), config.dialect),
    )


def _strict(config: Config, data: bytes) -> None:
    """Raises Unreadable where the runtime would not take it: each of those that are known wants an object."""
    if config.empty and not data.strip():
        return
    if not isinstance(dialects.strict(data, config.dialect, bom=config.bom), dict) and config.runtime:
        raise dialects.Unreadable("it is no object")


def _made(found: Salvage, base: tuple[str, bytes, Any] | None) -> Mended:
    """The mended document. Raises Unreadable where a key would be absent, which no rule allows."""
    if found.read is None and base is not None:
        _, data, value = base
        return dialects.Mended(data=data, value=value, added=tuple(value), conflicts=())
    made = dialects.mend(found, None if base is None else base[2])
    for wanted in (found.value, None if base is None else base[2]):
        if not _has_keys(made.value, wanted):
            raise dialects.Unreadable("it cannot be mended without losing a key")
    return made


def _has_keys(value: Any, wanted: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return True
    return all(key in value and _has_keys(value[key], each) for key, each in wanted.items())


def _newest_backup(config: Config) -> tuple[str, bytes, Any] | None:
    """Path, bytes and value of the runtime's newest backup that parses as an object."""
    paths = sorted((path for pattern in config.backups for path in glob.glob(pattern)), key=_age, reverse=True)
    for path in paths[:MOST_BACKUPS]:
        try:
            data = _bytes(path, path)
            value = dialects.strict(data, config.dialect, bom=config.bom)
        except (NotFound, RuntimeConfigError, dialects.Unreadable):
            continue  # an older one may be better
        if isinstance(value, dict):
            return path, data, value
    return None


def _age(path: str) -> float:
    """Milliseconds, by the name of a backup, or where it has none by the file."""
    stamp = _STAMP.search(path)
    try:
        return float(stamp[1]) if stamp else os.stat(path).st_mtime * 1000
    except OSError:
        return 0.0  # gone since it was listed


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _bytes(target: str, path: str) -> bytes:
    try:
        data = files.peek(target, LARGEST + 1)
    except FileNotFoundError as error:
        if os.path.islink(path):
            step = f"ls -la {shlex.quote(path)}; put a file there, or remove the link"
            raise NotFound(f"{path} is a link to {target}, which is not there", next_step=step) from error
        raise NotFound(f"{path} is not there", next_step="sos repair   (all files that are known)") from error
    except OSError as error:
        raise RuntimeConfigError(f"{path}: {error.strerror}", next_step=f"ls -la {shlex.quote(path)}") from error
    if len(data) > LARGEST:
        step = f"look at it, and move it away: mv {shlex.quote(path)} {shlex.quote(path + '.large')}"
        raise RuntimeConfigError(f"{path} is larger than {LARGEST >> 20} MiB", next_step=step)
    return data


def apply(made: Plan, home: str, waiting: Callable[[str], None], seconds: float = PATIENCE) -> str:
    """Write what was planned, under the runtime's lock; the path of the copy of the broken file, below SOS_HOME (`home`).

    The file keeps its mode and owner, a symbolic link stays one; access lists, extended attributes and hard links do not.
    Raises Conflict where the file was changed meanwhile, StoreUnreachable where its lock is held, RuntimeConfigError,
    StorageFull, HomeNotPrivate, HomeDamaged: after each of them the file is as it was. (An error of the disk itself leaves it
    unknown whether the old bytes or the new are there, whole.)
    """
    if made.state != "mendable":
        raise RuntimeConfigError(f"{made.config.path} is {made.state}: there is nothing to write", next_step="sos repair --check")
    path = shlex.quote(made.config.path)
    try:
        with ExitStack() as held:
            run = files.private_directory(os.path.join(home, "run"))
            held.enter_context(files.Lock(os.path.join(run, "repair.lock"), seconds))
            lock = None if made.config.lock is None else held.enter_context(DirectoryLock(made.config.lock, seconds, waiting))
            now = _bytes(made.target, made.config.path)
            if now != made.broken or os.path.realpath(made.config.path) != made.target:
                raise Conflict(f"{made.config.path} was changed meanwhile; nothing was written", next_step=f"sos repair {path}")
            kept = _keep(home, made.target, now)
            if lock is not None:
                lock.still_ours()
            _replace(made.target, made.mended)
    except StorageFull as error:
        raise StorageFull(
            f"{error.message}; nothing was written", next_step=f"free disk space, then: sos repair {path}"
        ) from error
    return kept


def _replace(target: str, data: bytes) -> None:
    folder = shlex.quote(os.path.dirname(target))
    try:
        files.write(target, data, like=os.stat(target))
    except HomeDamaged as error:
        raise RuntimeConfigError(f"{error.message}; nothing was written", next_step=f"ls -la {folder}") from error


def _keep(home: str, target: str, data: bytes) -> str:
    """A copy of the broken file, byte by byte, read back; the oldest copies of the same file make room for it."""
    files.private_directory(home)
    files.private_directory(os.path.join(home, "backups"))
    folder = files.private_directory(os.path.join(home, "backups", "configs"))
    first = f"{os.path.basename(target)[:80]}.{sha256(os.fsencode(target)).hex()[:8]}."
    path = os.path.join(folder, first + sha256(data).hex()[:32])
    others = [entry for entry in os.scandir(folder) if entry.name.startswith(first) and entry.path != path]
    others.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in others[KEPT - 1 :]:
        files.remove(entry.path)
    files.write(path, data)
    if files.read(path, limit=LARGEST) != data:
        raise HomeDamaged(f"{path} does not hold what was written; the config stays as it is", next_step="look at the disk")
    return path
