"""How full the file systems are that SOS lives on, and when that is an alarm: the doorway to `statvfs`, and pure judgement."""

from __future__ import annotations

import os
import threading
import time

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Literal

    from sos.model.times import Millis

    Level = Literal["ok", "warning", "critical", "unknown"]
    #: When, bytes free, inodes free (-1 where none are counted).
    Sample = tuple[int, int, int]

MIB, GIB = 1 << 20, 1 << 30
LIMITS: dict[Level, int] = {"critical": 95, "warning": 90}
"""Per cent used at which an alarm begins, as `df` prints it."""
MARGIN = 5
"""Per cent below its limit where an alarm ends: critical below 90, warning below 85. What swings less rings once."""
SMALL, SMALL_FREE = 10 * GIB, 512 * MIB
"""Bytes of a small file system, and those free below which it warns: 95 % of 4 TB is fine, of 8 GB it is not."""
LEAST_FREE = 64 * MIB
"""Bytes free below which any file system is critical: one backup, or the logs of a busy day."""
PLENTY = 50 * GIB
"""Bytes free with which a share of 95 % is a warning and no more."""
RANKS: dict[Level, int] = {"ok": 0, "warning": 1, "unknown": 2, "critical": 3}
"""From good to bad. What cannot be seen is worse than a warning: it may be anything."""
WRITTEN = frozenset(("home", "store"))
"""The places without which SOS cannot work where they cannot be written."""
LOOK_SECONDS = 2.0
"""How long the system may take to answer: a network file system whose server is gone never does."""
FEWEST, SHORTEST, FARTHEST = 4, 30 * 60_000, 30 * 24 * 3600_000
"""Samples, and milliseconds from the first to the last, below which nothing is predicted; and how far ahead it is said."""


class Place(Record):
    """A directory that matters, and what it is to us: home, store, temporary, or the name of a runtime."""

    name: str
    path: str
    #: One that may be missing is left out where it is; one that must be there is unknown then.
    optional: bool = False


class Amount(Record):
    """Bytes or inodes. `free` is what users without privileges may still take."""

    total: int
    used: int
    free: int

    @property
    def percent(self) -> int:
        """As `df` has it: of what users may have, rounded up. What root keeps for itself is not in it."""
        return -(-100 * self.used // (self.used + self.free)) if self.used + self.free else 100


class FileSystem(Record):
    """What was seen of a file system and of the places on it."""

    #: Where it is mounted; of one that could not be seen, the place that was asked about.
    mount: str
    places: tuple[Place, ...]
    #: None where it could not be seen: then `failure` says why.
    space: Amount | None
    #: None where they are not counted, as on btrfs.
    inodes: Amount | None = None
    read_only: bool = False
    failure: str = ""


class Verdict(Record):
    """A level, and why."""

    level: Level
    reason: str


def judge(system: FileSystem, before: Level = "ok") -> Verdict:
    """The level of a file system. `before`: the last level that was known of it (ok, warning or critical).

    An alarm that stands ends MARGIN per cent below its limit, or with half as much again of the bytes for which it began, so
    that neither a swinging value nor the ballast that is given up ends it.
    """
    if system.space is None:
        return Verdict(level="unknown", reason=system.failure)
    if system.read_only and any(place.name in WRITTEN for place in system.places):
        return Verdict(level="critical", reason="it is mounted read-only: nothing can be written")
    levels: tuple[Level, ...] = ("critical", "warning")
    for level in levels:
        reasons = _reasons(system.space, system.inodes, level, held=RANKS[before] >= RANKS[level])
        if reasons:
            return Verdict(level=level, reason="; ".join(reasons) + _also(system))
    return Verdict(level="ok", reason=_space(system.space) + _also(system))


def _reasons(space: Amount, inodes: Amount | None, level: Level, *, held: bool) -> list[str]:
    limit = LIMITS[level] - (MARGIN if held else 0)
    free = space.free * 2 // 3 if held else space.free  # so that it ends with half as much again
    by_share = space.percent >= limit and not (level == "critical" and free > PLENTY)
    reasons = [_space(space)] if by_share or free < _least(level, space.total) else []
    if inodes is not None and inodes.percent >= limit:
        reasons.append(f"{inodes.percent} % of its inodes are used, {inodes.free:,} left")
    return reasons


def _least(level: Level, total: int) -> int:
    """Bytes that must be free. A part of a very small one only: an empty file system is no alarm."""
    if level == "critical":
        return min(LEAST_FREE, total // 4)
    return min(SMALL_FREE, total // 2) if total < SMALL else 0


def _space(space: Amount) -> str:
    return f"{space.percent} % of its space is used, {size(space.free)} left"


def _also(system: FileSystem) -> str:
    return "; it is mounted read-only" if system.read_only else ""


def worst(levels: Iterable[Level]) -> Level:
    """The worst of some levels; ok where there is none."""
    return max(levels, key=RANKS.__getitem__, default="ok")


def size(count: int) -> str:
    """Bytes as people say them: 812 MiB, 1.5 GiB."""
    number, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.1f} {unit}" if number < 10 and unit != "bytes" else f"{number:.0f} {unit}"


def time_to_full(samples: Sequence[Sample], now: Millis) -> int | None:
    """Milliseconds until nothing is left, at the rate of the samples (oldest first); None where that cannot be said.

    A straight line (least squares) through what was seen since the most was free, so that a clean-up begins it anew. Nothing is
    said of what does not fall, of less than half an hour, and beyond 30 days.
    """
    found = [left for column in (1, 2) if (left := _left([(each[0], each[column]) for each in samples], now)) is not None]
    return min(found, default=None)


def _left(points: list[tuple[int, int]], now: Millis) -> int | None:
    most = max((free for _, free in points), default=0)
    begun = max((place for place, (_, free) in enumerate(points) if free == most), default=0)
    points = points[begun:]
    if len(points) < FEWEST or points[-1][0] - points[0][0] < SHORTEST:
        return None
    middle, mean = sum(at for at, _ in points) / len(points), sum(free for _, free in points) / len(points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    slope = sum((at - middle) * (free - mean) for at, free in points) / spread
    if slope >= 0:
        return None
    left = max(int(points[-1][1] / -slope) - max(now - points[-1][0], 0), 0)
    return left if left <= FARTHEST else None


def look_at(
    places: Sequence[Place], *, seconds: float = LOOK_SECONDS, statvfs: Callable[[str], os.statvfs_result] = os.statvfs
) -> list[FileSystem]:
    """The file systems of these places, each once, in their order. What cannot be seen is one of its own, with the reason.

    Each place is asked in a thread, which is left behind where the system does not answer in time. Raises nothing.
    """
    answers: dict[str, FileSystem | None] = {}

    def ask(place: Place) -> None:
        answers[place.name] = _seen(place, statvfs)

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(ends - time.monotonic(), 0))
    late = f"the system did not answer within {seconds:g} s"
    return _grouped([answers.get(place.name, _unseen(place, late)) for place in places])


def _unseen(place: Place, why: str) -> FileSystem:
    return FileSystem(mount=place.path, places=(place,), space=None, failure=why)


def _seen(place: Place, statvfs: Callable[[str], os.statvfs_result]) -> FileSystem | None:
    try:
        found, mount = statvfs(place.path), _mount_of(place.path)
    except FileNotFoundError as error:
        return None if place.optional else _unseen(place, f"{place.path}: {error.strerror}")
    except OSError as error:
        return _unseen(place, f"{place.path}: {error.strerror}")
    if found.f_blocks == 0:
        return _unseen(place, f"{place.path}: the file system does not say how large it is")
    block = found.f_frsize or found.f_bsize
    counted = Amount(total=found.f_files, used=max(found.f_files - found.f_ffree, 0), free=found.f_favail)
    return FileSystem(
        mount=mount,
        places=(place,),
        space=Amount(
            total=found.f_blocks * block, used=max(found.f_blocks - found.f_bfree, 0) * block, free=found.f_bavail * block
        ),
        inodes=counted if found.f_files else None,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def _mount_of(path: str) -> str:
    """Where the file system of a path begins. Its device number will not do: that may be another after a start of the machine."""
    path = os.path.realpath(path)
    device = os.stat(path).st_dev
    while (parent := os.path.dirname(path)) != path and os.stat(parent).st_dev == device:
        path = parent
    return path


def _grouped(found: list[FileSystem | None]) -> list[FileSystem]:
    made: dict[tuple[str, bool, bool], FileSystem] = {}
    for each in found:
        if each is not None:
            # One mounted twice may be read-only at one of its places.
            key = (each.mount, each.read_only, each.space is None)
            made[key] = each if key not in made else made[key].replace(places=made[key].places + each.places)
    return list(made.values())
