"""The disk watchdog inside a server: the look that `sos watchdog --once` takes, every 15 minutes, in a thread of its own.

It looks at once where a write has found no room, and then not again for a minute: each sender meets the same full disk.
"""

from __future__ import annotations

import threading
import time

from sos.model.errors import SosError
from sos.model.times import SECOND
from sos.recovery import watchdog
from sos.server import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.recovery.disk import Level
    from sos.recovery.watchdog import Look
    from sos.server.metrics import Metrics


AFTER_FAILURE = 60.0
"""Seconds from one look for a failed write to the next."""


class Watchdog:
    """From `start` to `stop`. `look` is told whether a write has failed; `every`: seconds from one look to the next."""

    def __init__(self, look: Callable[[bool], Look], metrics: Metrics, every: float = watchdog.EVERY / SECOND) -> None:
        self._look = look
        self._metrics = metrics
        self._every = every
        self._levels: dict[str, Level] = {}
        self._ended = False
        self._failed = False
        self._failed_at = -AFTER_FAILURE
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sos-watchdog", daemon=True)

    def start(self) -> None:
        """Begin, with a look."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look that it is at: some seconds, where a file system does not answer."""
        self._ended = True
        self._wanted.set()
        self._thread.join()

    def write_failed(self) -> None:
        """A write has found no room: look now, if that was not done lately."""
        now = time.monotonic()
        if now - self._failed_at >= AFTER_FAILURE:
            self._failed_at = now
            self._failed = True
            self._wanted.set()

    def _run(self) -> None:
        while not self._ended:
            failed, self._failed = self._failed, False
            try:
                self._say(self._look(failed))
            except (SosError, OSError) as error:
                log.say("cannot_look", message=str(error))
            self._wanted.wait(self._every)
            self._wanted.clear()

    def _say(self, found: Look) -> None:
        """Log what has changed since this process looked last: the timer of a user may have rung it already."""
        for system in found.systems:
            if system.level != self._levels.get(system.mount, "ok"):
                log.say("disk", mount=system.mount, level=system.level, places=list(system.places), reason=system.reason)
        for remark in found.remarks:
            log.say("disk_remark", message=remark)
        self._levels = {system.mount: system.level for system in found.systems}
        self._metrics.disks(found.systems)
