"""What may happen to a delivery, and what it makes of it: pure rules, the same for every store.

A store loads a delivery, asks `apply`, and writes the outcome and its facts in one transaction. No store has rules of its own.
"""

from __future__ import annotations

from sos.model.deliveries import MAX_ABSENT, MAX_ATTEMPTS, REMINDER_TURNS, Delivery, Entry, Fact
from sos.model.errors import StaleFence
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from sos.model.deliveries import Arrival
    from sos.model.messages import Message
    from sos.model.times import Millis

    EventKind = Literal["overdue", "expired", "undelivered", "dead"]


class Action(Record):
    """Something that happens to a delivery at a time, in a body (its session, or empty)."""

    at: Millis
    body: str = ""


class Surface(Action):
    """It was written into the agent's own context channel, and the write was flushed."""

    turn: int
    mark: str = ""
    #: Whether a transcript can say later that it arrived.
    provable: bool = False


class Arrive(Action):
    """The runtime's transcript shows it in a request."""

    evidence: str


class Miss(Action):
    """A request went out after the flush and the message is not in it."""

    evidence: str
    turn: int


class GiveUpEvidence(Action):
    """The session is over, and its transcript says neither."""


class Ack(Action):
    """The recipient acknowledged it."""

    fence: int | None = None


class Answer(Action):
    """The recipient replied to it: an acknowledgement as well."""

    reply: str


class Lease(Action):
    """A handler starts on it."""

    until: Millis


class Extend(Action):
    """The handler progresses."""

    fence: int
    until: Millis


class Release(Action):
    """The handler failed: back, and not before `retry_at`; after the last attempt a dead letter."""

    fence: int
    retry_at: Millis
    reason: str


class Lapse(Action):
    """A lease ran out."""


class Expire(Action):
    """It is not worth showing any more."""


class RunOver(Action):
    """A request's deadline passed without an answer."""


class Kill(Action):
    """It will not be delivered."""

    reason: str


class Requeue(Action):
    """A dead letter is given another life."""


class Outcome(Record):
    """What an action made of a delivery. No facts: nothing changed."""

    delivery: Delivery
    facts: tuple[Fact, ...] = ()
    #: What the sender must be told.
    event: EventKind | None = None


def apply(message: Message, delivery: Delivery, action: Action) -> Outcome:
    """The outcome of one action. What is over stays over: a late action changes nothing. Raises StaleFence."""
    rule: Callable[[Message, Delivery, Action], Outcome] = _RULES[type(action)]  # type: ignore[assignment]  # keyed by its type
    return rule(message, delivery, action)


def _surface(message: Message, delivery: Delivery, action: Surface) -> Outcome:
    if delivery.ended is not None or delivery.answered:
        return Outcome(delivery=delivery)
    count = delivery.shown + 1
    after = delivery.replace(
        shown=count,
        shown_at=action.at,
        shown_in=action.body,
        mark=action.mark,
        arrival=_arrival_of(delivery, action),
        next_turn=_reminder(message, delivery, action.turn),
    )
    return Outcome(delivery=after, facts=(Fact(kind="surfaced", at=action.at, body=action.body, evidence=f"no. {count}"),))


def _arrival_of(delivery: Delivery, action: Surface) -> Arrival:
    # What once stood in the context is proven for good: a reminder that gets lost takes nothing of that back.
    if delivery.arrival == "proven":
        return "proven"
    return "pending" if action.provable else "no evidence"


def _reminder(message: Message, delivery: Delivery, turn: int) -> int | None:
    # Reminders count from the first showing: 1, 5 and 20 turns later, that is 1, 4 and 15 after the showing before.
    if message.kind != "request":
        return None
    shown = delivery.shown - delivery.absent
    if not 0 <= shown < len(REMINDER_TURNS):
        return None
    before = REMINDER_TURNS[shown - 1] if shown else 0
    return turn + REMINDER_TURNS[shown] - before


def _arrive(message: Message, delivery: Delivery, action: Arrive) -> Outcome:
    if delivery.arrival != "pending":
        return Outcome(delivery=delivery)
    fact = Fact(kind="in context", at=action.at, body=action.body, evidence=action.evidence)
    return Outcome(delivery=delivery.replace(arrival="proven", mark=""), facts=(fact,))


def _miss(message: Message, delivery: Delivery, action: Miss) -> Outcome:
    if delivery.arrival != "pending" or delivery.ended is not None:
        return Outcome(delivery=delivery)
    fact = Fact(kind="not in context", at=action.at, body=action.body, evidence=action.evidence)
    count = delivery.absent + 1
    # What was answered although it never stood in the context (by a command) neither comes again nor dies of it.
    after = delivery.replace(arrival="absent", absent=count, mark="", next_turn=None if delivery.answered else action.turn + 1)
    if delivery.answered or count < MAX_ABSENT:
        return Outcome(delivery=after, facts=(fact,))
    reason = f"undelivered: shown {delivery.shown} times and never in the context"
    dead = after.replace(ended="dead", ended_at=action.at, reason=reason, next_turn=None, leased_until=None)
    return Outcome(
        delivery=dead,
        facts=(fact, Fact(kind="dead", at=action.at, body=action.body, evidence=reason)),
        event="undelivered",
    )


def _give_up(message: Message, delivery: Delivery, action: GiveUpEvidence) -> Outcome:
    if delivery.arrival != "pending":
        return Outcome(delivery=delivery)
    return Outcome(delivery=delivery.replace(arrival="no evidence", mark=""), facts=())


def _ack(message: Message, delivery: Delivery, action: Ack) -> Outcome:
    if action.fence is not None and delivery.fence != action.fence:
        raise StaleFence(f"the lease on {message.id} was lost")
    if delivery.answered or delivery.ended is not None:
        return Outcome(delivery=delivery)  # also an ack whose answer was lost, sent again with the same fence
    if action.fence is not None and delivery.leased_until is None:
        raise StaleFence(f"the lease on {message.id} was lost")
    after = delivery.replace(acked_at=action.at, next_turn=None, leased_until=None)
    return Outcome(delivery=after, facts=(Fact(kind="acked", at=action.at, body=action.body, evidence=_late(delivery)),))


def _answer(message: Message, delivery: Delivery, action: Answer) -> Outcome:
    if delivery.replied_at is not None:
        return Outcome(delivery=delivery)
    after = delivery.replace(replied_at=action.at, acked_at=delivery.acked_at or action.at, next_turn=None, leased_until=None)
    evidence = f"by {action.reply}{', ' + _late(delivery) if delivery.overdue_at else ''}"
    return Outcome(delivery=after, facts=(Fact(kind="replied", at=action.at, body=action.body, evidence=evidence),))


def _late(delivery: Delivery) -> str:
    return "after its deadline" if delivery.overdue_at is not None else ""


def _lease(message: Message, delivery: Delivery, action: Lease) -> Outcome:
    after = delivery.replace(attempts=delivery.attempts + 1, fence=delivery.fence + 1, leased_until=action.until, next_turn=None)
    fact = Fact(kind="leased", at=action.at, body=action.body, evidence=f"attempt {after.attempts}, fence {after.fence}")
    return Outcome(delivery=after, facts=(fact,))


def _extend(message: Message, delivery: Delivery, action: Extend) -> Outcome:
    if delivery.leased_until is None or delivery.fence != action.fence:
        raise StaleFence(f"the lease on {message.id} was lost")
    return Outcome(delivery=delivery.replace(leased_until=action.until))


def _release(message: Message, delivery: Delivery, action: Release) -> Outcome:
    if delivery.leased_until is None or delivery.fence != action.fence:
        raise StaleFence(f"the lease on {message.id} was lost")
    if delivery.attempts >= MAX_ATTEMPTS:
        return _kill(message, delivery, Kill(at=action.at, body=action.body, reason=f"{MAX_ATTEMPTS} attempts: {action.reason}"))
    # The fence moves on, so that the body which failed cannot acknowledge afterwards; `leased_until` is when it may start again.
    return Outcome(delivery=delivery.replace(fence=delivery.fence + 1, leased_until=action.retry_at, reason=action.reason))


def _lapse(message: Message, delivery: Delivery, action: Lapse) -> Outcome:
    if delivery.leased_until is None or delivery.leased_until > action.at:
        return Outcome(delivery=delivery)
    if delivery.attempts >= MAX_ATTEMPTS:
        return _kill(message, delivery, Kill(at=action.at, body=action.body, reason=f"{MAX_ATTEMPTS} attempts: no answer"))
    return Outcome(delivery=delivery.replace(leased_until=None, fence=delivery.fence + 1))


def _expire(message: Message, delivery: Delivery, action: Expire) -> Outcome:
    if delivery.ended is not None or delivery.answered or not apply_expiry(delivery):
        return Outcome(delivery=delivery)
    after = delivery.replace(ended="expired", ended_at=action.at, next_turn=None, leased_until=None, mark="")
    return Outcome(delivery=after, facts=(Fact(kind="expired", at=action.at, body=action.body),), event="expired")


def _run_over(message: Message, delivery: Delivery, action: RunOver) -> Outcome:
    if delivery.overdue_at is not None or not Entry(message=message, delivery=delivery).open_request:
        return Outcome(delivery=delivery)
    fact = Fact(kind="overdue", at=action.at, body=action.body)
    return Outcome(delivery=delivery.replace(overdue_at=action.at), facts=(fact,), event="overdue")


def _kill(message: Message, delivery: Delivery, action: Kill) -> Outcome:
    if delivery.ended is not None or delivery.answered:
        return Outcome(delivery=delivery)
    after = delivery.replace(ended="dead", ended_at=action.at, reason=action.reason, next_turn=None, leased_until=None, mark="")
    fact = Fact(kind="dead", at=action.at, body=action.body, evidence=action.reason)
    return Outcome(delivery=after, facts=(fact,), event="dead")


def _requeue(message: Message, delivery: Delivery, action: Requeue) -> Outcome:
    if delivery.ended != "dead" or delivery.answered:
        return Outcome(delivery=delivery)
    after = Delivery(recipient=delivery.recipient, rank=delivery.rank, fence=delivery.fence + 1)
    return Outcome(delivery=after, facts=(Fact(kind="requeued", at=action.at, body=action.body),))


_RULES = {
    Surface: _surface,
    Arrive: _arrive,
    Miss: _miss,
    GiveUpEvidence: _give_up,
    Ack: _ack,
    Answer: _answer,
    Lease: _lease,
    Extend: _extend,
    Release: _release,
    Lapse: _lapse,
    Expire: _expire,
    RunOver: _run_over,
    Kill: _kill,
    Requeue: _requeue,
}


def is_live(message: Message, delivery: Delivery) -> bool:
    """Whether anything is still to be done: only live deliveries are looked at by an inbox."""
    if delivery.ended is not None or delivery.answered:
        return False
    return delivery.shown == 0 or delivery.arrival == "pending" or delivery.next_turn is not None or message.kind == "request"


def timer_of(message: Message, delivery: Delivery) -> Millis | None:
    """When this delivery must next be looked at by the clock: expiry, deadline or lease, whichever comes first."""
    if not is_live(message, delivery):
        return None
    # Only times at which `due_action` acts: one that stays in the past would be looked at for ever, ahead of all others.
    times = [
        message.expires if apply_expiry(delivery) else None,
        delivery.leased_until,
        message.deadline if message.kind == "request" and delivery.overdue_at is None else None,
    ]
    return min((at for at in times if at is not None), default=None)


def due_action(message: Message, delivery: Delivery, now: Millis) -> Action | None:
    """What the clock does to a delivery whose timer has come, most final first; None where it is too early."""
    if message.expires is not None and message.expires <= now and apply_expiry(delivery):
        return Expire(at=now)
    waits = message.kind == "request" and delivery.overdue_at is None
    if waits and message.deadline is not None and message.deadline <= now:
        return RunOver(at=now)
    if delivery.leased_until is not None and delivery.leased_until <= now:
        return Lapse(at=now)
    return None


def apply_expiry(delivery: Delivery) -> bool:
    """Whether an expiry still means something: not for what was shown and may have arrived, nor before that is known."""
    return delivery.arrival in {"unshown", "absent"}
