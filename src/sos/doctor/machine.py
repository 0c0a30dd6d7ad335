"""The first rung: disk, memory and clock. When the disk is full, everything lies."""

from __future__ import annotations

import os

from sos.doctor.trouble import Looked, found, unwritable
from sos.model.errors import SosError, StorageFull
from sos.model.times import Millis, iso
from sos.recovery import disk, watchdog
from sos.wiring.watchdog import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sos.doctor.trouble import Trouble
    from sos.model.findings import Severity
    from sos.settings import Settings

FULL = "Configs are cut off, databases refuse, agents look broken: whatever else you see may be this."
LITTLE_MEMORY = 5
"""Per cent of memory available below which the kernel may soon end a process: its choice is often the largest, the agent."""
BACK = 120_000
"""Milliseconds that a clock may stand before the newest file of ours: clocks are corrected by small steps."""
MOST_FILES = 256


def look(settings: Settings, now: Millis) -> Looked:
    """Look at the machine. Raises nothing that a machine can cause."""
    well: list[str] = []
    troubles = [*_disks(settings, well), *_home(settings, well), *_memory(well), *_clock(settings, now, well)]
    return Looked(rung="machine", well=tuple(well), troubles=tuple(troubles))


def _disks(settings: Settings, well: list[str]) -> Iterator[Trouble]:
    before = {}
    try:
        memory = watchdog.load(settings.home)
        before = {} if memory is None else {system.places: system for system in memory.systems}
    except SosError:
        pass  # the watchdog's memory says since when, no more; its own command says that it cannot be read
    there = places(settings) if os.path.isdir(settings.home) else [p for p in places(settings) if os.path.isdir(p.path)]
    for system in disk.look_at(there):
        names = tuple(place.name for place in system.places)
        known = before.get(names)
        verdict = disk.judge(system) if known is None else disk.judge(system, known.known)
        told = f"{system.mount} ({', '.join(names)}): {verdict.reason}"
        if verdict.level == "ok":
            well.append(told)
            continue
        since = known.since if known is not None and known.level == verdict.level else None
        severity: Severity = "critical" if verdict.level == "critical" else "warning"
        yield found(severity, f"disk_{verdict.level}", told, FULL, "sos watchdog --once   (where the space went)", since=since)


def _home(settings: Settings, well: list[str]) -> Iterator[Trouble]:
    """Whether our own home can be written, and what all sessions share in it."""
    for place in (settings.home, os.path.join(settings.home, "run")):
        if not os.path.isdir(place):
            continue  # nobody has joined here yet
        trouble = unwritable(place, "What is sent, shown and marked could not be kept.")
        if trouble is None:
            well.append(f"{place} can be written")
            continue
        full = trouble.finding.code == StorageFull.code
        yield trouble.replace(finding=trouble.finding.replace(why=FULL)) if full else trouble
        return


def _memory(well: list[str]) -> Iterator[Trouble]:
    total, available = _available()
    if not total:
        return  # no /proc here
    percent = 100 * available // total
    told = f"{disk.size(available)} of {disk.size(total)} memory available"
    if percent < LITTLE_MEMORY:
        yield found(
            "warning",
            "memory_low",
            told,
            "The kernel may end a process soon, often the largest one: the agent.",
            "ps -eo rss,pid,comm --sort=-rss | head",
        )
    else:
        well.append(told)


def _available() -> tuple[int, int]:
    """Bytes of memory in all, and those that processes can still have: of the machine, or of our control group where less."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in file}
    except OSError:
        return 0, 0
    total, available = kibibytes["MemTotal"] * 1024, kibibytes["MemAvailable"] * 1024
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            most = file.read().strip()
        with open("/sys/fs/cgroup/memory.stat", encoding="ascii") as file:
            stat = dict(line.split() for line in file)
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as file:
            current = int(file.read()) - int(stat["inactive_file"]) - int(stat["active_file"])  # what is cached goes when needed
    except (OSError, KeyError):
        return total, available
    if most.isdigit() and int(most) < total:
        return int(most), min(available, max(int(most) - current, 0))
    return total, available


def _clock(settings: Settings, now: Millis, well: list[str]) -> Iterator[Trouble]:
    newest, path = 0.0, ""
    for place in _written(settings.home):
        try:
            written = os.lstat(place).st_mtime
        except OSError:
            continue  # gone meanwhile
        if written > newest:
            newest, path = written, place
    if newest * 1000 - now > BACK:
        what = f"the clock says {iso(now)}, and {path} was written at {iso(Millis(int(newest * 1000)))}"
        yield found(
            "critical",
            "clock_back",
            what,
            "A wrong clock expires tokens and deadlines, and keeps what is due waiting.",
            "set the clock: timedatectl set-ntp true",
            since=now,
        )
    else:
        well.append(f"the clock says {iso(now)}")


def _written(home: str) -> list[str]:
    """Some files of ours that are written as agents go about their work."""
    found = [os.path.join(home, name) for name in ("bindings.json", "sos.db", "sos.db-wal")]
    for folder in ("run", "agents"):
        try:
            names = os.listdir(os.path.join(home, folder))[:MOST_FILES]
        except OSError:
            continue  # there is none yet
        found += [os.path.join(home, folder, name) for name in names]
    return found
