"""Deliveries: one message for one recipient, as facts with evidence instead of one state.

"Sent" that never reached a model is this field's first complaint, so nothing here is inferred: each fact has a time, the body
that it happened in, and its evidence; where there is none, we say so.
"""

from __future__ import annotations

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Literal, TypeVar

    from sos.model.ids import MessageId
    from sos.model.messages import Message
    from sos.model.parcels import Parcel
    from sos.model.times import Millis

    FactKind = Literal[
        "accepted", "stored", "surfaced", "in context", "not in context", "leased", "acked", "replied", "overdue",
        "expired", "dead", "requeued",
    ]  # fmt: skip
    Listed = TypeVar("Listed")
    #: What is known of arrival: nothing to know yet, waiting for evidence, proven, disproven, or no evidence can exist.
    Arrival = Literal["unshown", "pending", "proven", "absent", "no evidence"]
    Ending = Literal["expired", "dead"]
    #: unread: never surfaced · due: unread, or to be shown again at the agent's turn · open: requests without an answer ·
    #: pending: waiting for evidence of arrival · dead: dead letters · recent: the newest, whatever their state
    View = Literal["unread", "due", "open", "pending", "dead", "recent"]

FACTS: tuple[FactKind, ...] = (
    "accepted", "stored", "surfaced", "in context", "not in context", "leased", "acked", "replied", "overdue",
    "expired", "dead", "requeued",
)  # fmt: skip
VIEWS: tuple[View, ...] = ("unread", "due", "open", "pending", "dead", "recent")
ARRIVALS: tuple[Arrival, ...] = ("unshown", "pending", "proven", "absent", "no evidence")

REMINDER_TURNS = (1, 5, 20)
"""Turns after its first showing at which an open request comes back; then it is only counted (DESIGN.md §6)."""
MAX_ABSENT = 3
"""Times a message may be shown again because it did not arrive; then it is undelivered."""
LEASE_SPAN = 60_000
"""Milliseconds of a handler's lease."""
MAX_ATTEMPTS = 5
"""Starts of a handler before a message is a dead letter."""
DAMAGED = "its stored row is damaged"
"""Why a message ended that failed its checksum."""
INBOX_LIMIT = 10_000
"""Live deliveries that one inbox holds."""
INBOX_RESERVE = 2_000
"""Of those, kept for the operator and the system, so that a flood never locks out help."""


CLAIMED = 4
"""The rank of what comes from claimed senders."""


class Fact(Record):
    """Something that happened to a delivery."""

    kind: FactKind
    at: Millis
    #: The session it happened in, or empty.
    body: str = ""
    evidence: str = ""


class Delivery(Record):
    """Where one message stands for one recipient."""

    recipient: str
    #: Order of showing: 0 operator and system, 1 requests, 2 messages and replies, 3 broadcasts, 4 claimed senders.
    rank: int
    shown: int = 0
    shown_at: Millis | None = None
    #: The session that it was last shown in, and the marker that only this showing carried.
    shown_in: str = ""
    mark: str = ""
    arrival: Arrival = "unshown"
    #: Times that it was shown and provably did not arrive.
    absent: int = 0
    #: The agent's turn at which it is due again; None where it is not.
    next_turn: int | None = None
    acked_at: Millis | None = None
    replied_at: Millis | None = None
    ended: Ending | None = None
    ended_at: Millis | None = None
    reason: str = ""
    attempts: int = 0
    fence: int = 0
    leased_until: Millis | None = None
    overdue_at: Millis | None = None

    @property
    def unread(self) -> bool:
        """Never surfaced."""
        return self.shown == 0 and self.ended is None and self.acked_at is None

    @property
    def answered(self) -> bool:
        """Acked or replied to."""
        return self.acked_at is not None or self.replied_at is not None

    @property
    def known_arrival(self) -> Arrival:
        """The arrival as far as it will ever be known: for what is over, no evidence is searched any more."""
        over = self.answered or self.ended is not None
        return "no evidence" if over and self.arrival == "pending" else self.arrival


class Entry(Record):
    """A message together with where it stands for one recipient. `damaged`: its row failed its checksum."""

    message: Message
    delivery: Delivery
    damaged: bool = False

    @property
    def open_request(self) -> bool:
        """A request that is neither acked nor replied to, nor ended."""
        return self.message.kind == "request" and not self.delivery.answered and self.delivery.ended is None


def withheld(message: Message) -> Message:
    """What may be shown of a message whose row is damaged: nobody knows any more what its sender wrote."""
    return message.replace(text="(not shown: its stored row is damaged, and what stands there is not what was sent)", headers={})


class Showing(Record):
    """One message that was just shown: what the store marks after the flush."""

    id: MessageId
    seq: int
    mark: str = ""
    #: Whether a transcript can say later that it arrived.
    provable: bool = False


def one_of_each(
    entries: Iterable[Listed], busy: Sequence[str] | None, limit: int, sender: Callable[[Listed], str]
) -> list[Listed]:
    """Of entries in order: the first of each sender that is not busy, at most `limit`; the first ones where `busy` is None.

    They may be in whatever form their store lists them, as long as `sender` tells the sender of one.
    """
    if busy is None:
        return list(entries)[:limit]
    seen = set(busy)
    found: list[Listed] = []
    for entry in entries:
        if len(found) == limit:
            break
        if sender(entry) not in seen:
            seen.add(sender(entry))
            found.append(entry)
    return found


class Story(Record):
    """Everything that is known of one message: its envelope and the facts per recipient, in order."""

    message: Message
    deliveries: dict[str, tuple[Delivery, tuple[Fact, ...]]]


class Timer(Record):
    """Something that its time did: an expiry, an overdue request, a lapsed lease."""

    kind: Literal["expired", "overdue", "lapsed", "dead"]
    message: Message
    recipient: str
    reason: str = ""


def rank_of(parcel: Parcel) -> int:
    """The order in which a message is shown. What a sender claims of itself ranks last."""
    if parcel.assurance == "claimed":
        return CLAIMED
    if parcel.sender in {"operator", "system"}:
        return 0
    if parcel.draft.kind == "broadcast":
        return 3
    return 1 if parcel.draft.kind == "request" else 2
