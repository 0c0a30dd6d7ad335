"""An outage of the bus: whoever runs the agent hears of it once, however many threads meet it and however long it lasts."""

from __future__ import annotations

import threading
import time

from sos.model.errors import SosError, StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_SECONDS = 60.0
"""After so long without a failure the next one is of another outage: twice the longest rest between two tries."""


class Outage:
    """Trouble with the bus, told to `failed`: away or full once for each outage and code, anything else each time."""

    def __init__(self, failed: Callable[[SosError], None]) -> None:
        self._failed = failed
        self._lock = threading.Lock()
        #: By code: when it was met last, on the monotonic clock.
        self._met: dict[str, float] = {}

    def met(self, error: SosError) -> None:
        """A call has failed with this."""
        now = time.monotonic()
        with self._lock:
            before = self._met.get(error.code)
            self._met[error.code] = now
        if not isinstance(error, StoreUnreachable) or before is None or now - before > QUIET_SECONDS:
            self._failed(error)
