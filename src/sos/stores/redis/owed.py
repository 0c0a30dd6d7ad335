"""In a Cluster: what a step owes to streams that others write too, since it reaches only its own slot.

The step writes down what is to be done, and whoever sees it next does it: the sender at once, else the clock. Readable copies are
for older clients and no message rests on them; where a process dies between making one and saying so, it is made twice.
"""

from __future__ import annotations

from sos.model.errors import StoreError, StoreUnreachable
from sos.model.times import SECOND, Millis
from sos.stores.redis import keys, rows
from sos.stores.redis.posting import payload, readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sos.model.messages import Message
    from sos.model.parcels import Posted
    from sos.stores.redis.server import Server
    from sos.stores.redis.step import Step, Steps

PATIENCE = 10 * SECOND
"""Milliseconds that whoever wrote it down is given: twice as long as a call."""

AT_ONCE = 0.5
"""Seconds that a sender spends on copies: its receipt waits for them, and where a node is away that must not be for long."""


class Owed:
    """Does what is owed. Nothing outside a Cluster."""

    def __init__(self, server: Server, steps: Steps) -> None:
        self._server = server
        self._steps = steps

    def copy(self, posted: Sequence[Posted]) -> None:
        """Put readable copies of what was just stored into its streams. What cannot be done now the clock does."""
        if not self._server.is_cluster:
            return
        messages = [each.message for each in posted if not each.duplicate and each.seq]
        try:
            with self._server.within(AT_ONCE):
                self._copied(each for each in messages if each.assurance != "claimed")
        except StoreError:
            return  # the messages are stored, and so their sender must hear

    def sweep(self, now: Millis, limit: int) -> None:
        """Do some of what nobody has done. Raises StoreUnreachable, with the rest left for the next time."""
        if not self._server.is_cluster:
            return
        (members,) = self._server.read(("ZRANGEBYSCORE", keys.OWED, "-inf", now - PATIENCE, "LIMIT", 0, limit))
        for member in members:
            verb, word, stream = member.decode().split(" ", 2)
            try:
                self._do(verb, word, stream)
            except StoreUnreachable:
                raise
            except StoreError:
                pass  # somebody else's key stands there: the copy is for others, and nothing rests on it
            self._server.command("ZREM", keys.OWED, member)

    def _do(self, verb: str, word: str, stream: str) -> None:
        if verb == "XDEL":
            self._server.at(stream, "XDEL", stream, word)
        elif verb == "CLEAR":
            self._server.script_at("clear", stream)
        else:
            (value,) = self._server.read(("HGET", keys.messages(stream), word))
            if value is not None:
                self._copied([rows.message_of(int(word), stream, value)[0]])

    def _copied(self, messages: Iterable[Message]) -> None:
        entries = [(each, self._added(each)) for each in messages]
        if entries:
            self._steps.run(lambda step: _note(step, entries))

    def _added(self, message: Message) -> bytes:
        words = [*readable(message), payload(message)]
        return self._server.at(message.address, "XADD", message.address, "*", *words)  # type: ignore[no-any-return]


def _note(step: Step, entries: list[tuple[Message, bytes]]) -> None:
    """Write down where the copies stand, so that they go with their messages."""
    found = step.get(*((keys.IDS, message.id) for message, _ in entries))
    noted = {message.id: lines or b"" for (message, _), lines in zip(entries, found, strict=True)}
    for message, entry in entries:
        start = f"{message.seq} {keys.tag(message.sender)} ".encode()
        noted[message.id] = noted[message.id].replace(start + b"- ", start + entry + b" ")
        step.write("ZREM", keys.OWED, f"copy {message.seq} {message.address}")
    for (message, _), lines in zip(entries, found, strict=True):
        if lines is not None and noted[message.id] != lines:
            step.write("HSET", keys.IDS, message.id, noted[message.id])
