"""Foreign streams in Redis: cursors, and what importing asks of the store. Streams are read by `reader`, and never written."""

from __future__ import annotations

from contextlib import contextmanager

from sos.model.addresses import Address
from sos.model.deliveries import Delivery, rank_of
from sos.model.errors import InboxFull
from sos.model.foreign import Kept, names_of
from sos.stores.foreign import TakingStreams
from sos.stores.redis import keys, rows
from sos.stores.redis.server import one_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sos.model.foreign import Foreign
    from sos.model.messages import Message
    from sos.model.names import Slug
    from sos.model.streams import Batch, Cursor, Standing, Taken
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

    @one_call
    def standing(self, agent: Slug) -> Standing:
        """See `ports.Streams.standing`."""
        return super().standing(agent)

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
        place = self._box(agent)
        if place is None:
            return {}
        (flat,) = self._server.read(("HGETALL", keys.part(place, "CURSORS")))
        found = dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))
        step = self._steps.current
        if step is not None:
            stream = step.index.batch.stream
            step.expect(keys.part(place, "CURSORS"), stream, found.get(stream))
        return {Address(stream): rows.cursor_of(value) for stream, value in found.items()}

    def _box(self, agent: str) -> keys.Box | None:
        (record,) = self._server.read(("HGET", keys.AGENTS, agent))
        return None if record is None else rows.agent_of(agent, record).box

    def _heir_since(self, agent: str) -> int:
        place = self._box(agent)
        number = 1 if place is None else keys.number_of(place)
        if number == 1:
            return 0
        former = f"{agent}/{number - 1}"
        (record,) = self._server.read(("HGET", keys.AGENTS, former))
        return 0 if record is None else rows.agent_of(former, record).agent.closed_at or 0

    def _save(self, agent: str, stream: Address, cursor: Cursor) -> None:
        step, place = self._steps.current, self._box(agent)
        if step is not None and place is not None:
            step.write("HSET", keys.part(place, "CURSORS"), stream, rows.cursor_value(cursor))

    def _depth(self, agent: str) -> int:
        return int(self._server.script("count", agent, "live", ""))

    def _kept(self, entry: Foreign, agent: str) -> list[Kept]:
        return self._index.kept(entry)

    def _share(self, number: int, agent: str) -> None:
        step, place = self._steps.current, self._box(agent)
        assert step is not None
        assert place is not None
        message = self._index.messages[number]
        delivery = Delivery(recipient=agent, rank=rank_of(message, ""))
        head = "" if place.startswith(f"{{{message.address}}}") else message.address
        step.write("HSET", keys.part(place, "DELIVERIES"), number, f"{head}\n{rows.delivery_value(delivery)}")
        step.write("ZADD", keys.part(place, "ALL"), number, number)
        for (key, member), score in rows.places(place, message, delivery).items():
            step.write("ZADD", key, score, member)
        step.write("ADDLINE", keys.messages(message.address), f"{number} to", place)
        step.ring(agent)


class _Index:
    """What is there under the ids of a batch: read at once, and watched until the step is written."""

    def __init__(self, server: Server, step: Step, agent: str, batch: Batch) -> None:
        self.batch = batch
        self.messages: dict[int, Message] = {}
        self._step = step
        self._agent = agent
        self._own: set[str] = set()
        self._found: dict[str, list[Kept]] = {}
        ids = list(dict.fromkeys(each for entry in batch.entries for each in names_of(entry, agent)[0]))
        for identifier, (line, *several) in zip(ids, server.script("known", agent, *ids) if ids else [], strict=True):
            step.expect(keys.IDS, identifier, line)
            self._found[identifier] = [self._one(*each) for each in several if each[3] is not None]

    def _one(self, number: bytes, entry: bytes, address: bytes, value: bytes, mine: Any) -> Kept:
        message, _, _ = rows.message_of(int(number), address.decode(), value)
        if message.address == self.batch.stream and entry != b"-":
            self._own.add(entry.decode())
        self.messages[message.seq] = message
        return _kept(message, mine=bool(int(mine)))

    def kept(self, entry: Foreign) -> list[Kept]:
        """What there is under an entry's ids and senders. An entry that we wrote counts as had, whoever it was for."""
        ids, senders = names_of(entry, self._agent)
        found = [kept for each in ids for kept in self._found[each] if kept.sender in senders]
        for post in self._step.posts:
            if post.message.id in ids and post.message.sender in senders:
                found.append(_kept(post.message, mine=True))
        if entry.entry in self._own:
            found.append(Kept(number=0, id=entry.id, sender=entry.sender, text=entry.text, address=entry.stream, mine=True))
        return found


def _kept(message: Message, *, mine: bool) -> Kept:
    return Kept(number=message.seq, id=message.id, sender=message.sender, text=message.text, address=message.address, mine=mine)
