"""Buckets: so many at once, then so many a second, and never more of them than are kept."""

from __future__ import annotations

from sos.server.limits import MOST, Limits


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    limits = Limits(10, 20, clock)
    assert [limits.take("a") for _ in range(22)] == [True] * 20 + [False] * 2
    assert limits.is_empty("a")
    assert not limits.is_empty("b")
    clock.now = 0.55
    assert [limits.take("a") for _ in range(7)] == [True] * 5 + [False] * 2
    clock.now = 1000.0
    assert [limits.take("a") for _ in range(21)] == [True] * 20 + [False]
    assert limits.take("b")


def test_no_rate_is_no_limit_and_the_oldest_buckets_go() -> None:
    free = Limits(0, 0, Clock())
    assert all(free.take("a") for _ in range(1000))
    assert not free.is_empty("a")
    limits = Limits(1, 1, Clock())
    for number in range(MOST + 1):
        assert limits.take(number)
    assert (limits.knows(0), limits.knows(1), limits.knows(MOST)) == (False, True, True)
