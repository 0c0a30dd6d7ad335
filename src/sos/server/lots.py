"""What many clients ask of the store, in lots: while one is worked off others gather, and are the next.

A thread for each request costs more than the requests do: where 64 threads waited for one another, two cores stored 945 messages
a second, and answered 1,200 times who one is. What a lot sends is stored together.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sos.core import sending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from sos.model.parcels import Parcel
    from sos.model.tokens import TokenRecord
    from sos.ports import Clock, Store

MOST = 128
"""Pieces of work in one lot: nobody is answered before all of it is done."""


class Outbound(NamedTuple):
    """What a piece of work ends in that sends: its result is the receipt, and the token that was shown."""

    parcel: Parcel
    record: TokenRecord


class Lots:
    """Used in one loop; what it does with the store runs in `workers`.

    `at_once`: lots that are worked off at the same time. One is fastest where the store is a file; where it is a server, whose
    answers have to be waited for, as many as there are threads.
    """

    def __init__(self, store: Store, clock: Clock, workers: Executor, at_once: int) -> None:
        self._store = store
        self._clock = clock
        self._workers = workers
        self._free = at_once
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def do(self, work: Callable[[], Any]) -> Any:
        """Have something done in a thread: what it returns, or raises; for an `Outbound` its receipt and token."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, answer))
        self._begin(loop)
        return await answer

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if not (self._waiting and self._free):
            return
        self._free -= 1
        lot, self._waiting = self._waiting[:MOST], self._waiting[MOST:]

        def run() -> None:
            try:
                outcomes = self._done([work for work, _ in lot])
            except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, and the next lot must begin
                outcomes = [error] * len(lot)
            loop.call_soon_threadsafe(self._end, loop, [answer for _, answer in lot], outcomes)

        self._workers.submit(run)

    def _end(self, loop: asyncio.AbstractEventLoop, answers: Sequence[asyncio.Future[Any]], outcomes: Sequence[Any]) -> None:
        self._free += 1
        for answer, outcome in zip(answers, outcomes, strict=True):
            if answer.done():
                continue  # whoever asked has gone
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
        self._begin(loop)

    def _done(self, lot: Sequence[Callable[[], Any]]) -> list[Any]:
        """The result of each piece of work, or its exception."""
        outcomes = [_outcome(work) for work in lot]
        outbound = [(place, each) for place, each in enumerate(outcomes) if isinstance(each, Outbound)]
        receipts = sending.send_each(self._store, [each.parcel for _, each in outbound], self._clock.now())
        for (place, each), receipt in zip(outbound, receipts, strict=True):
            outcomes[place] = receipt if isinstance(receipt, Exception) else (receipt, each.record)
        return outcomes


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # it is told to who asked, and nothing else fails for it
        return error
