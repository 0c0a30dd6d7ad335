"""Handlers: which of them a message is for, how they are called, and what they send while they run."""

from __future__ import annotations

import contextvars
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from sos.model.deliveries import Entry
    from sos.model.work import Sending
    from sos.sdk.messages import Message, Sent

    Handle = Callable[[Message], Awaitable[object] | object]

_RUNNING: contextvars.ContextVar[Handling | None] = contextvars.ContextVar("sos_handling", default=None)


class Handler:
    """One handler, and what it is for. `timeout`: seconds that it may take without a sign of progress."""

    def __init__(self, call: Handle, kind: str | None, sender: str | None, timeout: float) -> None:
        self.call = call
        self.kind = kind
        self.sender = sender
        self.timeout = timeout

    def is_for(self, entry: Entry) -> bool:
        """Whether it takes this message. A claimed sender is nobody's to filter by."""
        message = entry.message
        sure = message.assurance != "claimed"
        return (self.kind is None or self.kind == message.kind) and (
            self.sender is None or (sure and self.sender == message.sender)
        )


class Handling:
    """One message in the hands of its handlers."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        #: What was sent so far: stored with the end.
        self.sends: list[tuple[Sending, Sent]] = []
        self.progressed = time.monotonic()
        #: The lease was lost: whatever it still does has no effect.
        self.lost = False
        self.timeout = 60.0
        self.begun = False
        #: Its end is being stored.
        self.ending = False

    @property
    def number(self) -> int:
        """The store's number of the message."""
        return self.entry.message.seq

    @property
    def fence(self) -> int:
        """The number of this lease."""
        return self.entry.delivery.fence

    def progress(self) -> None:
        """It goes on."""
        self.progressed = time.monotonic()

    def is_progressing(self) -> bool:
        """Whether its lease is still to be extended: it begins just now, or gave a sign within its handler's time."""
        return not self.begun or time.monotonic() - self.progressed < self.timeout


def running() -> Handling | None:
    """The handling that the calling code is part of."""
    return _RUNNING.get()


class Caller:
    """Calls handlers, plain and async ones. Coroutines share one loop in a thread of its own, made when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def call(self, handler: Handler, handling: Handling, message: Message) -> None:
        """Run a handler to its end. Raises what it does; RuntimeError where it calls `sys.exit`, which would end its thread."""
        handling.timeout = handler.timeout
        handling.progress()
        token = _RUNNING.set(handling)
        try:
            result = handler.call(message)
            if hasattr(result, "__await__"):
                self._awaited(result)
        except SystemExit as error:
            raise RuntimeError("a handler cannot end its process; agent.stop() stops the agent") from error
        finally:
            _RUNNING.reset(token)
        handling.progress()

    def _awaited(self, made: Awaitable[object]) -> None:
        import asyncio  # who has no async handler need not load it

        async def run() -> None:
            await made

        asyncio.run_coroutine_threadsafe(run(), self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(self._loop,), name="sos-async", daemon=True).start()
            return self._loop

    def close(self) -> None:
        """End the loop."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()
