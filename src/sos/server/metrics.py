"""What the server counts, for Prometheus."""

from __future__ import annotations

import time
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sos.model.errors import SosError, StorageFull
from sos.recovery.disk import RANKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sos.recovery.watchdog import Watched

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """One process's numbers. `parked`: how many clients wait."""

    def __init__(self, parked: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sos_requests", "Requests by operation and status", ["operation", "status"], registry=self._registry
        )
        self._errors = Counter("sos_errors", "Operations that failed, by code", ["code"], registry=self._registry)
        self._full: Callable[[], None] | None = None
        self._seconds = Histogram(
            "sos_request_seconds", "Time of an operation", ["operation"], registry=self._registry, buckets=_BUCKETS
        )
        self._level = Gauge(
            "sos_disk_level", "How a file system is: 0 ok, 1 warning, 2 unknown, 3 critical", ["mount"], registry=self._registry
        )
        self._percent = Gauge(
            "sos_disk_used_percent",
            "What is used of its space or inodes, as df has it",
            ["mount", "what"],
            registry=self._registry,
        )
        self._deaf = Gauge(
            "sos_deaf_agents", "Agents that run and hear nothing, by the last round of the sentinel", registry=self._registry
        )
        Gauge("sos_parked_clients", "Clients that wait for mail", registry=self._registry).set_function(parked)

    def count(self, operation: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(operation, str(status)).inc()

    def refused(self, error: SosError) -> None:
        """An operation failed; where it found no room, whoever looks after the disks hears of it."""
        self._errors.labels(error.code).inc()
        if isinstance(error, StorageFull) and self._full is not None:
            self._full()

    def when_full(self, full: Callable[[], None]) -> None:
        """What to call at each write that finds no room."""
        self._full = full

    def disks(self, systems: Sequence[Watched]) -> None:
        """What the watchdog saw. One that is looked at no more, or cannot be seen, has no numbers."""
        self._level.clear()
        self._percent.clear()
        for system in systems:
            self._level.labels(system.mount).set(RANKS[system.level])
            for what, amount in (("space", system.space), ("inodes", system.inodes)):
                if amount is not None:
                    self._percent.labels(system.mount, what).set(amount.percent)

    def deaf(self, count: int) -> None:
        """What the sentinel found."""
        self._deaf.set(count)

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Measure what happens inside; waiting for mail is no work, and not measured."""
        begun = time.perf_counter()
        yield
        if operation != "wait":
            self._seconds.labels(operation).observe(time.perf_counter() - begun)

    def text(self) -> bytes:
        """All of it, in the exposition format."""
        return generate_latest(self._registry)
