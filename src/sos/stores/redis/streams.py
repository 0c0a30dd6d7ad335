"""Foreign streams in Redis: cursors, and what importing asks of the store. Streams are read by `reader`, and never written."""

from __future__ import annotations

from contextlib import contextmanager

from sos.model.addresses import Address
from sos.model.deliveries import CLAIMED, Delivery
from sos.model.errors import InboxFull
from sos.model.foreign import Kept, names_of
from sos.model.streams import Standing
from sos.stores.foreign import TakingStreams
from sos.stores.redis import keys, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sos.model.foreign import Foreign
    from sos.model.messages import Message
    from sos.model.names import Slug
    from sos.model.streams import Batch, Cursor, Taken
    from sos.model.times import Millis
    from sos.ports import Directory, Mailbox
    from sos.stores.redis.server import Server
    from sos.stores.redis.step import Step, Steps

_FULL = 5
"""Times that an import is done again because others filled the inbox meanwhile."""


class RedisStreams(TakingStreams):
    """The port `Streams` over a server."""

    def __init__(self, server: Server, steps: Steps, mail: Mailbox, directory: Directory) -> None:
        super().__init__(mail, directory)
        self._server = server
        self._steps = steps

    def standing(self, agent: Slug) -> Standing:
        """See `ports.Streams.standing`."""
        flat, former = self._server.script("standing", agent)
        cursors = {Address(stream.decode()): rows.cursor_of(value) for stream, value in zip(flat[::2], flat[1::2], strict=True)}
        since = 0 if former is None else rows.agent_of("", former).agent.closed_at or 0
        return Standing(cursors=cursors, heir_since=since)

    def take(self, agent: Slug, batch: Batch, now: Millis) -> Taken:
        """See `ports.Streams.take`."""
        for _ in range(_FULL):
            try:
                return self._steps.run(lambda step: self._take(step, agent, batch, now))
            except InboxFull:
                continue  # between counting and storing; the next attempt counts again
        return self._steps.run(lambda step: self._take(step, agent, batch, now))

    def _take(self, step: Step, agent: Slug, batch: Batch, now: Millis) -> Taken:
        step.index = _Index(self._server, step, agent, batch)
        return super().take(agent, batch, now)

    @contextmanager
    def _step(self) -> Iterator[None]:
        yield  # `take` has begun it

    @property
    def _index(self) -> _Index:
        step = self._steps.current
        assert step is not None
        index: _Index = step.index
        return index

    def _cursors(self, agent: str) -> dict[Address, Cursor]:
        index = self._index
        return {} if index.cursor is None else {index.batch.stream: index.cursor}

    def _save(self, agent: str, stream: Address, cursor: Cursor) -> None:
        index = self._index
        index.step.write("HSET", keys.part(index.box, "CURSORS"), stream, rows.cursor_value(cursor))

    def _depth(self, agent: str) -> int:
        return self._index.depth

    def _kept(self, entry: Foreign, agent: str) -> list[Kept]:
        return self._index.kept(entry)

    def _share(self, number: int, agent: str) -> None:
        index = self._index
        step, place, message = index.step, index.box, index.messages[number]
        delivery = Delivery(recipient=agent, rank=CLAIMED)
        head = "" if keys.stream(place) == message.address else message.address
        step.write("HSET", keys.part(place, "DELIVERIES"), number, f"{head}\n{rows.delivery_value(delivery)}")
        step.write("ZADD", keys.part(place, "ALL"), number, number)
        for (key, member), score in rows.places(place, message, delivery).items():
            step.write("ZADD", key, score, member)
        step.write("ADDLINE", keys.messages(message.address), f"{number} to", place)
        step.ring(agent)


class _Index:
    """What an import must know, read at once; what it rests on is watched until the step is written."""

    def __init__(self, server: Server, step: Step, agent: str, batch: Batch) -> None:
        self.batch = batch
        self.step = step
        self.messages: dict[int, Message] = {}
        self.cursor: Cursor | None = None
        self.depth = 0
        self._agent = agent
        self._is_cluster = server.is_cluster
        self._own: set[str] = set()
        self._found: dict[str, list[Kept]] = {}
        ids = list(dict.fromkeys(each for entry in batch.entries for each in names_of(entry, agent)[0]))
        found = server.script("known", agent, batch.stream, *ids)
        if not found:  # no such agent, which `take` finds as well
            return
        place, cursor, self.depth, *several = found
        self.box = keys.Box(place.decode())
        self.cursor = None if cursor is None else rows.cursor_of(cursor)
        step.expect(keys.part(self.box, "CURSORS"), batch.stream, cursor)
        for identifier, (lines, *messages) in zip(ids, several, strict=True):
            step.expect(keys.IDS, identifier, lines)
            self._found[identifier] = [self._one(*each) for each in messages if each[3] is not None]

    def _one(self, number: bytes, entry: bytes, address: bytes, value: bytes, mine: Any) -> Kept:
        message, _, _ = rows.message_of(int(number), address.decode(), value)
        is_here = message.address == self.batch.stream
        if is_here and entry != b"-":
            self._own.add(entry.decode())
        self.messages[message.seq] = message
        # In a Cluster it is known a moment later which entry the copy of a message is, and there may be a second one.
        return _kept(message, mine=bool(int(mine)) or (self._is_cluster and is_here and message.assurance != "claimed"))

    def kept(self, entry: Foreign) -> list[Kept]:
        """What there is under an entry's ids and senders. An entry that we wrote counts as had, whoever it was for."""
        ids, senders = names_of(entry, self._agent)
        found = [kept for each in ids for kept in self._found[each] if kept.sender in senders]
        for post in self.step.posts:
            if post.message.id in ids and post.message.sender in senders:
                found.append(_kept(post.message, mine=True))
        if entry.entry in self._own:
            found.append(Kept(number=0, id=entry.id, sender=entry.sender, text=entry.text, address=entry.stream, mine=True))
        return found


def _kept(message: Message, *, mine: bool) -> Kept:
    return Kept(number=message.seq, id=message.id, sender=message.sender, text=message.text, address=message.address, mine=mine)
