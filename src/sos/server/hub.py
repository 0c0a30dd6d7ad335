"""Waiting clients: each is an event of the loop; one thread listens to the store's rings and wakes them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

from sos.model.errors import SosError
from sos.model.names import Slug
from sos.server import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sos.ports import Store

LISTEN_SECONDS = 1.0
_NOBODY = Slug("-")
AGAIN_SECONDS = 0.5
"""Before the store is listened to anew after trouble."""


class Hub:
    """Begins with `start` in the loop whose clients wait, and ends with `stop`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        #: Set once the server stops: who waits is answered at once.
        self.stopping = False

    @property
    def parked(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def waiting(self) -> list[Slug]:
        """The agents that somebody waits for. From any thread."""
        return [Slug(each) for each in list(self._waiting)]

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="sos-hub", daemon=True)
        self._thread.start()

    @contextmanager
    def waiter(self, agent: str) -> Iterator[asyncio.Event]:
        """An event that is set when mail may have come for `agent`. Look for mail after entering: what was there rang before."""
        event = asyncio.Event()
        self._waiting.setdefault(agent, set()).add(event)
        if self.stopping:
            event.set()
        try:
            yield event
        finally:
            rest = self._waiting[agent]
            rest.discard(event)
            if not rest:
                del self._waiting[agent]

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None
        while not self._ended.is_set():
            try:
                with self._store.listen() as listener:
                    loop.call_soon_threadsafe(self._wake_all)  # what rang while nobody listened
                    while not self._ended.is_set():
                        heard = listener.heard(LISTEN_SECONDS)
                        if heard:
                            loop.call_soon_threadsafe(self._wake, heard)
            except SosError as error:
                log.say("cannot_listen", error=error.code, message=error.message)
                self._ended.wait(AGAIN_SECONDS)

    def _wake(self, agents: set[str]) -> None:
        for agent in agents & self._waiting.keys():
            for event in self._waiting[agent]:
                event.set()

    def _wake_all(self) -> None:
        self._wake(set(self._waiting))

    def stop(self) -> None:
        """Wake everybody and end the thread."""
        self.stopping = True
        self._wake_all()
        self._ended.set()

    def stop_soon(self) -> None:
        """`stop`, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.stop)

    def join(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._store.nudge(_NOBODY)  # so that it need not rest to its end
            self._thread.join(LISTEN_SECONDS + 1)
