"""HTTP/1.1 as uvicorn speaks it, with an end to its patience: who sends a request slowly, or a head without end, is let go.

uvicorn collects a head of any length for any time; a few thousand connections that send a byte a minute (slow-loris) would hold
the server's last descriptors. A client that waits for an answer is none of these.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sos.server.guard import MAX_HEAD
from sos.server.problems import PROBLEM, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

CONNECTION = "sos.connection"
"""The ASGI extension under which a request finds its connection: a task that waits for the client to go costs 3 kB a stream."""
HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of the head."""
BODY_SECONDS = 30.0
"""From there to the end of the body: 1 MiB at 280 kbit/s."""


class Patience(HttpToolsProtocol):
    """One connection."""

    #: Whether the client has gone, and what is to be told of it.
    lost = False
    when_lost: Callable[[], None] | None = None
    _timer: asyncio.TimerHandle | None = None
    _size = 0
    _is_long = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to count."""
        super().connection_made(transport)
        self._within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._within(None)
        super().connection_lost(exc)
        self.lost = True
        if self.when_lost is not None:
            self.when_lost()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]  # of our own application alone
        self._size = 0
        self._within(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._take(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self._take(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._within(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there: how long the answer takes is ours."""
        self._within(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read is answered and let go."""
        self._within(None)
        if self._is_long:
            self._end(431, "head_too_long", f"a request's head has at most {MAX_HEAD:,} bytes")
        else:
            super().send_400_response(msg)

    def _take(self, size: int) -> None:
        self._size += size
        if self._size > 2 * MAX_HEAD:  # what is a little too long comes to the guard, which says so with its own count
            self._is_long = True
            raise ValueError("a head without end")  # the parser stops, and send_400_response is called

    def _within(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self._end(408, "too_slow", f"a head takes at most {HEAD_SECONDS:g} s, a body {BODY_SECONDS:g} s")

    def _end(self, status: int, code: str, detail: str) -> None:
        body = problem(status, code, detail, "see docs/how-to/server.md", "")
        head = f"HTTP/1.1 {status} \r\ncontent-length: {len(body)}\r\nconnection: close\r\ncontent-type: ".encode()
        self.transport.write(head + PROBLEM + b"\r\n\r\n" + body)
        self.transport.close()
