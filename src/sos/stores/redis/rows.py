"""Values to what the database holds and back: the only place that knows how they are packed.

What is at its default is left out, so that an idle agent and a fresh delivery are small. A record of an agent begins with what
the scripts must know of it (open or closed, its box, its turn), a message with the digest of its content.
"""

from __future__ import annotations

import json

from sos.model.addresses import Address
from sos.model.agents import Agent, Body
from sos.model.deliveries import ARRIVALS, FACTS, MAX_ATTEMPTS, Delivery, Entry, Fact
from sos.model.digests import sha256
from sos.model.ids import MessageId
from sos.model.messages import ASSURANCES, KINDS, Message
from sos.model.names import Slug
from sos.model.streams import START, Cursor
from sos.model.times import Millis
from sos.model.transitions import is_live, timer_of
from sos.stores.redis import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.messages import Durability
    from sos.stores.redis.keys import Box


def _text(value: bytes) -> str:
    """What came out of the database goes back into it as it was."""
    return value.decode()


#: As one constant: `json.dumps` with other separators than its own builds an encoder at each call.
dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_text).encode
loads = json.loads
_DURABILITIES: tuple[Durability, ...] = ("disk", "fsync≤1s", "memory")
EVIDENCE: dict[Durability, str] = {
    "disk": "disk: written and synced before the receipt (appendfsync always)",
    "fsync≤1s": "fsync≤1s: written to a log that is synced every second",
    "memory": "memory: what the server's machine holds",
}
SHA, BODY = 64, 96
"""Where the digest of a message's value ends, and where its fields begin."""
_DELIVERY = tuple(field for field in Delivery._fields if field != "recipient")
_FRESH = Delivery(recipient="", rank=0)


# --- messages -------------------------------------------------------------------------------------------------------------


def message_value(message: Message, durability: Durability) -> str:
    """What is kept of a message: the digest of its content, a checksum of the rest, its fields. Its number is where it stands."""
    fields = [
        message.id, KINDS.index(message.kind), message.sender, message.to, message.project, message.text,
        None if message.content_type == "text/plain" else message.content_type, message.thread, message.in_reply_to,
        message.priority, message.deadline, message.expires, message.hops, message.sent_at, message.headers or None,
        ASSURANCES.index(message.assurance), _DURABILITIES.index(durability),
    ]  # fmt: skip
    body = dumps(fields)
    return message.sha256 + _checksum(message.address, message.sha256, body.encode()) + body


def _checksum(address: str, sha: str, body: bytes) -> str:
    return sha256(f"{address}\n{sha}".encode() + body).hex()[: BODY - SHA]


def message_of(number: int, address: str, value: bytes) -> tuple[Message, bool, Durability]:
    """A message, whether its checksum holds, and what it survived when it was stored.

    A value that cannot be read at all is a message that says so: one changed bit must not hide the rest of an inbox.
    """
    try:
        return _message_of(number, address, value)
    except (ValueError, LookupError, TypeError, AttributeError):
        message = Message(
            id=MessageId(f"damaged-{number}"), seq=number, kind="message", sender="", to="", project="", address=Address(address),
            text="", sent_at=Millis(0), assurance="claimed", sha256="",
        )  # fmt: skip
        return message, False, "memory"


def _message_of(number: int, address: str, value: bytes) -> tuple[Message, bool, Durability]:
    sha, fields = value[:SHA].decode("ascii", "replace"), loads(value[BODY:])
    message = Message(
        seq=number,
        address=Address(address),
        sha256=sha,
        id=MessageId(fields[0]),
        kind=KINDS[fields[1]],
        sender=fields[2],
        to=fields[3],
        project=fields[4],
        text=fields[5],
        content_type=fields[6] or "text/plain",
        thread=fields[7],
        in_reply_to=fields[8],
        priority=fields[9],
        deadline=fields[10],
        expires=fields[11],
        hops=fields[12],
        sent_at=fields[13],
        headers=fields[14] or {},
        assurance=ASSURANCES[fields[15]],
    )
    sound = _checksum(address, sha, value[BODY:]) == value[SHA:BODY].decode("ascii", "replace")
    return message, sound, _DURABILITIES[fields[16]]


# --- deliveries -----------------------------------------------------------------------------------------------------------


def delivery_value(delivery: Delivery) -> str:
    """A delivery without its recipient: values in the order of its fields, up to the last one that is not at its default."""
    values = [getattr(delivery, field) for field in _DELIVERY]
    while len(values) > 1 and values[-1] == getattr(_FRESH, _DELIVERY[len(values) - 1]):
        values.pop()
    return dumps(
        [ARRIVALS.index(value) if field == "arrival" else value for field, value in zip(_DELIVERY, values, strict=False)]
    )


def delivery_of(slug: str, value: bytes) -> Delivery:
    """A delivery from what stands behind the first line. What cannot be read is fresh: shown again, not lost."""
    try:
        return _delivery_of(slug, value)
    except (ValueError, LookupError, TypeError):
        return Delivery(recipient=slug, rank=4)


def _delivery_of(slug: str, value: bytes) -> Delivery:
    fields = dict(zip(_DELIVERY, loads(value[value.index(b"\n") + 1 :]), strict=False))
    if "arrival" in fields:
        fields["arrival"] = ARRIVALS[fields["arrival"]]
    return Delivery(recipient=slug, **fields)


def entry_of(row: list[Any]) -> Entry:
    """An entry from a row of a script: slug, box, number, delivery, address, message."""
    message, sound, _ = message_of(int(row[2]), row[4].decode("utf-8", "replace"), row[5])
    return Entry(message=message, delivery=delivery_of(row[0].decode("utf-8", "replace"), row[3]), damaged=not sound)


def places(place: Box, message: Message, delivery: Delivery) -> dict[tuple[str, str], int]:
    """Where a delivery stands in the sorted sets of its inbox: (key, member) → score. `ALL` left out: it never moves."""
    number, order, made = str(message.seq), delivery.rank * keys.RANK + message.seq, {}
    if delivery.ended == "dead":
        made["DEAD", number] = order
    if is_live(message, delivery):
        made["LIVE", number] = order
        if delivery.shown == 0 and delivery.leased_until is None:
            made["UNREAD", number] = order
        elif delivery.shown == 0 and delivery.leased_until is not None and delivery.attempts < MAX_ATTEMPTS:
            made["LEASED", number] = delivery.leased_until
        if delivery.next_turn is not None:
            made["AGAIN", f"{order:016}"] = delivery.next_turn
        if message.kind == "request":
            made["OPEN", number] = order
        if delivery.arrival == "pending":
            made["PENDING", number] = order
    found = {(keys.part(place, name), member): score for (name, member), score in made.items()}
    timer = timer_of(message, delivery)
    if timer is not None:
        found[keys.TIMERS, timer_member(message.seq, place)] = timer
    return found


def timer_member(number: int, place: str) -> str:
    """A delivery among the timers."""
    return f"{number:016} {place}"


def fact_value(message: Message, fact: Fact) -> str:
    """One line of a delivery's facts."""
    return dumps([FACTS.index(fact.kind), fact.at - message.sent_at, fact.body, fact.evidence])


def facts_of(message: Message, durability: Durability, value: bytes) -> tuple[Fact, ...]:
    """All facts of a delivery, those that every stored message has included."""
    first = (
        Fact(kind="accepted", at=message.sent_at),
        Fact(kind="stored", at=message.sent_at, evidence=EVIDENCE[durability]),
    )
    found = [loads(line) for line in value.split(b"\n") if line]
    return first + tuple(
        Fact(kind=FACTS[kind], at=Millis(message.sent_at + later), body=body, evidence=evidence)
        for kind, later, body, evidence in found
    )


# --- agents, bodies, cursors ------------------------------------------------------------------------------------------------


class Kept:
    """An agent as it is kept: the record, its box, and the squads of all projects that it is in."""

    __slots__ = ("agent", "box", "squads")

    def __init__(self, agent: Agent, box: Box, squads: tuple[tuple[str, str], ...]) -> None:
        self.agent = agent
        self.box = box
        self.squads = squads


_HEADER = ("slug", "status", "turn", "squads")
_AGENT = Agent(slug=Slug(""), name="", role="executor", label="", project="", joined_at=Millis(0))


def agent_value(kept: Kept) -> str:
    """The record of an agent."""
    agent = kept.agent
    rest = {
        name: value
        for name, value in agent.fields().items()
        if name not in _HEADER and (name in {"name", "role", "project", "joined_at"} or value != getattr(_AGENT, name))
    }
    if kept.squads:
        rest["squads"] = kept.squads
    return f"{agent.status[0]} {kept.box} {agent.turn}\n{dumps(rest)}"


def agent_of(slug: str, value: bytes) -> Kept:
    """An agent from its record."""
    head, _, rest = value.decode().partition("\n")
    status, place, turn = head.split(" ")
    fields = loads(rest)
    squads = tuple((project, name) for project, name in fields.pop("squads", ()))
    agent = Agent(
        **{"label": "", **fields},
        slug=Slug(slug),
        status="open" if status == "o" else "closed",
        turn=int(turn),
        squads=tuple(sorted(name for project, name in squads if project == fields["project"])),
    )
    return Kept(agent, keys.Box(place), squads)


def body_value(number: int, place: str, body: Body) -> str:
    """A body, with the order of its first mention and the box of its agent."""
    return dumps([number, place, *body.fields().values()])


def body_of(value: bytes) -> tuple[int, str, Body]:
    """What `body_value` kept."""
    number, place, *fields = loads(value)
    return number, place, Body(**dict(zip(Body._fields, fields, strict=True)))


def cursor_value(cursor: Cursor) -> str:
    """Where an agent stands in a stream."""
    more = [cursor.again, cursor.seen] if cursor.seen >= 0 else [cursor.again] if cursor.again != START else []
    return dumps([cursor.position, cursor.mark, cursor.since, cursor.backlog, *more])


def cursor_of(value: bytes) -> Cursor:
    """What `cursor_value` kept."""
    return Cursor(**dict(zip(Cursor._fields, loads(value), strict=False)))
