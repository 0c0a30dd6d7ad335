"""The receive loop: leases messages, has them handled in order of their senders, and ends each with all that it sent.

One thread receives, one keeps leases, and `concurrency` threads handle. What is leased begins at once: at most one message of
each sender, so that they are handled in order, and a message that kills its process uses up nobody else's attempts. Nothing of
the user's runs under a lock of ours. A handler that does not end in time has lost its lease, and with it any effect.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque

from sos.model.errors import SosError, StaleFence, StoreUnreachable
from sos.model.work import LEASE
from sos.sdk.handlers import Handling
from sos.sdk.messages import Message
from sos.sdk.outage import Outage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.model.agents import Body
    from sos.model.deliveries import Entry
    from sos.ports.connection import Connection
    from sos.sdk.handlers import Caller, Handler
    from sos.sdk.requests import Requests

WAIT_SECONDS = 20.0
SHORTEST_LOOK, LONGEST_LOOK = 0.02, 1.0
"""Seconds between two looks while mail waits whose senders are busy: their rings say nothing new, those of others might."""
GATHER_SECONDS = 0.005
"""For ends that are being stored: they make room in a moment, and one lease for all of it costs little more than one of one."""
BEAT_SECONDS = 30.0
KEEP_SECONDS = 10.0
"""Between two looks at the leases that are held: six in the life of one."""
JOIN_SECONDS, JOIN_SLICE = 2.0, 0.2
"""For all threads to end when they have nothing to do any more; one that hangs in a handler is left behind."""
FIRST_REST, LONGEST_REST = 1.0, 300.0
"""Seconds before a failed message is tried again: twice as long each time, with full jitter around it."""
FIRST_AWAY, LONGEST_AWAY = 0.2, 30.0
"""The same for a bus that does not answer: 500 agents must not come back at one moment."""


class Loop:
    """Runs from `start` to `stop`.

    `failed` hears of what handlers raise and of trouble with the bus; `tend` is called now and then while the bus answers.
    """

    def __init__(
        self,
        connection: Connection,
        body: Body,
        handlers: Sequence[Handler],
        caller: Caller,
        requests: Requests,
        concurrency: int,
        *,
        failed: Callable[[Exception, Message | None], None],
        tend: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._body = body
        self._handlers = handlers
        self._caller = caller
        self._requests = requests
        self._failed = failed
        self._outage = Outage(lambda error: failed(error, None))
        self._tend = tend
        self._concurrency = concurrency
        lock = threading.Lock()
        self._changed = threading.Condition(lock)
        #: Of those who wait for work each takes one: waking all of them for it took a fifth of the processor.
        self._came = threading.Condition(lock)
        self._ready: deque[Handling] = deque()
        self._held: set[Handling] = set()
        self._stopping = threading.Event()
        self._progressed = True
        self._ended = 0
        self._told = 0.0
        self._threads: list[threading.Thread] = []

    @property
    def runs(self) -> bool:
        """Whether it receives."""
        return bool(self._threads) and not self._stopping.is_set()

    def start(self) -> None:
        """Begin. Where the bus is away, it is waited for."""
        jobs = [self._receive, self._keep, *[self._work] * self._concurrency]
        self._threads = [threading.Thread(target=job, name=f"sos-{job.__name__}", daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def run_once(self, most: int) -> int:
        """Handle in this thread what is due, one after the other; how many were handled to their end. Then stop."""
        ended = 0
        keeper = threading.Thread(target=self._keep, name="sos-keep", daemon=True)
        keeper.start()
        try:
            self._beat(-BEAT_SECONDS)
            for _ in range(most):
                entries = self._connection.lease(1, LEASE, [])
                if not entries:
                    break
                handling = Handling(entries[0])
                self._is_taken(handling)
                ended += self._next()
        finally:
            self.stop(0)
            keeper.join(JOIN_SECONDS)
        return ended

    def stop(self, grace: float) -> None:
        """Take no more, give back what was not begun, wait `grace` seconds for what was, give that back too."""
        self._stopping.set()
        with self._changed:
            waiting = [each for each in self._held if not each.begun]
            self._held.difference_update(waiting)
            self._ready.clear()
            self._changed.notify_all()
            self._came.notify_all()
        for each in waiting:
            self._give_back(each, "its body stopped before it began")
        ends = time.monotonic() + grace
        with self._changed:
            while self._held and (left := ends - time.monotonic()) > 0:
                self._changed.wait(left)
            late = list(self._held)
        for each in late:
            each.lost = True
            self._give_back(each, "its body stopped")
        self._close()

    def _close(self) -> None:
        """Say that this body is closed, which ends its wait; again where the wait had not begun yet."""
        others = [thread for thread in self._threads if thread is not threading.current_thread()]  # a handler may stop its agent
        ends = time.monotonic() + JOIN_SECONDS
        while True:
            try:
                self._connection.beat(self._body.replace(presence="closed"))
            except SosError as error:
                self._outage.met(error)
                return
            for thread in others:
                thread.join(min(JOIN_SLICE, max(ends - time.monotonic(), 0.0)))
            others = [thread for thread in others if thread.is_alive()]
            if not others or time.monotonic() > ends:
                return

    def _give_back(self, handling: Handling, reason: str) -> None:
        try:
            self._connection.release(handling.number, handling.fence, 0, reason)
        except SosError as error:
            if not isinstance(error, StaleFence):
                self._outage.met(error)  # its lease runs out by itself

    # --- receiving ------------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        away, beaten, rest = 0, -BEAT_SECONDS, SHORTEST_LOOK
        while not self._stopping.is_set():
            try:
                beaten = self._beat(-BEAT_SECONDS if away else beaten)
                room, busy, ended = self._room()
                entries = self._connection.lease(room, LEASE, busy) if room else []
                for entry in entries:
                    self._take(entry)
                rest = SHORTEST_LOOK if room and len(entries) == room else self._idle(rest, ended, took=bool(entries))
                away = 0
            except StoreUnreachable as error:
                self._outage.met(error)
                away += 1
                self._stopping.wait(_jitter() * min(LONGEST_AWAY, FIRST_AWAY * 2 ** min(away, 10)))
            except SosError as error:
                self._outage.met(error)
                self._stopping.wait(LONGEST_AWAY)

    def _room(self) -> tuple[int, list[str], int]:
        """How many more messages can be begun now, whose are in work, and how many have ended so far."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or not any(each.ending for each in self._held), GATHER_SECONDS)
            # A handler that hangs keeps its thread, and not its sender.
            busy = [each.entry.message.sender for each in self._held if each.is_progressing()]
            return max(self._concurrency - len(self._held), 0), busy, self._ended

    def _idle(self, rest: float, ended: int, *, took: bool) -> float:
        """Wait for mail, or for a handler to end where only that helps; how long to wait next time.

        `took`: some was taken just now. Then what else waits is looked for at once; but to look for what is not there would hold
        up the handlers that have just begun.
        """
        with self._changed:
            full, free = len(self._held) >= self._concurrency, not self._held
        if not full and (free or self._connection.count("unread") == 0):
            self._connection.wait(WAIT_SECONDS)
            return SHORTEST_LOOK
        if took:
            return SHORTEST_LOOK
        with self._changed:
            one_has = self._changed.wait_for(lambda: self._ended != ended or self._stopping.is_set(), rest)
        return SHORTEST_LOOK if one_has else min(2 * rest, LONGEST_LOOK)

    def _beat(self, before: float) -> float:
        """Say that this body lives, now and then: not where all its handlers hang."""
        now = time.monotonic()
        with self._changed:
            busy = bool(self._held)
            lives = not busy or self._progressed or any(each.is_progressing() for each in self._held)
            if now - before < BEAT_SECONDS or not lives:
                return before
            self._progressed = False
        self._connection.beat(self._body.replace(presence="working" if busy else "idle"))
        self._tend()
        return now

    def _take(self, entry: Entry) -> None:
        handling = Handling(entry)
        if not self._is_taken(handling):
            self._give_back(handling, "its body stopped before it began")

    def _is_taken(self, handling: Handling) -> bool:
        """Give it to a worker; False where the loop has stopped meanwhile."""
        with self._changed:
            if self._stopping.is_set():
                return False
            self._held.add(handling)
            self._ready.append(handling)
            self._came.notify()
            return True

    # --- leases ---------------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._stopping.wait(KEEP_SECONDS):
            with self._changed:
                held = [each for each in self._held if each.is_progressing() and not each.lost]
            for each in held:
                try:
                    self._connection.extend(each.number, each.fence, LEASE)
                except StaleFence:
                    each.lost = True
                except SosError as error:
                    self._outage.met(error)

    # --- handling -------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ready and not self._stopping.is_set():
                    self._came.wait()
                if not self._ready:
                    return
            self._next()

    def _next(self) -> bool:
        """Handle one that is ready, where another thread was not faster; whether to its end."""
        with self._changed:
            if not self._ready:
                return False
            handling = self._ready.popleft()
            handling.begun = True
        try:
            return self._handle(handling)
        finally:
            self._done(handling)

    def _done(self, handling: Handling) -> None:
        with self._changed:
            self._held.discard(handling)
            self._progressed = True
            self._ended += 1
            # To wake the receiving thread for each of many ends that come together took a tenth of the processor.
            now = time.monotonic()
            if now - self._told >= GATHER_SECONDS or not any(each.ending for each in self._held):
                self._told = now
                self._changed.notify_all()

    def _handle(self, handling: Handling) -> bool:
        message = Message(handling.entry)
        try:
            if not self._requests.take(handling.entry):
                for handler in self._handlers:
                    if handler.is_for(handling.entry):
                        self._caller.call(handler, handling, message)
            self._conclude(handling)
            return True
        except StaleFence as error:
            self._failed(error, message)
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is told, and its message comes again
            self._failed(error, message)
            self._fail(handling, error)
        except BaseException:  # Ctrl-C in `run_once`: another attempt need not wait for the lease to lapse
            self._give_back(handling, "its body was interrupted")
            raise
        return False

    def _conclude(self, handling: Handling) -> None:
        """Store the end; again where the bus is away or full, as long as the lease holds: it is the same end each time."""
        away = 0
        sends = [sending for sending, _ in handling.sends]
        handling.ending = True
        while not handling.lost:
            try:
                receipts = self._connection.conclude(handling.number, handling.fence, sends)
            except StoreUnreachable as error:
                if self._stopping.is_set():
                    raise
                self._outage.met(error)
                away += 1
                handling.ending = False  # nobody can say for how long
                handling.progress()
                self._stopping.wait(_jitter() * min(LONGEST_AWAY, FIRST_AWAY * 2 ** min(away, 10)))
                continue
            for (_, sent), receipt in zip(handling.sends, receipts, strict=True):
                sent.receipt = receipt
            return
        raise StaleFence(f"the lease on {handling.entry.message.id} was lost")

    def _fail(self, handling: Handling, error: Exception) -> None:
        tries = handling.entry.delivery.attempts
        rest = min(LONGEST_REST, FIRST_REST * 2 ** (tries - 1)) * (0.5 + _jitter())
        try:
            self._connection.release(handling.number, handling.fence, int(rest * 1000), f"{type(error).__name__}: {error}")
        except SosError as trouble:
            if not isinstance(trouble, StaleFence):
                self._outage.met(trouble)  # its lease runs out by itself


def _jitter() -> float:
    """A number from 0 to 1. (The module `random` costs an import of `sos.sdk` 1.5 ms.)"""
    return int.from_bytes(os.urandom(4), "big") / 0x1_0000_0000
