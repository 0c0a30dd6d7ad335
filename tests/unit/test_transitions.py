"""What may happen to a delivery: the rules alone, over every order of actions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.addresses import inbox_address
from sos.model.deliveries import FACTS, MAX_ABSENT, MAX_ATTEMPTS, REMINDER_TURNS, Delivery, Entry
from sos.model.errors import StaleFence
from sos.model.ids import new_id
from sos.model.messages import Message
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.transitions import (
    Ack,
    Action,
    Answer,
    Arrive,
    Expire,
    Extend,
    GiveUpEvidence,
    Kill,
    Lapse,
    Lease,
    Miss,
    Outcome,
    Release,
    Requeue,
    RunOver,
    Surface,
    apply,
    due_action,
    is_live,
    timer_of,
)

START = Millis(1_795_000_000_000)


def at(offset: int) -> Millis:
    return Millis(START + offset)


def message(**fields: Any) -> Message:
    return Message(
        id=new_id(START),
        kind="request",
        sender="aa",
        to="bb",
        project="p",
        address=inbox_address(Slug("bb"), "p"),
        text="x",
        sent_at=START,
        assurance="same-user",
        sha256="0" * 64,
    ).replace(**fields)


def fresh() -> Delivery:
    return Delivery(recipient="bb", rank=1)


def after(of: Message, *actions: Action, start: Delivery | None = None) -> Delivery:
    delivery = start or fresh()
    for action in actions:
        delivery = apply(of, delivery, action).delivery
    return delivery


OFFSETS = st.integers(0, 100).map(at)
FENCES = st.integers(0, 4)
ACTIONS = st.one_of(
    st.builds(Surface, at=OFFSETS, turn=st.integers(0, 30), mark=st.sampled_from(["", "m"]), provable=st.booleans()),
    st.builds(Arrive, at=OFFSETS, evidence=st.just("line 1")),
    st.builds(Miss, at=OFFSETS, evidence=st.just("line 1"), turn=st.integers(0, 30)),
    st.builds(GiveUpEvidence, at=OFFSETS),
    st.builds(Ack, at=OFFSETS, fence=st.none() | FENCES),
    st.builds(Answer, at=OFFSETS, reply=st.just("r")),
    st.builds(Lease, at=OFFSETS, until=OFFSETS),
    st.builds(Extend, at=OFFSETS, fence=FENCES, until=OFFSETS),
    st.builds(Release, at=OFFSETS, fence=FENCES, retry_at=OFFSETS, reason=st.just("boom")),
    st.builds(Lapse, at=OFFSETS),
    st.builds(Expire, at=OFFSETS),
    st.builds(RunOver, at=OFFSETS),
    st.builds(Kill, at=OFFSETS, reason=st.just("why")),
    st.builds(Requeue, at=OFFSETS),
)
MESSAGES = st.builds(
    message,
    kind=st.sampled_from(["message", "request", "reply", "broadcast"]),
    deadline=st.none() | OFFSETS,
    expires=st.none() | OFFSETS,
)


def reached(of: Message, actions: list[Action]) -> list[tuple[Delivery, Action, Outcome]]:
    """Every step of a walk, without the steps that were refused and without leases that no store gives."""
    delivery, steps = fresh(), []
    for action in actions:
        leasable = is_live(of, delivery) and delivery.shown == 0 and (delivery.leased_until or action.at) <= action.at
        if isinstance(action, Lease) and not leasable:
            continue
        try:
            outcome = apply(of, delivery, action)
        except StaleFence:
            continue
        steps.append((delivery, action, outcome))
        delivery = outcome.delivery
    return steps


WALKS = st.lists(ACTIONS, max_size=25)


@given(MESSAGES, WALKS)
def test_laws_of_every_step(of: Message, actions: list[Action]) -> None:
    for before, action, outcome in reached(of, actions):
        now = outcome.delivery
        assert (now.recipient, now.rank) == ("bb", 1)
        assert now.fence >= before.fence
        assert now.attempts <= MAX_ATTEMPTS
        assert now.absent <= max(MAX_ABSENT, now.shown)
        assert (now.ended is None) == (now.ended_at is None)
        for fact in outcome.facts:
            assert fact.kind in FACTS
            assert (fact.at, fact.body) == (action.at, action.body)
        if not isinstance(action, Requeue):
            assert now.shown >= before.shown
            assert before.acked_at in {None, now.acked_at}
            assert before.replied_at in {None, now.replied_at}
            assert before.ended in {None, now.ended}
            assert before.ended_at in {None, now.ended_at}
        if before.acked_at is None and now.acked_at is not None:
            assert isinstance(action, Ack | Answer)
        if now.shown > before.shown:
            assert isinstance(action, Surface)
        if now.arrival == "proven" and before.arrival != "proven":
            assert isinstance(action, Arrive)
        if outcome.event is not None:
            assert not before.answered
            assert now.ended in {"expired", "dead"} or outcome.event == "overdue"
        if not is_live(of, now):
            assert timer_of(of, now) is None


@given(MESSAGES, WALKS, ACTIONS)
def test_what_is_over_stays_over(of: Message, actions: list[Action], late: Action) -> None:
    steps = reached(of, [*actions, Kill(at=at(101), reason="over")])
    over = steps[-1][2].delivery
    assert over.ended is not None or over.answered
    if isinstance(late, Lease) or (isinstance(late, Requeue) and not over.answered):
        return
    try:
        outcome = apply(of, over, late)
    except StaleFence:
        return
    assert outcome.event is None
    assert not is_live(of, outcome.delivery)
    # Evidence and an answer are noted even then; nothing else is.
    noted = {"replied_at", "acked_at"}
    if isinstance(late, Arrive | GiveUpEvidence):
        noted = {"arrival", "mark"}
    elif isinstance(late, Miss) and over.ended is None:
        noted = {"arrival", "mark", "absent"}
    changed = {name for name, value in outcome.delivery.fields().items() if over.fields()[name] != value}
    assert changed <= (noted if isinstance(late, Arrive | GiveUpEvidence | Miss | Answer) else set())


@given(MESSAGES, WALKS, OFFSETS)
def test_the_clock_comes_to_rest(of: Message, actions: list[Action], now: Millis) -> None:
    """A timer that stayed in the past would be looked at for ever, ahead of every other."""
    steps = reached(of, actions)
    delivery = steps[-1][2].delivery if steps else fresh()
    for _ in range(6):
        timer = timer_of(of, delivery)
        if timer is None or timer > now:
            return
        action = due_action(of, delivery, now)
        assert action is not None
        outcome = apply(of, delivery, action)
        assert outcome.delivery != delivery
        delivery = outcome.delivery
    pytest.fail("the clock does not come to rest")


@pytest.mark.promise("INBOX-016")
def test_an_open_request_comes_back_after_its_turns_and_then_no_more() -> None:
    of, delivery, turn = message(), fresh(), 100
    due = []
    while True:
        delivery = after(of, Surface(at=START, turn=turn), start=delivery)
        if delivery.next_turn is None:
            break
        turn = delivery.next_turn
        due.append(turn - 100)
    assert tuple(due) == REMINDER_TURNS == (1, 5, 20)
    assert is_live(of, delivery)
    assert Entry(message=of, delivery=delivery).open_request


@pytest.mark.parametrize("kind", ["message", "reply", "broadcast", "event"])
def test_only_requests_come_back(kind: str) -> None:
    of = message(kind=kind)
    shown = after(of, Surface(at=START, turn=1))
    assert shown.next_turn is None
    assert not is_live(of, shown)
    assert shown.arrival == "no evidence"


def test_what_did_not_arrive_comes_again_three_times_and_is_then_undelivered() -> None:
    of, delivery = message(kind="message"), fresh()
    outcome = Outcome(delivery=delivery)
    for turn in range(1, MAX_ABSENT + 1):
        delivery = after(of, Surface(at=at(turn), turn=turn, mark=f"m{turn}", provable=True), start=delivery)
        assert (delivery.arrival, delivery.mark) == ("pending", f"m{turn}")
        outcome = apply(of, delivery, Miss(at=at(turn), evidence="a request", turn=turn))
        delivery = outcome.delivery
        if turn < MAX_ABSENT:
            assert (delivery.ended, delivery.next_turn, outcome.event) == (None, turn + 1, None)
    assert (delivery.ended, delivery.next_turn, outcome.event) == ("dead", None, "undelivered")
    assert [fact.kind for fact in outcome.facts] == ["not in context", "dead"]
    assert not is_live(of, delivery)


def test_what_was_answered_by_a_command_does_not_die_for_want_of_evidence() -> None:
    of = message()
    delivery = after(
        of,
        Surface(at=START, turn=1, provable=True),
        Miss(at=START, evidence="e", turn=1),
        Surface(at=START, turn=2, provable=True),
        Miss(at=START, evidence="e", turn=2),
        Surface(at=START, turn=3, provable=True),
        Ack(at=START),
    )
    outcome = apply(of, delivery, Miss(at=at(1), evidence="e", turn=3))
    assert [fact.kind for fact in outcome.facts] == ["not in context"]
    assert (outcome.event, outcome.delivery.ended, outcome.delivery.next_turn) == (None, None, None)
    assert outcome.delivery.arrival == "absent"


def test_evidence_is_taken_once_and_only_when_awaited() -> None:
    of = message(kind="message")
    arrive, miss = Arrive(at=at(1), evidence="line 7"), Miss(at=at(1), evidence="line 7", turn=1)
    for unshown in (fresh(), after(of, Surface(at=START, turn=1))):
        assert apply(of, unshown, arrive) == apply(of, unshown, miss) == Outcome(delivery=unshown)
    proven = after(of, Surface(at=START, turn=1, mark="m", provable=True), arrive)
    assert (proven.arrival, proven.mark) == ("proven", "")
    assert apply(of, proven, miss) == apply(of, proven, GiveUpEvidence(at=at(2))) == Outcome(delivery=proven)
    nothing = after(of, Surface(at=START, turn=1, provable=True), GiveUpEvidence(at=at(1)))
    assert nothing.arrival == "no evidence"


@pytest.mark.promise("INBOX-006")
def test_what_was_once_proven_stays_proven_when_it_is_shown_again() -> None:
    of, again = message(), Surface(at=at(2), turn=2, mark="n", provable=True)
    proven = after(of, Surface(at=START, turn=1, mark="m", provable=True), Arrive(at=at(1), evidence="line 7"), again)
    assert (proven.shown, proven.arrival, proven.next_turn) == (2, "proven", 6)
    assert apply(of, proven, Miss(at=at(3), evidence="a request", turn=3)) == Outcome(delivery=proven)


@pytest.mark.promise("INBOX-007")
@pytest.mark.parametrize("end", [Ack(at=at(1)), Answer(at=at(1), reply="r"), Kill(at=at(1), reason="x")])
def test_what_is_over_waits_for_no_evidence(end: Action) -> None:
    shown = after(message(), Surface(at=START, turn=1, mark="m", provable=True))
    assert shown.known_arrival == "pending"
    assert after(message(), end, start=shown).known_arrival == "no evidence"


def test_an_ack_closes_and_is_taken_once() -> None:
    of = message(deadline=at(10))
    acked = after(of, Surface(at=START, turn=1), Ack(at=at(1)))
    assert (acked.acked_at, acked.next_turn, is_live(of, acked)) == (at(1), None, False)
    assert apply(of, acked, Ack(at=at(2))) == Outcome(delivery=acked)
    assert apply(of, acked, RunOver(at=at(11))) == Outcome(delivery=acked)
    assert after(of, Surface(at=at(2), turn=9), start=acked) == acked


@pytest.mark.parametrize("action", [Ack(at=at(20)), Answer(at=at(20), reply="r")])
def test_an_answer_after_the_deadline_says_so(action: Action) -> None:
    of = message(deadline=at(10))
    overdue = apply(of, fresh(), RunOver(at=at(10)))
    assert (overdue.event, overdue.delivery.overdue_at) == ("overdue", at(10))
    assert apply(of, overdue.delivery, RunOver(at=at(11))) == Outcome(delivery=overdue.delivery)
    (fact,) = apply(of, overdue.delivery, action).facts
    assert "after its deadline" in fact.evidence
    (fact,) = apply(of, fresh(), action).facts
    assert "deadline" not in fact.evidence


def test_a_reply_acknowledges_and_keeps_an_earlier_acks_time() -> None:
    of = message()
    assert after(of, Answer(at=at(3), reply="r")).acked_at == at(3)
    both = after(of, Ack(at=at(1)), Answer(at=at(3), reply="r"))
    assert (both.acked_at, both.replied_at) == (at(1), at(3))
    assert apply(of, both, Answer(at=at(4), reply="r2")) == Outcome(delivery=both)


@pytest.mark.promise("LEASE-002")
def test_a_lost_lease_is_refused() -> None:
    of = message(kind="message")
    held = after(of, Lease(at=START, until=at(10)))
    assert (held.attempts, held.fence, held.leased_until) == (1, 1, at(10))
    assert after(of, Extend(at=at(5), fence=1, until=at(20)), start=held).leased_until == at(20)
    early = apply(of, held, Lapse(at=at(9)))
    assert early == Outcome(delivery=held)
    lapsed = after(of, Lapse(at=at(10)), start=held)
    released = after(of, Release(at=at(5), fence=1, retry_at=at(30), reason="boom"), start=held)
    again = after(of, Lease(at=at(11), until=at(40)), start=lapsed)
    for lost in (lapsed, released, again, fresh()):
        for action in (
            Ack(at=at(12), fence=1),
            Extend(at=at(12), fence=1, until=at(50)),
            Release(at=at(12), fence=1, retry_at=at(50), reason=""),
        ):
            with pytest.raises(StaleFence):
                apply(of, lost, action)
    assert after(of, Ack(at=at(12), fence=again.fence), start=again).answered


@pytest.mark.parametrize("crashes", [True, False])
@pytest.mark.promise("LEASE-003")
def test_the_last_attempt_makes_a_dead_letter_that_can_be_given_another_life(crashes: bool) -> None:
    of, delivery = message(kind="message"), fresh()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        delivery = after(of, Lease(at=at(attempt), until=at(attempt)), start=delivery)
        assert delivery.attempts == attempt
        action: Action = Lapse(at=at(attempt))
        if not crashes:
            action = Release(at=at(attempt), fence=delivery.fence, retry_at=at(attempt), reason="boom")
        outcome = apply(of, delivery, action)
        delivery = outcome.delivery
        assert (delivery.ended == "dead") == (outcome.event == "dead") == (attempt == MAX_ATTEMPTS)
    assert delivery.reason.startswith("5 attempts")
    reborn = after(of, Requeue(at=at(50)), start=delivery)
    assert reborn == fresh().replace(fence=delivery.fence + 1)
    assert is_live(of, reborn)
    assert apply(of, reborn, Requeue(at=at(51))) == Outcome(delivery=reborn)


def test_expiry_ends_what_may_not_have_been_seen_and_nothing_else() -> None:
    of = message(expires=at(10))
    pending = after(of, Surface(at=START, turn=1, provable=True))
    assert timer_of(of, pending) is None  # nobody is told "before it was read" while that is not known
    for waiting in (fresh(), after(of, Miss(at=START, turn=1, evidence="x"), start=pending)):
        assert timer_of(of, waiting) == at(10)
        assert due_action(of, waiting, at(9)) is None
        expire = due_action(of, waiting, at(10))
        assert expire is not None
        outcome = apply(of, waiting, expire)
        assert (outcome.event, outcome.delivery.ended) == ("expired", "expired")
    seen = after(of, Surface(at=START, turn=1))
    assert timer_of(of, seen) is None
    assert due_action(of, seen, at(10)) is None
    assert apply(of, seen, Expire(at=at(10))) == Outcome(delivery=seen)


def test_a_deadline_belongs_to_requests() -> None:
    of = message(kind="message", deadline=at(10))
    assert timer_of(of, fresh()) is None
    assert due_action(of, fresh(), at(11)) is None
