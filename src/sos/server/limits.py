"""How much one who asks may ask: a bucket of tokens for each, filled at a steady rate (https://en.wikipedia.org/wiki/Token_bucket)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

MOST = 10_000
"""Buckets that are kept: the longest unused go first, and are full again by then, or nearly."""


class Limits:
    """Threads may share it. `rate`: calls a second, 0 for no limit; `burst`: calls at once after a rest."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        #: What was left in each bucket, and when.
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Take one from a bucket; False where it is empty."""
        with self._lock:
            now = self._clock()
            left = self._filled(key, now)
            allowed = self._rate <= 0 or left >= 1
            self._left[key] = (max(left - allowed, 0.0), now)  # also where there is no limit: `knows` asks for it
            self._left.move_to_end(key)
            if len(self._left) > MOST:
                self._left.popitem(last=False)
            return allowed

    def is_empty(self, key: Hashable) -> bool:
        """Whether nothing can be taken from a bucket now."""
        with self._lock:
            return self._rate > 0 and self._filled(key, self._clock()) < 1

    def knows(self, key: Hashable) -> bool:
        """Whether something was taken from a bucket lately."""
        with self._lock:
            return key in self._left

    def _filled(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate)
