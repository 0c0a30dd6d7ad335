"""Waiting by server-sent events: one request hears of all mail to come.

An event `mail` says how many messages are unread, at the beginning and each time that mail may have come; comments keep the line
open. An event `end` says why no more will come: the token opens nothing any longer, or the server stops. Nothing of a message
stands in it: who is woken reads the inbox. (https://html.spec.whatwg.org/multipage/server-sent-events.html)
"""

from __future__ import annotations

import asyncio
import os

from sos.core.access import CLOCK_SKEW
from sos.model import wire
from sos.model.errors import SosError
from sos.server.callers import source_of
from sos.server.patience import CONNECTION
from sos.server.problems import PROBLEM, of_error, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from starlette.types import Receive, Scope, Send

    from sos.model.times import Millis
    from sos.model.tokens import TokenRecord
    from sos.ports import Clock
    from sos.server.callers import Callers
    from sos.server.hub import Hub
    from sos.server.lots import Lots
    from sos.server.metrics import Metrics
    from sos.server.patience import Patience
    from sos.server.problems import Headers

PATH = "/v1/inbox/events"
BEAT = 45.0
"""Seconds between two comments where nothing rings: proxies close what is silent for a minute."""
LOOK = 600.0
"""Seconds between two looks at the token where nothing rings. A revocation rings, unless its process is killed just then."""


class Events:
    """The ASGI application at `PATH`. It takes the bus token of whose inbox it is."""

    def __init__(self, callers: Callers, lots: Lots, hub: Hub, clock: Clock, metrics: Metrics) -> None:
        self._callers = callers
        self._lots = lots
        self._hub = hub
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream, until it ends by either side."""
        if scope["method"] != "GET":
            body = problem(405, "method_not_allowed", f"{PATH} takes GET", "see /openapi.json", "")
            await _refuse(send, 405, body, [(b"allow", b"GET")])
            return
        shown = {name: value for name, value in scope["headers"] if name == b"authorization"}
        try:
            agent = await self._lots.do(lambda: self._callers.record("bus", shown, source_of(scope)).agent)
            await self._lots.do(lambda: self._look(shown))
        except SosError as error:
            status, body, extra = of_error(error, os.urandom(8).hex())
            self._metrics.count("events", status)
            await _refuse(send, status, body, extra)
            return
        self._metrics.count("events", 200)
        await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
        connection: Patience = scope["extensions"][CONNECTION]
        with self._hub.waiter(agent) as rung:
            connection.when_lost = rung.set
            await self._stream(shown, rung, connection, send)
            connection.when_lost = None

    def _look(self, headers: dict[bytes, bytes]) -> tuple[int, TokenRecord]:
        """How many messages are unread, and the token as it stands now. Raises what a request with it would."""
        record = self._callers.known(headers)
        return self._callers.connection(record, headers).count("unread"), record

    async def _stream(self, headers: dict[bytes, bytes], rung: asyncio.Event, connection: Patience, send: Send) -> None:
        rung.set()  # what is there already
        while not (self._hub.stopping or connection.lost):
            heard = rung.is_set()
            rung.clear()
            try:
                unread, record = await self._lots.do(lambda: self._look(headers))
            except SosError as error:
                await _write(send, "end", {"code": error.code, "next": error.next_step}, last=True)
                return
            if heard:
                await _write(send, "mail", {"unread": unread})
            await self._rest(rung, _seconds(record, self._clock.now()), send)
        await _write(send, "end", {"code": "stopping", "next": "connect again"}, last=True)

    async def _rest(self, rung: asyncio.Event, seconds: float, send: Send) -> None:
        """Wait for a ring, at most `seconds`, and keep the line open meanwhile."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while (left := ends - loop.time()) > 0:
            late = Late(rung)
            timer = loop.call_later(min(left, BEAT), late.come)  # a tenth of what asyncio.timeout takes
            await rung.wait()
            timer.cancel()
            if not late.has_come:
                return
            rung.clear()
            await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})


class Late:
    """A rest that ended without a ring."""

    __slots__ = ("_rung", "has_come")

    def __init__(self, rung: asyncio.Event) -> None:
        self._rung = rung
        self.has_come = False

    def come(self) -> None:
        """End the rest."""
        self.has_come = True
        self._rung.set()


_HEAD = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


def _seconds(record: TokenRecord, now: Millis) -> float:
    """Until the next look: at the token's end at the latest."""
    if record.expires_at is None:
        return LOOK
    return min(LOOK, max((record.expires_at + CLOCK_SKEW - now) / 1000, 0.0) + 0.05)


async def _write(send: Send, event: str, data: dict[str, Any], *, last: bool = False) -> None:
    body = f"event: {event}\ndata: {wire.dumps(data)}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": not last})


async def _refuse(send: Send, status: int, body: bytes, extra: Headers) -> None:
    headers = [(b"content-type", PROBLEM), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
