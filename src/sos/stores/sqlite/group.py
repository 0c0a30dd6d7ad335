"""Group commit: sends and ends of handlers, of many threads or many of one, reach the disk together.

A durable commit costs one sync of the disk however much is in it. So a thread of its own takes whatever has been submitted since
its last commit and commits that as one transaction. Each submitted step is taken or refused by itself.

What waits is taken once the transaction has begun, not before: whoever comes while others hold the lock goes along.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

from sos.model.errors import StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from sos.stores.sqlite.batch import Batch

    Made = TypeVar("Made")
    #: Something to do inside a transaction. What it raises, it has left nothing of.
    Step = Callable[[Batch], Made]
    #: Begins a transaction, takes the steps, and does them; for each what became of it. Raises where the whole of it failed.
    DoEach = Callable[[Callable[[], Sequence[Step[Any]]]], Sequence[object]]

MAX_GROUP = 512
"""Steps in one transaction: other processes wait for the lock meanwhile (some 15 ms for as many sends)."""
MAX_WAITING = 10_000
"""Steps that may wait for a commit; who submits more waits for room."""


class Group:
    """Runs from the first submit until `close`."""

    def __init__(self, do_each: DoEach) -> None:
        self._do_each = do_each
        self._changed = threading.Condition()
        self._waiting: list[tuple[Step[Any], Future[Any]]] = []
        self._closed = False
        self._committing = False
        self._several = False
        self._thread = threading.Thread(target=self._run, name="sos-group-commit", daemon=True)
        self._thread.start()

    def submit(self, step: Step[Made]) -> Future[Made]:
        """Have a step done with others; the future ends when it is on the disk, or refused. Raises StoreUnreachable."""
        future: Future[Made] = Future()
        with self._changed:
            while len(self._waiting) >= MAX_WAITING and not self._closed:
                self._changed.wait()
            if self._closed:
                raise StoreUnreachable("the store is closed")
            self._waiting.append((step, future))
            if len(self._waiting) == 1:
                self._changed.notify_all()
        return future

    def is_busy(self) -> bool:
        """Whether steps wait or are being committed, or several were the last time: one more costs nothing, or has company.

        By itself it would cost a sync of the disk, and with a thread that is needed for it alone, a wake more.
        """
        return self._committing or self._several or bool(self._waiting)

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
                if not self._waiting:
                    return
                self._committing = True
            self._commit()
            self._committing = False

    def _take(self) -> list[tuple[Step[Any], Future[Any]]]:
        with self._changed:
            taken, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            self._changed.notify_all()
        return taken

    def _commit(self) -> None:
        taken: list[tuple[Step[Any], Future[Any]]] = []
        outcomes: Sequence[object]

        def take() -> list[Step[Any]]:
            taken.extend(self._take())
            return [step for step, _ in taken]

        try:
            outcomes = self._do_each(take)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it, or they wait for ever
            if not taken:
                take()
            outcomes = [error] * len(taken)
        self._several = len(taken) > 1
        for (_, future), outcome in zip(taken, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
