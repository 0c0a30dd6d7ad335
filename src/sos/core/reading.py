"""Reading foreign streams: everything that old clients wrote to an agent, wherever they wrote it, into its inbox."""

from __future__ import annotations

from sos.core import importing
from sos.model.addresses import read_addresses
from sos.model.record import Record
from sos.model.streams import Standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sos.model.addresses import Address, Convention
    from sos.model.agents import Agent
    from sos.model.streams import Taken
    from sos.model.times import Millis
    from sos.ports import Clock, Store, StreamReader

ENTRIES = 1000
"""Entries that one reading takes at most, all streams together; the first look into each stream apart."""
SECONDS = 2.0
"""After which no further round over the streams is begun."""


class Read(Record):
    """What one reading did."""

    #: Messages that are new in the inbox, and entries that the agent had had already.
    stored: int
    repeated: int
    #: Streams with entries that found no room in the inbox. They stay where they are until there is.
    held: tuple[Address, ...]
    #: Nothing is left but what is held. False: the budget ended first, so read again.
    complete: bool


def read(
    agent: Agent,
    store: Store,
    reader: StreamReader,
    clock: Clock,
    *,
    conventions: Iterable[Convention] = (),
    entries: int = ENTRIES,
    seconds: float = SECONDS,
) -> Read:
    """Import all that stands in all addresses of an agent. `conventions`: addresses that it reads besides the usual.

    Ended anywhere, by a fault or a kill, the next reading goes on from where each stream was left. Several readings of one agent
    may run at once. Raises UnknownAgent where it left, StoreUnreachable, StorageFull.
    """
    streams = read_addresses(agent.slug, agent.name, agent.project, agent.squads, conventions)
    made = _Reading(agent, store, reader)
    ends = clock.monotonic() + seconds
    while streams and entries > 0 and clock.monotonic() < ends:
        # Each stream gets its part of each round: a flood in one must not starve the others.
        page = max(1, min(importing.PAGE, entries // len(streams)))
        streams, passed = made.round(streams, page, clock.now())
        entries -= passed
    return Read(stored=made.stored, repeated=made.repeated, held=tuple(made.held), complete=not streams)


class _Reading:
    """What has been done so far."""

    def __init__(self, agent: Agent, store: Store, reader: StreamReader) -> None:
        self.stored = self.repeated = 0
        self.held: list[Address] = []
        self._agent = agent
        self._store = store
        self._reader = reader

    def round(self, streams: tuple[Address, ...], page: int, now: Millis) -> tuple[tuple[Address, ...], int]:
        """One import of each stream; which of them may hold more, and what it cost."""
        standing = self._store.streams.standing(self._agent.slug)
        wanted = [importing.wanted(self._agent, standing, stream, now, page) for stream in streams]
        more, passed = [], 0
        for look in self._reader.looks(wanted):
            batch = importing.batch(self._agent, standing, look, now)
            if batch is None:
                continue
            taken = self._store.streams.take(self._agent.slug, batch, now)
            self._count(taken, look.stream)
            # What a first look gives counts against what the next one may.
            cursors = {} if taken.cursor is None else {look.stream: taken.cursor}
            standing = Standing(cursors={**standing.cursors, **cursors}, heir_since=standing.heir_since)
            passed += max(1, len(look.entries))
            if not taken.held:
                more.append(look.stream)
        return tuple(more), passed

    def _count(self, taken: Taken, stream: Address) -> None:
        self.stored += len(taken.stored)
        self.repeated += taken.repeated
        if taken.held:
            self.held.append(stream)
