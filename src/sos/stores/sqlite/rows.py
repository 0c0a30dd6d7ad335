"""Rows to values and back: the only place that knows the order of columns."""

from __future__ import annotations

from sos.model import wire
from sos.model.addresses import Address, parse_address
from sos.model.agents import Agent, Body
from sos.model.deliveries import ARRIVALS, Delivery, Entry, withheld
from sos.model.ids import loaded, stored
from sos.model.messages import ASSURANCES, KINDS, Message, digest
from sos.model.names import Slug
from sos.model.parcels import seal, seal_of
from sos.model.times import Millis
from sos.model.transitions import is_live, timer_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.parcels import Parcel
    from sos.stores.sqlite.database import Row

MESSAGE_COLUMNS = 19
_KIND = {kind: number for number, kind in enumerate(KINDS)}
_ASSURANCE = {assurance: number for number, assurance in enumerate(ASSURANCES)}
_EVENTS = ("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop")
#: Evidence that nearly every message has, kept as its place here (30 bytes less each). Append only; other evidence is kept whole.
_EVIDENCE = (
    "no. 1",
    "no. 2",
    "no. 3",
    "api-request-blob (user)",
    "api-request-blob (system)",
    "user (Stop hook feedback)",
    *(f"hook_additional_context ({event})" for event in _EVENTS),
    *(f"hook_success ({event})" for event in _EVENTS),
)


def parcel_values(parcel: Parcel, address: int, addressed: str) -> tuple[Any, ...]:
    """The columns of the message row that a parcel becomes, `seq` left out. `addressed`: the agent that its address names."""
    draft, at = parcel.draft, parcel.sent_at
    return (
        stored(draft.id),
        _KIND[draft.kind],
        parcel.sender,
        address,
        None if addressed == draft.to else draft.to,
        draft.text,
        None if draft.content_type == "text/plain" else draft.content_type,
        draft.thread,
        None if draft.in_reply_to is None else stored(draft.in_reply_to),
        draft.priority,
        None if draft.deadline_in is None else at + draft.deadline_in,
        None if draft.expires_in is None else at + draft.expires_in,
        draft.hops,
        at,
        wire.dumps(draft.headers) if draft.headers else None,
        _ASSURANCE[parcel.assurance],
        seal_of(parcel),
    )


def message_of(row: Row) -> tuple[Message, bool]:
    """A message from its columns, and whether its checksum holds. A damaged row still gives what can be read."""
    address = Address(str(row[4]))
    message = Message(
        seq=row[0],
        id=loaded(row[1]),
        kind=KINDS[row[2]],
        sender=row[3],
        address=address,
        project=row[5],
        to=row[6] if row[6] is not None else addressed(address),
        text=row[7],
        content_type=row[8] or "text/plain",
        thread=row[9],
        in_reply_to=None if row[10] is None else loaded(row[10]),
        priority=row[11],
        deadline=row[12],
        expires=row[13],
        hops=row[14],
        sent_at=row[15],
        headers=wire.loads(row[16]) if row[16] else {},
        assurance=ASSURANCES[row[17]],
        sha256="",
    )
    message = message.replace(sha256=digest(message).hex())
    return message, seal(message) == row[18]


def addressed(address: Address) -> str:
    """The agent whose own address this is, or nothing."""
    target = parse_address(address)
    return target.agent if target is not None and target.agent is not None else ""


def delivery_of(row: Row) -> Delivery:
    """A delivery from the columns behind the message's in the view `entry`."""
    (
        slug, rank, shown, shown_at, session, mark, arrival, absent, next_turn, acked_at, replied_at, ended, ended_at, reason,
        attempts, fence, leased_until, overdue_at,
    ) = row[MESSAGE_COLUMNS : MESSAGE_COLUMNS + 18]  # fmt: skip
    return Delivery(
        recipient=slug,
        rank=rank,
        shown=shown,
        shown_at=shown_at,
        shown_in=session or "",
        mark=mark or "",
        arrival=ARRIVALS[arrival],
        absent=absent,
        next_turn=next_turn,
        acked_at=acked_at,
        replied_at=replied_at,
        ended=ended,
        ended_at=ended_at,
        reason=reason or "",
        attempts=attempts,
        fence=fence,
        leased_until=leased_until,
        overdue_at=overdue_at,
    )


def entry_of(row: Row) -> Entry:
    """An entry from a row of the view `entry`. A row that cannot be read at all stands for itself, marked damaged."""
    delivery = delivery_of(row)
    try:
        message, sound = message_of(row)
    except Exception:  # noqa: BLE001  # foreign hands and bit rot: any error here must not stop the messages behind it
        message, sound = _unreadable(row), False
    return Entry(message=message if sound else withheld(message), delivery=delivery, damaged=not sound)


def _unreadable(row: Row) -> Message:
    kept = row[1]
    return Message(
        id=loaded(kept if isinstance(kept, (bytes, str)) and kept else f"damaged:{row[0]}"),
        seq=row[0],
        kind="message",
        sender="",
        to="",
        project="",
        address=Address(""),
        text="",
        sent_at=Millis(0),
        assurance="claimed",
        sha256="",
    )


def delivery_values(message: Message, delivery: Delivery) -> tuple[Any, ...]:
    """The columns that `save_delivery` sets, without its key."""
    return (
        int(is_live(message, delivery)),
        timer_of(message, delivery),
        delivery.shown,
        delivery.shown_at,
        delivery.shown_in or None,
        delivery.mark or None,
        ARRIVALS.index(delivery.arrival),
        delivery.absent,
        delivery.next_turn,
        delivery.acked_at,
        delivery.replied_at,
        delivery.ended,
        delivery.ended_at,
        delivery.reason or None,
        delivery.attempts,
        delivery.fence,
        delivery.leased_until,
        delivery.overdue_at,
    )


def evidence_value(text: str) -> int | str | None:
    """What a fact's row keeps of its evidence."""
    return (_EVIDENCE.index(text) if text in _EVIDENCE else text) if text else None


def evidence_of(kept: int | str | None) -> str:
    """The evidence that `evidence_value` kept."""
    return _EVIDENCE[kept] if isinstance(kept, int) else kept or ""


def agent_of(row: Row) -> Agent:
    """An agent from the columns of the statement `agent`."""
    fields = ("slug", "name", "role", "label", "project", "joined_at", "status", "closed_at", "bodies", "wake",
              "wake_every", "quiet", "turn", "canary_at", "proven_at", "proven_by")  # fmt: skip
    return Agent(squads=tuple(sorted(row[-1].split(","))) if row[-1] else (), **dict(zip(fields, row, strict=False)))


def body_of(row: Row) -> Body:
    """A body from the columns of the statement `body`, which are its fields in order."""
    fields = dict(zip(Body._fields, row, strict=True))  # the order of fields is the order of columns
    return Body(**{**fields, "agent": Slug(fields["agent"]), "holder": bool(fields["holder"])})


def body_values(body: Body) -> tuple[Any, ...]:
    """The columns of `save_body`."""
    return tuple(int(value) if value is True or value is False else value for value in body.fields().values())
