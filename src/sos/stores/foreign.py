"""Importing foreign entries, the same for every store that can look things up inside a transaction."""

from __future__ import annotations

from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE
from sos.model.errors import UnknownAgent
from sos.model.foreign import free_id, is_known, parcel_of, shared
from sos.model.streams import START, Standing, Taken, checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sos.model.addresses import Address
    from sos.model.agents import Agent
    from sos.model.foreign import Foreign, Kept
    from sos.model.ids import MessageId
    from sos.model.names import Slug
    from sos.model.streams import Batch, Cursor
    from sos.model.times import Millis
    from sos.ports import Directory, Mailbox

ROOM = INBOX_LIMIT - INBOX_RESERVE
"""Live deliveries up to which foreign entries are taken: the reserve is for those who can prove that they are the operator."""


def _seen(batch: Batch, passed: int) -> int:
    """What a cursor has seen that stands in the middle of a batch; while a stream is read again, a batch leaves some out."""
    before = batch.expected
    return before.seen + passed if before is not None and before.seen >= 0 and before.again == START else -1


class TakingStreams:
    """The port `Streams` over what a store must answer; its own methods are called inside one step."""

    def __init__(self, mail: Mailbox, directory: Directory) -> None:
        self._mail = mail
        self._directory = directory

    def take(self, agent: Slug, batch: Batch, now: Millis) -> Taken:
        """See `ports.Streams.take`."""
        checked(batch)
        with self._step():
            reader = self._directory.agent(agent)
            if reader is None or reader.status != "open":
                raise UnknownAgent(f"no agent {agent!r}")
            cursor = self._cursors(agent).get(batch.stream)
            if cursor != batch.expected:
                return Taken(stale=True, cursor=cursor)
            taken = self._store(reader, batch, now)
            if taken.cursor is not None:
                self._save(agent, batch.stream, taken.cursor)
            if batch.notice is not None and not taken.held:
                self._directory.notify(batch.notice)
            return taken

    def _store(self, reader: Agent, batch: Batch, now: Millis) -> Taken:
        stored: list[MessageId] = []
        room, repeated, cursor = ROOM - self._depth(reader.slug), 0, batch.expected
        for done, entry in enumerate(batch.entries):
            kept = self._kept(entry, reader.slug)
            if is_known(entry, kept):
                repeated += 1
            elif len(stored) >= room:
                held = len(batch.entries) - done
                return Taken(stale=False, cursor=cursor, stored=tuple(stored), repeated=repeated, held=held)
            else:
                stored.append(self._bring(entry, kept, reader, now))
            cursor = batch.cursor.replace(position=entry.entry, mark=entry.mark, seen=_seen(batch, done + 1))
        return Taken(stale=False, cursor=batch.cursor, stored=tuple(stored), repeated=repeated)

    def _bring(self, entry: Foreign, kept: list[Kept], reader: Agent, now: Millis) -> MessageId:
        number = shared(entry, reader.slug, kept)
        if number is not None:
            self._share(number, reader.slug)
            return next(each.id for each in kept if each.number == number)
        parcel = parcel_of(entry, reader, free_id(entry, reader.slug, kept), now)
        return self._mail.post([parcel])[0].message.id

    def standing(self, agent: Slug) -> Standing:
        """See `ports.Streams.standing`."""
        return Standing(cursors=self._cursors(agent), heir_since=self._heir_since(agent))

    def _step(self) -> AbstractContextManager[object]:
        """One atomic step; `post` inside it is part of it."""
        raise NotImplementedError

    def _cursors(self, agent: str) -> dict[Address, Cursor]:
        raise NotImplementedError

    def _heir_since(self, agent: str) -> int:
        raise NotImplementedError

    def _save(self, agent: str, stream: Address, cursor: Cursor) -> None:
        raise NotImplementedError

    def _depth(self, agent: str) -> int:
        """Live deliveries of an agent."""
        raise NotImplementedError

    def _kept(self, entry: Foreign, agent: str) -> list[Kept]:
        """What is there under the entry's ids and senders (`model.foreign.names_of`)."""
        raise NotImplementedError

    def _share(self, number: int, agent: str) -> None:
        """One more delivery of a message that is there, and ring."""
        raise NotImplementedError
