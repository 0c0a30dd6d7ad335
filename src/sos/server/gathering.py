"""Mail of older clients for agents that wait: its streams ring for nobody, so one thread looks into them again and again."""

from __future__ import annotations

import threading
import time

from sos.core import reading
from sos.model.errors import SosError, UnknownAgent
from sos.server import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.addresses import Convention
    from sos.model.names import Slug
    from sos.ports import Clock, Store, StreamReader
    from sos.server.hub import Hub

REST = 1.0
"""Seconds between two rounds over all who wait, at least."""
SHARE = 4
"""A rest is this many times as long as the round before it: with very many who wait the server still has time for them."""
AGAIN = 5.0


class Gathering:
    """Begins with `start`, ends with `stop`. Nothing where the store has no streams of others."""

    def __init__(self, store: Store, clock: Clock, hub: Hub, conventions: Sequence[Convention]) -> None:
        self._store = store
        self._clock = clock
        self._hub = hub
        self._conventions = conventions
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        reader = self._store.reader
        if reader is not None:
            self._thread = threading.Thread(target=self._run, args=(reader,), name="sos-gathering", daemon=True)
            self._thread.start()

    def _run(self, reader: StreamReader) -> None:
        rest = REST
        while not self._ended.wait(rest):
            begun = time.monotonic()
            try:
                for slug in self._hub.waiting():
                    self._gather(reader, slug)
                rest = max(REST, SHARE * (time.monotonic() - begun))
            except SosError as error:
                log.say("cannot_gather", error=error.code, message=error.message)
                rest = AGAIN

    def _gather(self, reader: StreamReader, slug: Slug) -> None:
        agent = self._store.agents.agent(slug)
        if agent is None or agent.status != "open" or self._ended.is_set():
            return
        try:
            reading.read(agent, self._store, reader, self._clock, conventions=self._conventions)
        except UnknownAgent:
            return  # it left just now

    def stop(self) -> None:
        """End, after what it is at."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
