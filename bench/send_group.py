"""Durable sends of one process with many in flight, against one sync of the disk each: futures, batches, blocking threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bench._measure import fdatasync, parcel, place, quantile, say
from sos.model.ids import MessageId
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.transitions import Ack
from sos.stores.sqlite.store import SqliteStore

IN_FLIGHT = 64
SENDS = 6400


def main() -> None:
    """Measure each way in turn, five times, with the disk's own syncs between them."""
    with place() as made:
        store = made.store()
        syncs: list[float] = []
        ways: dict[str, Callable[[SqliteStore], None]] = {"futures": _futures, "batches": _batches, "threads": _threads}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(5):
            for name, way in ways.items():
                syncs += fdatasync(made.folder, 300)
                begun = time.perf_counter()
                way(store)
                rates[name].append(SENDS / (time.perf_counter() - begun))
                _empty(store)
        floor = 1000 / quantile(syncs, 0.5)
        for name, goal in (("futures", 5), ("batches", 5), ("threads", 1.5)):
            rate = sorted(rates[name])[2]
            say(f"{IN_FLIGHT} in flight, {name}", rate / floor, "one fdatasync each", goal, at_least=True)
            print(f"  {rate:,.0f} sends per second")
        store.close()


def _futures(store: SqliteStore) -> None:
    flying = [store.mail.submit(parcel()) for _ in range(IN_FLIGHT)]
    for number in range(SENDS - IN_FLIGHT):
        flying[number % IN_FLIGHT].result()
        flying[number % IN_FLIGHT] = store.mail.submit(parcel())
    for future in flying:
        future.result()


def _batches(store: SqliteStore) -> None:
    for _ in range(SENDS // IN_FLIGHT):
        store.mail.post([parcel() for _ in range(IN_FLIGHT)])


def _threads(store: SqliteStore) -> None:
    def send() -> None:
        for _ in range(SENDS // IN_FLIGHT):
            store.mail.post([parcel()])

    threads = [threading.Thread(target=send) for _ in range(IN_FLIGHT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _empty(store: SqliteStore) -> None:
    while waiting := store.mail.entries(Slug("bb"), "unread", 1000):
        ids: list[MessageId] = [entry.message.id for entry in waiting]
        store.mail.apply(Slug("bb"), [(identifier, Ack(at=Millis(0))) for identifier in ids])


if __name__ == "__main__":
    main()
