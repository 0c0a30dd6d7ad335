"""What time makes due, done when it is due: one thread that rests until the store's next timer."""

from __future__ import annotations

import threading

from sos.model.errors import SosError
from sos.server import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.ports import Clock, Store

REST = 1.0
"""Seconds of the longest rest: a timer that another process sets is met this much late at most."""
AGAIN = 5.0


class Clockwork:
    """Begins with `start`, ends with `stop`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sos-clockwork", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._rest()):
            pass

    def _rest(self) -> float:
        try:
            while self._store.mail.tick(self._clock.now()) and not self._ended.is_set():
                pass
            timer = self._store.mail.next_timer()
        except SosError as error:
            log.say("cannot_tick", error=error.code, message=error.message)
            return AGAIN
        return REST if timer is None else min(max((timer - self._clock.now()) / 1000, 0.001), REST)

    def stop(self) -> None:
        """End, after what it is at."""
        self._ended.set()
        self._thread.join()
