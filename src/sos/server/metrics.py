"""What the server counts, for Prometheus."""

from __future__ import annotations

import time
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """One process's numbers. `parked`: how many clients wait."""

    def __init__(self, parked: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sos_requests", "Requests by operation and status", ["operation", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "sos_request_seconds", "Time of an operation", ["operation"], registry=self._registry, buckets=_BUCKETS
        )
        Gauge("sos_parked_clients", "Clients that wait for mail", registry=self._registry).set_function(parked)

    def count(self, operation: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(operation, str(status)).inc()

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
