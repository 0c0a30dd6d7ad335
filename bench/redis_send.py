"""Durable sends on Redis (appendfsync always), 50 in flight, against redis-benchmark; and one at a time against a bare client."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench._measure import BODY, parcel, say
from bench._redis import Place, place, populate
from sos.stores.redis.store import RedisStore

IN_FLIGHT = 50
INBOXES = 1000
SENDS = 10_000
ROUNDS = 5


def main() -> None:
    """Five rounds, each way in turn, since a drifting machine drifts for all of them; the medians are compared."""
    with place("--appendonly", "yes", "--appendfsync", "always") as made:
        store = made.store(1)
        populate(store, INBOXES)
        rates: dict[str, list[float]] = {"benchmark": [], "flying": [], "single": [], "bare": []}
        for _ in range(ROUNDS):
            rates["benchmark"].append(made.benchmark(SENDS * 2))
            rates["flying"].append(_rate(SENDS, lambda: _flying(store)))
            rates["single"].append(_rate(SENDS // 10, lambda: _single(store)))
            rates["bare"].append(_rate(SENDS // 10, lambda: _bare(made)))
        middle = {name: sorted(each)[ROUNDS // 2] for name, each in rates.items()}
        say(f"{IN_FLIGHT} in flight", middle["flying"] / middle["benchmark"], "redis-benchmark -c 50 -P 1", 0.5, at_least=True)
        say("one at a time", middle["bare"] / middle["single"], "a bare client's XADD", 1.5)
        say("idempotent sends", middle["single"] / middle["bare"], "plain XADD of the same client", 0.4, at_least=True)
        for name, rate in middle.items():
            print(f"  {name}: {rate:,.0f} per second")
        store.close()


def _rate(count: int, work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def _flying(store: RedisStore) -> None:
    flying = [store.mail.submit(parcel(f"a-{number}")) for number in range(IN_FLIGHT)]
    for number in range(SENDS - IN_FLIGHT):
        flying[number % IN_FLIGHT].result()
        flying[number % IN_FLIGHT] = store.mail.submit(parcel(f"a-{number % INBOXES}"))
    for future in flying:
        future.result()


def _single(store: RedisStore) -> None:
    for number in range(SENDS // 10):
        store.mail.post([parcel(f"a-{number % INBOXES}")])


def _bare(made: Place) -> None:
    client = made.client()
    for number in range(SENDS // 10):
        client.xadd(f"bare:{number % INBOXES}", {"text": BODY})
    client.close()


if __name__ == "__main__":
    main()
