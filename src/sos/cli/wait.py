"""Wait until mail comes. Without --line it ends with 0 when there is some, with 1 after --timeout.

With --line it stays and prints a line without any peer text each time, for a runtime's monitor: none while the session works (its
hooks show the mail then), none for broadcasts, and only for whom, as often and when `sos connect --wake --every --quiet` say.
"""

from __future__ import annotations

import os
import time

from sos.cli import output
from sos.model.errors import SosError, StoreUnreachable
from sos.model.times import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.ports.connection import Connection

EXAMPLE = "sos wait --timeout 10m"
SWEEP = 15.0
"""Seconds after which the store is looked at without a ring."""
BUSY = 2.0
AWAY = 1.0
"""Seconds before a bus that does not answer is asked again."""
SECOND = 0.9
"""Seconds within which a deadline is noticed, a little less than is promised."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos wait`."""
    parser.add_argument("--line", action="store_true", help="stay, and print a line whenever mail comes")
    parser.add_argument("--timeout", metavar="SPAN", help="give up after this duration (default: never)")


def run(command: Command) -> int:
    """Wait."""
    if command.arguments.line:
        return _lines(command)
    connection = command.connect()
    span = command.arguments.timeout
    ends = time.monotonic() + (parse_duration(span) / 1000 if span else float("inf"))
    away = False
    while True:
        left = ends - time.monotonic()
        if command.has_moved():
            connection = command.connect()
        try:
            unread = connection.count("unread")
            if unread or left <= 0:
                command.out(f"{unread} unread", {"id": connection.me.slug, "unread": unread})
                return 0 if unread else 1
            connection.wait(min(left, SWEEP))
            command.renew()
            away = False
        except StoreUnreachable as error:
            if left <= 0:
                raise
            if not away:
                command.remark(f"sos: {error.message}; still waiting")
            away = True
            time.sleep(min(left, AWAY))


def _lines(command: Command) -> int:
    connection = _bound(command)
    if connection is None:
        return 0  # an unbound session is left in peace
    parent, told = os.getppid(), 0
    while os.getppid() == parent and _lives(command.settings.session_pid):
        if command.has_moved():
            connection, told = command.connect(), 0
        try:
            told = _line(connection, told)
            command.renew()
        except StoreUnreachable:
            time.sleep(AWAY)  # the hook says so; this one must be there when the bus is back
    return 0


def _line(connection: Connection, told: int) -> int:
    """One round: rest, or print a line. The newest number that was told; `told` is the one before."""
    connection.tick()
    myself = connection.myself()
    attention, body = myself.agent.attention, myself.body
    waiting = [entry for entry in connection.inbox("unread", 64) if attention.wakes(entry.delivery.rank)]
    newest = max((entry.message.seq for entry in waiting), default=0)
    if newest <= told and connection.count("unread"):
        _sleep(connection, BUSY)  # a wait for rings would end at once, for what was told already or wakes nobody
    elif newest <= told:
        connection.wait(SWEEP)
    elif (body is not None and (not body.holder or body.presence == "working")) or attention.is_quiet(_minute()):
        _sleep(connection, BUSY)
    else:
        count = len(waiting)
        output.answer(f"{count} unread {'message' if count == 1 else 'messages'} for {connection.me.slug}: sos inbox")
        told = newest
        _sleep(connection, attention.every / 1000)
    return told


def _sleep(connection: Connection, seconds: float) -> None:
    """Rest without an ear for rings; what time makes due is still done within a second. An outage does not cut the rest short."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, SECOND))
        try:
            connection.tick()
        except StoreUnreachable:
            continue  # what is due is made good by the first tick after it


def _lives(process: int | None) -> bool:
    """Whether the runtime is still there: a shell between it and us may outlive it."""
    try:
        os.kill(process or os.getpid(), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _minute() -> int:
    """The minute of the day, local time."""
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min


def _bound(command: Command) -> Connection | None:
    """The session's connection; the monitor may start before the session's own hook has recorded it."""
    for _ in range(20):
        try:
            return command.connect()
        except SosError:
            time.sleep(0.5)
    return None
