"""Pruning in small steps that sends bring with them: a position goes round the messages, so that each step costs the same."""

from __future__ import annotations

from sos.model.errors import StoreError
from sos.model.retention import ABANDONED_FOR, BODY_FOR, DEAD_FOR, EVERY, LOOKED_AT, is_past
from sos.model.transitions import Kill, is_live
from sos.stores.redis import keys, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sos.model.deliveries import Entry
    from sos.model.parcels import Posted
    from sos.model.times import Millis
    from sos.stores.redis.server import Server
    from sos.stores.redis.step import Step, Steps

_BODIES = 16
_LEFT = 4
"""Agents that left which one step looks at."""


class Retention:
    """Removes what is past its time."""

    def __init__(self, server: Server, steps: Steps) -> None:
        self._server = server
        self._steps = steps

    def after(self, posted: Sequence[Posted]) -> None:
        """One message in `EVERY` brings a step with it, once it is stored."""
        for each in posted:
            # Not by its message, which is made anew each time that it is asked for.
            if not each.duplicate and each.seq and each.seq % EVERY == 0:
                try:
                    self.step(each.parcel.sent_at, LOOKED_AT)
                except StoreError:
                    return  # the message is stored, and so its sender must hear; the next one prunes

    def step(self, now: Millis, limit: int) -> int:
        """End abandoned mail, forget old bodies, and remove what is past among the next `limit` messages; how many of them."""
        times = (now - DEAD_FOR, now - ABANDONED_FOR, now - BODY_FOR)

        def work(step: Step) -> int:
            position, after, left, bodies, found = self._server.script("past", limit, *times, _LEFT, _BODIES)
            for each in left:
                _end_abandoned(step, each, now, limit)
            for session, value in bodies:
                _forget_body(step, session, value)
            gone = [one for one in found if _is_past(one, now)]
            for one in gone:
                _remove(step, one, now)
            if after != (position or b"0"):
                step.expect(keys.META, "pruned", position)
                step.write("HSET", keys.META, "pruned", after)
            return len(gone)

        return self._steps.run(work)


def _end_abandoned(step: Step, each: list[Any], now: Millis, limit: int) -> None:
    box, kept, slug, record, waiting = each
    for row in waiting:
        step.change(step.load(row), Kill(at=now, reason="its recipient left 30 days ago"))
    if len(waiting) == limit:
        return
    # Nothing waits here any more: once its messages are gone as well, what is left of the inbox goes.
    if kept:
        step.write("ZADD", keys.CLOSED, now, box)
        return
    step.expect(keys.AGENTS, slug.decode(), record)
    step.write("ZREM", keys.CLOSED, box)
    step.write("DEL", keys.part(box.decode(), "CURSORS"))
    if record is not None and rows.agent_of("", record).box == box.decode():  # else another agent's stream by now
        step.beside(now, "CLEAR", keys.stream(box.decode()))


def _forget_body(step: Step, session: bytes, value: bytes | None) -> None:
    step.expect(keys.BODIES, session.decode(), value)
    if value is not None:
        step.write("ZREM", keys.part(rows.body_of(value)[1], "SESSIONS"), session)
    step.write("HDEL", keys.BODIES, session)
    step.write("ZREM", keys.SEEN, session)


def _is_past(one: list[Any], now: Millis) -> bool:
    found: list[Entry] = [rows.entry_of(row) for row in one[5] if one[3] is not None]
    return all(not is_live(each.message, each.delivery) and is_past(each.message, each.delivery, now) for each in found)


def _remove(step: Step, one: list[Any], now: Millis) -> None:
    number, address, member, value, lines, deliveries = one
    for _, box, _, delivery, *_ in deliveries:
        place = box.decode()
        step.expect(keys.part(place, "DELIVERIES"), number.decode(), delivery)
        step.write("HDEL", keys.part(place, "DELIVERIES"), number)
        step.write("HDEL", keys.part(place, "FACTS"), number)
        for index in ("ALL", "DEAD"):
            step.write("ZREM", keys.part(place, index), number)
    step.write("ZREM", keys.LOG, member)
    if value is None:
        return
    message, _, _ = rows.message_of(int(number), address.decode(), value)
    step.expect(keys.IDS, message.id, lines)
    step.write("CUTLINE", keys.IDS, message.id, number)
    step.write("ZREM", keys.sent(message.sender), number)
    step.write("HDEL", keys.messages(message.address), number, number.decode() + " to")
    for line in (lines or b"").decode().split("\n"):
        found, _, rest = line.partition(" ")
        if found == number.decode() and (entry := rest.split(" ")[1]) != "-":
            step.beside(now, "XDEL", message.address, entry)
