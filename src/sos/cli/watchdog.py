"""Look how full the disks are that SOS lives on (bytes and inodes), and alert where that has become better or worse.

Warning at 90 %, critical at 95 %, over below 85 %. An alert is printed, written to the log of SOS_HOME, and shown to each agent
of this machine at its next prompt, once. Ends with 1 where anything is not well; `status` also where the last look is long ago.
"""

from __future__ import annotations

from sos.cli import services
from sos.core.readiness import shell_word
from sos.model.errors import InvalidInput, NotFound
from sos.model.times import MINUTE, SECOND, ago, iso, left
from sos.recovery import ballast, disk, watchdog
from sos.recovery.consumers import consumers
from sos.wiring import units
from sos.wiring import watchdog as wiring
from sos.wiring.local import SystemClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sos.cli.command import Command
    from sos.model.times import Millis
    from sos.recovery.consumers import Consumers
    from sos.recovery.watchdog import Look, Watched
    from sos.settings import Settings

EXAMPLE = "sos watchdog --once"
UNIT = "sos-watchdog"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos watchdog`."""
    parser.add_argument(
        "what",
        choices=["status", "install", "uninstall"],
        nargs="?",
        help="status: what the last look found, and when it was; install: look every 15 minutes, by systemd or launchd",
    )
    parser.add_argument("--once", action="store_true", help="look now")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    if given.once == (given.what is not None):
        raise InvalidInput("sos watchdog takes --once, status, install or uninstall", next_step=EXAMPLE)
    if given.once:
        return _look(command)
    match given.what:
        case "install":
            return _install(command)
        case "uninstall":
            return services.uninstall(command, UNIT)
    return _status(command)


def _look(command: Command) -> int:
    found = wiring.look(command.settings)
    for alert in found.alerts:
        command.remark(f"sos: {alert}")
    for remark in found.remarks:
        command.remark(f"sos: {remark}")
    went = {system.mount: _consumers(command.settings, system) for system in found.systems if system.level in disk.LIMITS}
    value = {**_form(command.settings, found.systems, found.at), "alerts": list(found.alerts), "remarks": list(found.remarks)}
    value["consumers"] = [each.fields() for taken in went.values() for each in taken.largest]
    closed = value["closed"] = wiring.closed(command.settings)
    command.out("\n".join((*_lines(found, went), *(f"{path} may not be written: sos doctor" for path in closed))), value)
    return 0 if found.level == "ok" and not closed else 1


def _status(command: Command) -> int:
    memory = watchdog.load(command.settings.home)
    if memory is None:
        raise NotFound("the watchdog has not looked here yet", next_step=EXAMPLE)
    age = SystemClock().now() - memory.at
    # A last look that is still to come is of a clock that went back: nobody knows how long ago it was.
    stale = not 0 <= age <= watchdog.STALE
    lines = [_line(system, memory.at) for system in memory.systems]
    lines.append(f"last look: {iso(memory.at)}, {ago(age)} ago")
    unit = units.state(command.settings, UNIT)
    lines.append(services.said(unit, "sos watchdog install"))
    if stale:
        lines.append(f"The watchdog itself does not run: it should look every {watchdog.EVERY // MINUTE} minutes. {EXAMPLE}")
    value = {**_form(command.settings, memory.systems, memory.at), "age_seconds": age // SECOND, "stale": stale}
    value["service"] = services.form(UNIT, unit)
    command.out("\n".join(lines), value)
    return 1 if stale or value["level"] != "ok" else 0


def _install(command: Command) -> int:
    every = watchdog.EVERY // SECOND
    unit = units.of_command(command.settings, UNIT, "SOS, the agent lifeline: disk watchdog", ("watchdog", "--once"), every)
    return services.install(command, unit, f"it looks every {every // 60} minutes")


def _consumers(settings: Settings, system: Watched) -> Consumers:
    return consumers(
        [place for place in wiring.places(settings) if place.name in system.places], by_entries=_lacks_inodes(system)
    )


def _lacks_inodes(system: Watched) -> bool:
    return system.inodes is not None and system.space is not None and system.inodes.percent > system.space.percent


# --- in words -----------------------------------------------------------------------------------------------------


def _lines(found: Look, went: dict[str, Consumers]) -> list[str]:
    critical = [system for system in found.systems if system.level == "critical"]
    lines = []
    if critical:
        work = "mend the disk" if all(system.read_only for system in critical) else "free space"
        lines.append(f"Stop debugging the agent: {work} first.")
    lines += [_line(system, found.at) for system in found.systems]
    if found.ballast == "released":
        lines.append(f"The ballast is given up: {disk.size(ballast.BYTES)} more, so that commands and configs can be written.")
    for system in found.systems:
        if system.mount in went and not system.read_only:
            lines += _where(system, went[system.mount])
    return lines


def _line(system: Watched, now: Millis) -> str:
    remaining = disk.time_to_full(system.samples, SystemClock().now()) if system.space is not None else None
    full = f"; full in {left(remaining)} at this rate" if remaining is not None else ""
    since = f", since {iso(system.since)}" if system.level != "ok" and system.since != now else ""
    return f"{system.level:<9} {system.mount}  {system.reason}{full}  ({', '.join(system.places)}){since}"


def _where(system: Watched, taken: Consumers) -> list[str]:
    inodes = _lacks_inodes(system)
    whole = system.inodes if inodes else system.space
    of = "" if whole is None else f" of {_many(whole.used, inodes)} used"
    found = taken.entries if inodes else taken.bytes
    lines = [f"Where it went, of the places that SOS knows on {system.mount} ({_many(found, inodes)}{of}):"]
    for each in taken.largest:
        lines.append(f"  {_many(each.entries if inodes else each.bytes, inodes):>16}  {each.path}")
    lines += [f"  not finished: the time was over in {folder}" for folder in taken.stopped]
    if taken.closed:
        lines.append(f"  not seen: {taken.closed} directories that could not be read")
    count, order = ("--inodes", "-n") if inodes else ("-h", "-h")
    lines.append(f"To see more: du -x {count} -d 2 {shell_word(system.mount)} 2>/dev/null | sort {order} | tail -n 30")
    return lines


def _many(count: int, inodes: bool) -> str:
    return f"{count:,} inodes" if inodes else disk.size(count)


# --- as JSON ------------------------------------------------------------------------------------------------------


def _form(settings: Settings, systems: Sequence[Watched], at: Millis) -> dict[str, object]:
    return {
        "level": disk.worst(system.level for system in systems),
        "at": iso(at),
        "file_systems": [_system(system) for system in systems],
        "ballast": ballast.held(settings.home),
    }


def _system(system: Watched) -> dict[str, object]:
    remaining = disk.time_to_full(system.samples, SystemClock().now())
    return {
        "id": system.mount,
        "places": list(system.places),
        "level": system.level,
        "since": iso(system.since),
        "reason": system.reason,
        "bytes": None if system.space is None else {**system.space.fields(), "percent": system.space.percent},
        "inodes": None if system.inodes is None else {**system.inodes.fields(), "percent": system.inodes.percent},
        "read_only": system.read_only,
        "full_in_seconds": None if remaining is None else remaining // 1000,
    }
