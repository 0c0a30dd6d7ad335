"""Sends of many threads, or many sends of one, go to the server together, and the next of them before the last are answered.

A server syncs its log once for whatever it was sent meanwhile, so what is in flight shares the wait for the disk. One thread
takes what was submitted, sends it as one step, and prepares the next while the server works. All go down one connection: they are
stored in the order of their submission.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from sos.model.errors import SosError, StoreUnreachable
from sos.stores.redis.server import LINE_ERRORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.model.parcels import Parcel, Posted
    from sos.stores.redis.posting import Post
    from sos.stores.redis.server import Line, Server
    from sos.stores.redis.step import Step, Steps

    Waiting = tuple[Parcel, Future[Posted]]

MAX_GROUP = 512
"""Parcels in one step: the server does nothing else meanwhile (some 20 ms)."""
MAX_TEXTS = 1 << 20
"""Characters of all their texts together."""
MAX_WAITING = 10_000
"""Parcels that may wait; who submits more waits for room."""
ON_THE_WAY = 2
"""Steps that were sent and not answered."""


class Group:
    """Runs from the first submit until `close`. `put` adds a parcel to a step, `after` is told what was stored."""

    def __init__(
        self, server: Server, steps: Steps, put: Callable[[Parcel, Step], Post], after: Callable[[Sequence[Posted]], None]
    ) -> None:
        self._server = server
        self._steps = steps
        self._put = put
        self._after = after
        self._changed = threading.Condition()
        self._waiting: list[Waiting] = []
        self._closed = False
        self._line: Line | None = None
        #: What was sent and not answered: the step, whose it is, and when it was sent.
        self._flying: list[tuple[Step, list[Waiting], float]] = []
        self._thread = threading.Thread(target=self._run, name="sos-redis-group", daemon=True)
        self._thread.start()

    def submit(self, parcel: Parcel) -> Future[Posted]:
        """Have a parcel posted with others; the future ends when it is durable, or refused. Raises StoreUnreachable."""
        future: Future[Posted] = Future()
        with self._changed:
            while len(self._waiting) >= MAX_WAITING and not self._closed:
                self._changed.wait()
            if self._closed:
                raise StoreUnreachable("the store is closed")
            self._waiting.append((parcel, future))
            if len(self._waiting) == 1:  # the thread waits for nothing else
                self._changed.notify_all()
        return future

    def close(self) -> None:
        """Store what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._flying and not self._closed:
                    self._changed.wait()
                taken = _together(self._waiting)
                del self._waiting[: len(taken)]
                over = self._closed and not taken and not self._flying
                self._changed.notify_all()
            if over:
                break
            try:
                self._go_on(taken)
            except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it, or they wait for ever
                self._fail(taken, error)
        self._hang_up()

    def _go_on(self, taken: list[Waiting]) -> None:
        """Send what was taken, if anything; take an answer where enough is on its way, or there is nothing else to do."""
        if taken and taken[0][0].draft.in_reply_to is not None:
            self._answer_all()
            self._by_itself(taken[0])
        elif taken:
            self._send(taken)
        if self._flying and (not taken or len(self._flying) >= ON_THE_WAY):
            self._answer()

    def _send(self, taken: list[Waiting]) -> None:
        if self._line is not None and self._line.is_astray:
            self._answer_all()
            self._hang_up()
        step = self._steps.new(each=True)
        for parcel, _ in taken:
            self._put(parcel, step)
        self._flying.append((step, taken, time.monotonic()))
        try:
            if self._line is None:
                self._line = self._server.line()
            self._line.send(step.words())
        except LINE_ERRORS:
            self._again()

    def _answer_all(self) -> None:
        while self._flying:
            self._answer()

    def _answer(self) -> None:
        step, taken, _ = self._flying[0]
        try:
            if self._line is None:
                raise StoreUnreachable("the connection is gone")
            step.settle(self._line.receive(), unsure=False)
        except (*LINE_ERRORS, StoreUnreachable):
            self._again()
            return
        del self._flying[0]
        self._tell(step, taken)

    def _again(self) -> None:
        """The connection is of no more use: what was on its way is done again in its order, as one call each."""
        self._hang_up()
        flying, self._flying = self._flying, []
        for step, taken, begun in flying:
            try:
                with self._server.call(begun):
                    step.commit(unsure=True)
            except SosError as error:
                self._fail(taken, error)
            else:
                self._tell(step, taken)

    def _by_itself(self, waiting: Waiting) -> None:
        """A reply reads what it answers first, and changes it only if it is itself taken."""
        parcel, future = waiting
        try:
            post = self._steps.run(lambda step: self._put(parcel, step))
            future.set_result(post.result())
        except SosError as error:
            future.set_exception(error)

    def _tell(self, step: Step, taken: list[Waiting]) -> None:
        for post, (_, future) in zip(step.posts, taken, strict=True):
            if post.error is not None:
                future.set_exception(post.error)
            else:
                future.set_result(post.result())
        self._after([post.posted for post in step.posts if post.posted is not None])

    def _fail(self, taken: list[Waiting], error: Exception) -> None:
        for _, future in taken:
            if not future.done():
                future.set_exception(error)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _together(waiting: list[Waiting]) -> list[Waiting]:
    """What goes next in one step: as much as stands before the next reply, or one reply alone."""
    taken: list[Waiting] = []
    size = 0
    for each in waiting[:MAX_GROUP]:
        size += len(each[0].draft.text)
        if each[0].draft.in_reply_to is not None or size > MAX_TEXTS:
            return taken or [each]
        taken.append(each)
    return taken
