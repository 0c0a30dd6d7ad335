"""One look of the disk watchdog: what is kept of each file system between two looks, and what has changed since the last.

Its memory is one small file, so that an alarm rings once also over restarts. Where that file cannot be written, as on the very
disk that is full, the alarm rings at each look: repeating it is better than silence.
"""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import HomeDamaged, SosError, UnreadableJson
from sos.model.record import Record
from sos.model.times import MINUTE, Millis, iso
from sos.recovery import ballast, disk
from sos.recovery.disk import Amount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sos.recovery.disk import FileSystem, Level, Place, Sample, Verdict

EVERY = 15 * MINUTE
"""Milliseconds from one look to the next."""
STALE = 3 * EVERY
"""Milliseconds after which the watchdog itself does not run: two looks are missing."""
SAMPLES = 96
"""What is kept of each file system, for the time until it is full: a day of looks."""
APART = 5 * MINUTE
"""Milliseconds between two samples at least: looks by hand and after failures must not push a day's history out."""
LOCK_SECONDS = 5.0
_BEYOND = 1 << 62
"""No time, and no number of bytes or inodes: what is larger has no form as a date, or as a fraction."""


class Watched(Record):
    """A file system as the last look left it."""

    mount: str
    #: The names of the places on it. By them it is known again: a mount point or a device number may change, home stays home.
    places: tuple[str, ...]
    level: Level
    #: The last level that was known; the same as `level`, unless that is unknown.
    known: Level
    #: Since when it is at this level.
    since: Millis
    reason: str
    space: Amount | None
    inodes: Amount | None
    read_only: bool
    samples: tuple[Sample, ...]
    #: The alert that agents have not been told yet; empty where they have.
    pending: str


class Memory(Record):
    """What is kept from one look to the next."""

    #: When the last look was.
    at: Millis
    systems: tuple[Watched, ...]


class Look(Record):
    """What one look found."""

    at: Millis
    systems: tuple[Watched, ...]
    #: The alerts of this look: one for each file system whose level is another than at the last one.
    alerts: tuple[str, ...]
    #: What was done with the ballast: made, released, or nothing.
    ballast: str
    #: What of the look itself could not be done.
    remarks: tuple[str, ...]

    @property
    def level(self) -> Level:
        """The worst of its file systems."""
        return disk.worst(system.level for system in self.systems)


def path_of(home: str) -> str:
    """The file of the memory. `home` is SOS_HOME."""
    return os.path.join(home, "run", "disk.json")


def lock_of(home: str) -> files.Lock:
    """One look at a time: two at once would both ring."""
    return files.Lock(os.path.join(home, "run", "disk.lock"), LOCK_SECONDS)


def look(home: str, places: Sequence[Place], now: Millis, *, after_failure: bool = False) -> Look:
    """Look at these places, do what is to be done with the ballast, and remember. Raises nothing that the disk can cause.

    Call it under `lock_of`, where that can be had. `after_failure`: a write has just found no room, as also a quota has it that
    is not seen here; then no ballast is made.
    """
    remarks: list[str] = []
    before: tuple[Watched, ...] = ()
    try:
        memory = load(home)
        before = () if memory is None else memory.systems
    except SosError as error:
        remarks.append(f"the watchdog's memory begins anew: {error.message}")
    systems, alerts = step(before, disk.look_at(places), now)
    done = ""
    for system in systems:
        if "home" in system.places:
            # Made only where the last look found all well too: a home for a minute needs none.
            make = not after_failure and system.since < now
            try:
                done = ballast.settle(home, system.level, system.space, make=make)
            except SosError as error:
                remarks.append(f"the ballast: {error.message}")
    found = Look(at=now, systems=systems, alerts=alerts, ballast=done, remarks=tuple(remarks))
    return remember(home, found)


def remember(home: str, found: Look) -> Look:
    """Write down what a look found; the look, with a remark where that could not be done."""
    try:
        files.private_directory(os.path.join(home, "run"))
        files.write(path_of(home), wire.dumps({"at": found.at, "systems": [_plain(each) for each in found.systems]}).encode())
    except SosError as error:
        return found.replace(remarks=(*found.remarks, f"this look could not be written down: {error.message}"))
    return found


def step(before: Sequence[Watched], systems: Sequence[FileSystem], now: Millis) -> tuple[tuple[Watched, ...], tuple[str, ...]]:
    """The file systems as they are now, and an alert for each whose level has changed. What is well at first is no alert."""
    watched, alerts = [], []
    for system in systems:
        last = _last(before, system)
        verdict = disk.judge(system, "ok" if last is None else last.known)
        changed = verdict.level != ("ok" if last is None else last.level)
        alert = _alert(system, verdict, now) if changed else ""
        if alert:
            alerts.append(alert)
        known = verdict.level if verdict.level != "unknown" else "ok" if last is None else last.known
        watched.append(
            Watched(
                mount=system.mount,
                places=tuple(place.name for place in system.places),
                level=verdict.level,
                known=known,
                since=now if last is None or changed else last.since,
                reason=verdict.reason,
                space=system.space,
                inodes=system.inodes,
                read_only=system.read_only,
                samples=_samples(last, system, now),
                pending=alert or ("" if last is None else last.pending),
            )
        )
    return tuple(watched), tuple(alerts)


def _last(before: Sequence[Watched], system: FileSystem) -> Watched | None:
    """What was kept of a file system: of the same mount, else of the one that one of its places was on."""
    names = {place.name for place in system.places}
    found = [each for each in before if names & set(each.places)]
    return next((each for each in found if each.mount == system.mount), found[0] if found else None)


def _alert(system: FileSystem, verdict: Verdict, now: Millis) -> str:
    """The time is in it, for a store keeps the same words once in a month."""
    mount, reason = ascii(system.mount)[1:-1], ascii(verdict.reason)[1:-1]
    if verdict.level == "ok":
        return f"disk: {mount} is well again at {iso(now)}: {reason}."
    if verdict.level == "unknown":
        return f"disk: {mount} cannot be looked at since {iso(now)}: {reason}. More: sos watchdog --once"
    work = "mend the disk" if system.read_only else "free space"
    first = f"Stop debugging, {work} first: " if verdict.level == "critical" else "More: "
    return f"disk: {mount} is {verdict.level} since {iso(now)}: {reason}. {first}sos watchdog --once"


def _samples(last: Watched | None, system: FileSystem, now: Millis) -> tuple[Sample, ...]:
    kept = last.samples if last is not None and last.mount == system.mount else ()
    if kept and kept[-1][0] > now:
        kept = ()  # the clock went back
    if system.space is None or (kept and now - kept[-1][0] < APART):
        return kept
    return (*kept, (now, system.space.free, -1 if system.inodes is None else system.inodes.free))[-SAMPLES:]


# --- the file -----------------------------------------------------------------------------------------------------


def load(home: str) -> Memory | None:
    """What the last look left, or None where there was none. Raises HomeDamaged, HomeNotPrivate."""
    path = path_of(home)
    data = files.read(path)
    if data is None:
        return None
    try:
        made = wire.loads(data)
        return Memory(at=_number(made["at"]), systems=tuple(_watched(each) for each in made["systems"]))
    except (UnreadableJson, KeyError, TypeError, ValueError) as error:
        raise HomeDamaged(f"{path} is no memory of the watchdog", next_step="sos watchdog --once") from error


def _plain(system: Watched) -> dict[str, Any]:
    amounts = {
        name: None if amount is None else amount.fields() for name, amount in (("space", system.space), ("inodes", system.inodes))
    }
    return {**system.fields(), **amounts}


def _watched(given: Any) -> Watched:
    levels = (given["level"], given["known"])
    if not all(level in disk.RANKS for level in levels) or given["known"] == "unknown":
        raise ValueError("no level")
    return Watched(
        mount=_text(given["mount"]),
        places=tuple(map(_text, given["places"])),
        level=given["level"],
        known=given["known"],
        since=_number(given["since"]),
        reason=_text(given["reason"]),
        space=_amount(given["space"]),
        inodes=_amount(given["inodes"]),
        read_only=given["read_only"] is True,
        samples=tuple((_number(at), _number(free), _number(left)) for at, free, left in given["samples"]),
        pending=_text(given["pending"]),
    )


def _amount(given: Any) -> Amount | None:
    return None if given is None else Amount(**{name: _number(given[name]) for name in ("total", "used", "free")})


def _number(given: Any) -> Millis:
    if type(given) is not int or not -1 <= given < _BEYOND:
        raise ValueError("no number")
    return Millis(given)


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("no text")
    return given
