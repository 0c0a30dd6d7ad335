"""What an agent at an idle prompt is told when mail waits: how many, and nothing that a peer wrote.

None while its session works (its hooks show the mail then), none for broadcasts, and only for whom, as often and when
`sos connect --wake --every --quiet` say.
"""

from __future__ import annotations

import time

from sos.homes.processes import is_here
from sos.model.agents import is_program
from sos.model.errors import StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.agents import Body, Myself
    from sos.model.times import Millis
    from sos.ports.connection import Connection

SWEEP = 15.0
"""Seconds after which the store is looked at without a ring."""
BUSY = 2.0
SECOND = 0.9
"""Seconds within which a deadline, or the end of the waiting, is noticed; a little less than is promised."""
PAGE = 64


class Notices:
    """Of one session. `tell` gets a line, and says whether it was told; `goes_on` says whether there is somebody to tell.

    `body_of` finds the session among what an agent knows of itself.
    """

    def __init__(
        self,
        connection: Connection,
        body_of: Callable[[Myself], Body | None],
        tell: Callable[[str, Body | None], bool],
        goes_on: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._body_of = body_of
        self._tell = tell
        self._goes_on = goes_on
        #: The newest number that was told.
        self._told = 0

    def round(self) -> None:
        """Rest, or tell. Raises StoreUnreachable."""
        connection = self._connection
        connection.tick()
        myself = connection.myself()
        attention, body = myself.agent.attention, self._body_of(myself)
        waiting = [entry for entry in connection.inbox("unread", PAGE) if attention.wakes(entry.delivery.rank)]
        newest = max((entry.message.seq for entry in waiting), default=0)
        if newest <= self._told and connection.count("unread"):
            self.rest(BUSY)  # a wait for rings would end at once, for what was told already or wakes nobody
        elif newest <= self._told:
            connection.wait(SWEEP)
        elif _must_wait(myself, body, connection.clock.now()) or attention.is_quiet(_minute()):
            self.rest(BUSY)
        else:
            count = len(waiting)
            said = f"{count} unread {'message' if count == 1 else 'messages'} for {connection.me.slug}: sos inbox"
            if self._tell(said, body):
                self._told = newest
            self.rest(attention.every / 1000)

    def rest(self, seconds: float) -> None:
        """Rest without an ear for rings; what time makes due is still done within a second. An outage cuts no rest short."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and self._goes_on():
            time.sleep(min(left, SECOND))
            try:
                self._connection.tick()
            except StoreUnreachable:
                continue  # what is due is made good by the first tick after it


def _must_wait(myself: Myself, body: Body | None, now: Millis) -> bool:
    """Whether telling would disturb: the session works or does not hold the inbox, or a program of the agent's reads it."""
    if any(is_program(each, now) and is_here(each) for each in myself.bodies):
        return True
    return body is not None and (not body.holder or body.presence == "working")


def _minute() -> int:
    """The minute of the day, local time."""
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min
