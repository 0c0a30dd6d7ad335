"""The sentinel inside a server: a round every 30 seconds over all of its agents, by what the store alone knows, in a thread."""

from __future__ import annotations

import threading

from sos.model.errors import SosError
from sos.model.times import SECOND
from sos.server import log
from sos.wiring import sentinel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.times import Millis
    from sos.ports import Clock
    from sos.server.metrics import Metrics
    from sos.wiring.sentinel import Round


SHARE = 0.01
"""Of the time, what rounds may take at most: requests come first."""


class Sentinel:
    """Begins with `start`, ends with `stop`. `look`: a round, by its lag and since when it is awake; `every`: seconds between.

    Of the processes that serve from one SOS_HOME one looks: the one that has its lock.
    """

    def __init__(
        self,
        root: str,
        look: Callable[[int, Millis], Round],
        clock: Clock,
        metrics: Metrics,
        every: float = sentinel.EVERY / SECOND,
    ) -> None:
        self._root = root
        self._look = look
        self._clock = clock
        self._metrics = metrics
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sos-sentinel", daemon=True)

    def start(self) -> None:
        """Begin, with a round."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the round that it is at."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        pace = sentinel.Pace(self._clock, self._every, SHARE)
        lock = None
        while not self._ended.is_set():
            late = pace.late()
            try:
                lock = lock or sentinel.lock(self._root)
                if lock.acquire():
                    self._say(self._look(late, pace.awake))
            except SosError as error:
                log.say("cannot_judge", error=error.code, message=error.message)
            self._ended.wait(pace.rest())
        if lock is not None:
            lock.close()

    def _say(self, found: Round) -> None:
        for telling in found.told:
            log.say("hearing", agent=telling.about, told=telling.to, message=telling.text)
        for failure in found.failures:
            log.say("cannot_tell", message=failure)
        self._metrics.deaf(len(found.cases))
