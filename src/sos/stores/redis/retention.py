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
    from sos.model.messages import Message
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
            if not each.duplicate and each.message.seq and each.message.seq % EVERY == 0:
                try:
                    self.step(each.message.sent_at, LOOKED_AT)
                except StoreError:
                    return  # the message is stored, and so its sender must hear; the next one prunes

    def step(self, now: Millis, limit: int) -> int:
        """End abandoned mail, forget old bodies, and remove what is past among the next `limit` messages; how many of them."""
        self._steps.run(lambda step: self._end_abandoned(step, now, limit))
        self._steps.run(lambda step: self._forget_bodies(step, now))
        return self._steps.run(lambda step: self._round(step, now, limit))

    def _end_abandoned(self, step: Step, now: Millis, limit: int) -> None:
        (left,) = self._server.read(("ZRANGEBYSCORE", keys.CLOSED, "-inf", f"({now - ABANDONED_FOR}", "LIMIT", 0, _LEFT))
        for box in left:
            found = self._server.script("abandoned", box, limit)
            for row in found:
                step.change(step.load(row), Kill(at=now, reason="its recipient left 30 days ago"))
            if len(found) < limit:
                self._clear(step, box.decode(), now)

    def _clear(self, step: Step, box: str, now: Millis) -> None:
        """Nothing waits here any more: once its messages are gone as well, what is left of the inbox goes."""
        (record,) = step.get((keys.AGENTS, keys.slug_of(box)))
        (kept,) = self._server.read(("ZCARD", keys.part(box, "ALL")))
        if kept:
            step.write("ZADD", keys.CLOSED, now, box)
            return
        step.write("ZREM", keys.CLOSED, box)
        step.write("DEL", keys.part(box, "CURSORS"))
        if record is not None and rows.agent_of("", record).box == box:  # else another agent's stream by now
            step.write("CLEAR", keys.stream(box))

    def _forget_bodies(self, step: Step, now: Millis) -> None:
        (old,) = self._server.read(("ZRANGEBYSCORE", keys.SEEN, "-inf", f"({now - BODY_FOR}", "LIMIT", 0, _BODIES))
        if not old:
            return
        for session, value in zip(old, step.get(*((keys.BODIES, each.decode()) for each in old)), strict=True):
            if value is not None:
                step.write("ZREM", keys.part(rows.body_of(value)[1], "SESSIONS"), session)
            step.write("HDEL", keys.BODIES, session)
            step.write("ZREM", keys.SEEN, session)

    def _round(self, step: Step, now: Millis, limit: int) -> int:
        (position,) = step.get((keys.META, "pruned"))
        start = int(position or 0)
        looked = self._server.script("past", start, limit, now - DEAD_FOR)
        if len(looked) < limit and start:  # round the end
            again = self._server.script("past", 0, limit - len(looked), now - DEAD_FOR)
            looked += [one for one in again if int(one[0]) <= start]
        gone = [one for one in looked if len(one) > 1 and _is_past(one, now)]
        messages = [None if one[3] is None else rows.message_of(int(one[0]), one[1].decode(), one[3])[0] for one in gone]
        there = [message for message in messages if message is not None]
        lines = step.get(*((keys.IDS, message.id) for message in there)) if there else []
        for one in gone:
            _remove_deliveries(step, one)
        for message, line in zip(there, lines, strict=True):
            _remove_message(step, message, line or b"")
        after = looked[-1][0] if looked else b"0"
        if after != (position or b"0"):
            step.write("HSET", keys.META, "pruned", after)
        return len(gone)


def _is_past(one: list[Any], now: Millis) -> bool:
    found: list[Entry] = [rows.entry_of(row) for row in one[4] if one[3] is not None]
    return all(not is_live(each.message, each.delivery) and is_past(each.message, each.delivery, now) for each in found)


def _remove_deliveries(step: Step, one: list[Any]) -> None:
    number, _, member, _, deliveries = one
    for _, box, _, delivery, *_ in deliveries:
        place = box.decode()
        step.expect(keys.part(place, "DELIVERIES"), number.decode(), delivery)
        step.write("HDEL", keys.part(place, "DELIVERIES"), number)
        step.write("HDEL", keys.part(place, "FACTS"), number)
        for index in ("ALL", "DEAD"):
            step.write("ZREM", keys.part(place, index), number)
    step.write("ZREM", keys.LOG, member)


def _remove_message(step: Step, message: Message, lines: bytes) -> None:
    number = str(message.seq)
    step.write("CUTLINE", keys.IDS, message.id, number)
    step.write("ZREM", keys.sent(message.sender), number)
    step.write("HDEL", keys.messages(message.address), number, f"{number} to")
    for line in lines.decode().split("\n"):
        found, _, rest = line.partition(" ")
        if found == number and (entry := rest.split(" ")[1]) != "-":
            step.write("XDEL", message.address, entry)
