"""Group commit: the sends of many threads, or many sends of one, reach the disk together.

A durable commit costs one sync of the disk however much is in it. So a thread of its own takes whatever has been submitted since
its last commit and commits that as one transaction.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

from sos.model.errors import StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.model.parcels import Parcel, Posted

    #: Posts parcels in one transaction; for each what became of it. Raises where the whole transaction failed.
    PostEach = Callable[[Sequence[Parcel]], list[Posted | Exception]]

MAX_GROUP = 512
"""Parcels in one transaction: other processes wait for the lock meanwhile (some 15 ms)."""
MAX_WAITING = 10_000
"""Parcels that may wait for a commit; who submits more waits for room."""


class Group:
    """Runs from the first submit until `close`."""

    def __init__(self, post_each: PostEach) -> None:
        self._post_each = post_each
        self._changed = threading.Condition()
        self._waiting: list[tuple[Parcel, Future[Posted]]] = []
        self._closed = False
        self._committing = False
        self._thread = threading.Thread(target=self._run, name="sos-group-commit", daemon=True)
        self._thread.start()

    def submit(self, parcel: Parcel) -> Future[Posted]:
        """Have a parcel posted with others; the future ends when it is on the disk, or refused. Raises StoreUnreachable."""
        future: Future[Posted] = Future()
        with self._changed:
            while len(self._waiting) >= MAX_WAITING and not self._closed:
                self._changed.wait()
            if self._closed:
                raise StoreUnreachable("the store is closed")
            self._waiting.append((parcel, future))
            if len(self._waiting) == 1:
                self._changed.notify_all()
        return future

    def is_busy(self) -> bool:
        """Whether parcels wait or are being committed: one more costs nothing, and by itself it would cost a sync of the disk."""
        return self._committing or bool(self._waiting)

    def close(self) -> None:
        """Commit what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                taken, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
                self._committing = bool(taken)
                self._changed.notify_all()
            if not taken:
                return
            self._commit(taken)
            self._committing = False

    def _commit(self, taken: list[tuple[Parcel, Future[Posted]]]) -> None:
        outcomes: Sequence[Posted | Exception]
        try:
            outcomes = self._post_each([parcel for parcel, _ in taken])
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it, or they wait for ever
            outcomes = [error] * len(taken)
        for (_, future), outcome in zip(taken, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
