"""Wait until mail comes. Without --line it ends with 0 when there is some, with 1 after --timeout.

With --line it stays and prints a line without any peer text each time, for a runtime's monitor: none while the session works (its
hooks show the mail then), none for broadcasts, and only for whom, as often and when `sos connect --wake --every --quiet` say.
"""

from __future__ import annotations

import os
import time

from sos.cli import output
from sos.homes.processes import is_alive
from sos.model.errors import SosError, StoreUnreachable
from sos.model.times import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.agents import Body, Myself
    from sos.ports.connection import Connection

EXAMPLE = "sos wait --timeout 10m"
SWEEP = 15.0
"""Seconds after which the store is looked at without a ring."""
AWAY = 1.0
"""Seconds before a bus that does not answer is asked again."""


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
    from sos.watch.notices import Notices

    connection = _bound(command)
    if connection is None:
        return 0  # an unbound session is left in peace
    parent = os.getppid()

    def goes_on() -> bool:
        return os.getppid() == parent and is_alive(command.settings.session_pid or parent)

    def tell(line: str, body: Body | None) -> bool:
        output.answer(line)
        return True

    notices = Notices(connection, _own, tell, goes_on)
    while goes_on():
        if command.has_moved():
            notices = Notices(command.connect(), _own, tell, goes_on)
        try:
            notices.round()
            command.renew()
        except StoreUnreachable:
            time.sleep(AWAY)  # the hook says so; this one must be there when the bus is back
    return 0


def _own(myself: Myself) -> Body | None:
    return myself.body


def _bound(command: Command) -> Connection | None:
    """The session's connection; the monitor may start before the session's own hook has recorded it."""
    for _ in range(20):
        try:
            return command.connect()
        except SosError:
            time.sleep(0.5)
    return None
