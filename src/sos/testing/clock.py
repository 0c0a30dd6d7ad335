"""A clock that only moves when it is told to."""

from __future__ import annotations

from sos.model.times import Millis


class FakeClock:
    """Both times of `ports.Clock`, in step."""

    def __init__(self, start: int = 1_795_000_000_000) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> Millis:
        """Milliseconds since 1970."""
        return Millis(self._now)

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._monotonic

    def tick(self, milliseconds: int) -> Millis:
        """Let time pass; the new time. A negative span sets the wall clock back, as machines do."""
        self._now += milliseconds
        self._monotonic += max(milliseconds, 0) / 1000
        return self.now()
