"""What the watch does for one agent beside handing messages over: rounds in a thread of their own, until they are stopped."""

from __future__ import annotations

import threading

from sos.homes import quiet
from sos.model.errors import SosError
from sos.watch import transports
from sos.watch.notices import BUSY, PAGE, Notices
from sos.watch.sessions import Sessions
from sos.watch.transports import NotTold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.agents import Body
    from sos.ports.connection import Connection
    from sos.settings import Settings
    from sos.watch.rules import Rule

AGAIN = 3.0
"""Seconds before a round that failed is tried again."""


class Rounds:
    """One thread. `say` hears of trouble, each time that it is another one, with an empty text when it is over."""

    def __init__(self, settings: Settings, slug: str, say: Callable[[str], None]) -> None:
        self._sessions = Sessions(settings, slug)
        self._say = say
        self._trouble = ""
        self._stopping = threading.Event()
        # Left behind where it waits for a ring when the watch ends: it holds nothing that others wait for.
        self._thread = threading.Thread(target=self._go, name=f"sos-{type(self).__name__.lower()}-{slug}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more rounds."""
        self._stopping.set()

    def _go(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._round():
                    self._troubled("")
            except SosError as error:
                self._failed()
                self._troubled(f"{error.message}; next: {error.next_step}")
                self._stopping.wait(AGAIN)

    def _troubled(self, trouble: str) -> None:
        if trouble != self._trouble and not self._stopping.is_set():
            self._trouble = trouble
            self._say(trouble)

    def _round(self) -> bool:
        """Go round once; whether nothing is wrong. Raises SosError."""
        raise NotImplementedError

    def _failed(self) -> None:
        """A round ended in trouble."""


class Noticing(Rounds):
    """Tells of what waits by a rule's way."""

    def __init__(self, settings: Settings, rule: Rule, say: Callable[[str], None]) -> None:
        super().__init__(settings, rule.agent, say)
        self._rule = rule
        self._notices: tuple[Connection, Notices] | None = None
        self._untold = False

    def _round(self) -> bool:
        connection = self._sessions.connection()
        if self._notices is None or self._notices[0] is not connection:
            made = Notices(connection, self._sessions.holder, self._tell, lambda: not self._stopping.is_set())
            self._notices = (connection, made)
        self._untold = False
        self._notices[1].round()
        return not self._untold

    def _tell(self, line: str, body: Body | None) -> bool:
        if self._stopping.is_set():
            return False
        try:
            transports.tell(self._rule, line, body)
        except NotTold as error:
            self._untold = True
            self._troubled(f"not told: {error.message}")  # now, and not after the rest
            return False
        return True


class Quieting(Rounds):
    """Keeps the quiet file of an agent behind a server true, while a session of it runs here."""

    def __init__(self, settings: Settings, slug: str, descriptor: int, say: Callable[[str], None]) -> None:
        super().__init__(settings, slug, say)
        self._place = quiet.path(settings.home, slug)
        self._descriptor = descriptor

    def _round(self) -> bool:
        connection = self._sessions.connection()
        body = self._sessions.holder(connection.myself())
        waiting = [] if body is None else connection.inbox("unread", PAGE)
        # As the store itself judges it: what this turn has held back does not ring again in it.
        if body is None or len(waiting) == PAGE or any(entry.message.seq > body.offered for entry in waiting):
            quiet.ring(self._place)
            self._stopping.wait(BUSY)
        elif not self._stopping.is_set():
            quiet.keep(self._place, self._descriptor)
            if waiting:
                self._stopping.wait(BUSY)  # a wait for rings would end at once
            elif connection.wait(quiet.SWEEP):
                quiet.ring(self._place)
        return True

    def stop(self) -> None:
        """Begin no more rounds, and be believed no longer."""
        super().stop()
        quiet.ring(self._place)

    def _failed(self) -> None:
        quiet.ring(self._place)
