"""The contract of every store's mailbox, as test methods: subclass, say how a store is made, run with pytest."""

from __future__ import annotations

from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE, MAX_ABSENT
from sos.model.errors import IdConflict, InboxFull, SosError, UnknownAgent, UnknownMessage
from sos.model.ids import new_id
from sos.model.names import Slug
from sos.model.times import DAY, HOUR, MINUTE, SECOND, Millis
from sos.model.transitions import Ack, Arrive, Expire, GiveUpEvidence, Kill, Miss, Requeue, Surface
from sos.testing.world import SESSION, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.ports import Store


def refused(kind: type[SosError], action: Callable[[], object]) -> SosError:
    """The error that an action must raise."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


class Contract:
    """What all parts of the contract share."""

    def make_store(self) -> Store:
        """A fresh, empty store."""
        raise NotImplementedError

    def world(self) -> World:
        """A fresh store with agents."""
        return World(self.make_store())


class PostingContract(Contract):
    """Into the mailbox."""

    def test_what_is_posted_is_unread_in_order(self) -> None:
        world = self.world()
        for text in ("one", "two", "three"):
            world.send(text)
        assert world.texts() == ["one", "two", "three"]
        assert all(entry.delivery.unread for entry in world.entries())

    def test_the_same_id_and_content_is_one_message(self) -> None:
        world = self.world()
        first = world.post(id=(same := new_id(world.clock.now())))
        world.clock.tick(SECOND)
        again = world.post(id=same)
        assert (first.duplicate, again.duplicate) == (False, True)
        assert again.message == first.message
        assert len(world.entries()) == 1

    def test_the_same_id_with_other_content_is_refused_and_changes_nothing(self) -> None:
        world = self.world()
        same = world.send("one")
        refused(IdConflict, lambda: world.send("two", id=same))
        assert world.texts() == ["one"]

    def test_what_is_here_is_answered_as_before_although_its_recipient_left(self) -> None:
        world = self.world()
        first = world.post(id=(same := new_id(world.clock.now())))
        world.store.agents.close(Slug("bb"), world.clock.now())
        again = world.post(id=same)
        assert (again.duplicate, again.message) == (True, first.message)
        refused(IdConflict, lambda: world.post("other", id=same))
        refused(UnknownAgent, world.post)

    def test_two_senders_may_use_one_id(self) -> None:
        world = self.world()
        same = new_id(world.clock.now())
        world.send("from a", id=same)
        world.send("from c", id=same, sender="cc")
        assert world.texts() == ["from a", "from c"]

    def test_a_batch_is_all_or_nothing(self) -> None:
        world = self.world()
        good, bad = world.parcel("good"), world.parcel("bad", to="nobody")
        refused(UnknownAgent, lambda: world.store.mail.post([good, bad]))
        assert world.texts() == []

    def test_an_agent_that_left_gets_nothing(self) -> None:
        world = self.world()
        world.store.agents.close(Slug("bb"), world.clock.now())
        refused(UnknownAgent, world.send)

    def test_order_of_showing_is_operator_requests_messages_broadcasts_claimed(self) -> None:
        world = self.world()
        world.send("claimed", assurance="claimed")
        world.send("broadcast", kind="broadcast")
        world.send("message")
        world.send("request", kind="request")
        world.send("operator", sender="operator")
        assert world.texts() == ["operator", "request", "message", "broadcast", "claimed"]

    def test_a_full_inbox_refuses_peers_and_keeps_room_for_the_operator(self) -> None:
        world = self.world()
        world.store.mail.post([world.parcel(str(number)) for number in range(INBOX_LIMIT - INBOX_RESERVE)])
        refused(InboxFull, world.send)
        assert world.post("help", sender="operator").depth == INBOX_LIMIT - INBOX_RESERVE + 1
        assert world.texts()[0] == "help"

    def test_a_broadcast_is_one_message_with_a_delivery_each(self) -> None:
        world = self.world()
        identifier = world.send("all", kind="broadcast", recipients=("bb", "cc"))
        world.show(identifier)
        assert world.texts() == []
        assert world.texts(agent="cc") == ["all"]

    def test_every_text_comes_back_as_it_was(self) -> None:
        world = self.world()
        texts = ["", "\x00\x1b[2J", "'; DROP TABLE message; --", "\u202e\U000e0041", "x" * 65536, "a\r\nb"]
        for text in texts:
            world.send(text, headers={"k": "v"}, thread="t")
        assert world.texts() == texts


class DeliveryContract(Contract):
    """What happens to a delivery."""

    def test_looking_marks_nothing(self) -> None:
        world = self.world()
        identifier = world.send()
        before = world.one(identifier)
        world.entries("recent")
        world.store.mail.count(Slug("bb"), "unread")
        world.store.mail.story(identifier, None, Slug("aa"))
        assert world.one(identifier) == before

    def test_shown_is_not_acked_and_a_plain_message_without_evidence_is_done(self) -> None:
        world = self.world()
        identifier = world.send()
        shown = world.show(identifier)
        assert (shown.shown, shown.arrival, shown.answered) == (1, "no evidence", False)
        assert world.texts("due") == []

    def test_what_waits_for_evidence_is_pending_until_it_arrives(self) -> None:
        world = self.world()
        identifier = world.send()
        world.show(identifier, provable=True, mark="m")
        assert [entry.delivery.mark for entry in world.entries("pending")] == ["m"]
        arrived = world.apply(identifier, Arrive(at=world.clock.now(), body=SESSION, evidence="line 7"))
        assert arrived.arrival == "proven"
        assert world.entries("pending") == []

    def test_not_arrived_comes_again_three_times_then_the_sender_is_told(self) -> None:
        world = self.world()
        identifier = world.send()
        for turn in range(1, MAX_ABSENT + 1):
            world.turn(turn)
            assert world.texts("due") == ["hello"]
            world.show(identifier, turn, provable=True)
            world.apply(identifier, Miss(at=world.clock.now(), body=SESSION, evidence="a request", turn=turn))
        assert world.one(identifier).ended == "dead"
        assert [entry.message.kind for entry in world.entries(agent="aa")] == ["event"]
        assert str(identifier) in world.texts(agent="aa")[0]

    def test_no_transcript_repeats_nothing(self) -> None:
        world = self.world()
        identifier = world.send()
        world.show(identifier, provable=True)
        world.apply(identifier, GiveUpEvidence(at=world.clock.now()))
        world.turn(30)
        assert world.texts("due") == []

    def test_open_requests_come_back_after_1_5_and_20_turns(self) -> None:
        world = self.world()
        identifier = world.send(kind="request")
        world.show(identifier, 10)
        seen = []
        for turn in range(10, 60):
            world.turn(turn)
            if world.texts("due"):
                seen.append(turn)
                world.show(identifier, turn)
        assert seen == [11, 15, 30]
        assert world.texts("open") == ["hello"]

    def test_an_ack_ends_a_request_once(self) -> None:
        world = self.world()
        identifier = world.send(kind="request")
        world.clock.tick(SECOND)
        first = world.apply(identifier, Ack(at=world.clock.now()))
        world.clock.tick(SECOND)
        assert world.apply(identifier, Ack(at=world.clock.now())) == first
        assert world.entries("open") == []

    def test_a_reply_closes_the_request_for_its_sender_only(self) -> None:
        world = self.world()
        identifier = world.send(kind="request", recipients=("bb", "cc"))
        world.send("yes", to="aa", sender="bb", kind="reply", in_reply_to=identifier)
        assert world.one(identifier).replied_at is not None
        assert world.one(identifier, "cc").replied_at is None

    def test_a_claimed_sender_closes_nothing(self) -> None:
        world = self.world()
        identifier = world.send(kind="request")
        world.send("yes", to="aa", sender="bb", kind="reply", in_reply_to=identifier, assurance="claimed")
        assert not world.one(identifier).answered

    def test_dead_letters_can_be_given_another_life(self) -> None:
        world = self.world()
        identifier = world.send()
        world.apply(identifier, Kill(at=world.clock.now(), reason="poison"))
        assert world.texts() == []
        assert world.texts("dead") == ["hello"]
        world.apply(identifier, Requeue(at=world.clock.now()))
        assert world.texts() == ["hello"]

    def test_another_agents_message_cannot_be_touched(self) -> None:
        world = self.world()
        identifier = world.send()
        refused(UnknownMessage, lambda: world.apply(identifier, Ack(at=world.clock.now()), agent="cc"))
        refused(UnknownMessage, lambda: world.store.mail.find(Slug("cc"), [identifier]))
        refused(UnknownMessage, lambda: world.store.mail.story(identifier, None, Slug("cc")))

    def test_a_story_has_every_fact_in_order(self) -> None:
        world = self.world()
        identifier = world.send(kind="request")
        world.show(identifier, provable=True)
        world.apply(identifier, Arrive(at=world.clock.now(), body=SESSION, evidence="line 7"))
        world.apply(identifier, Ack(at=world.clock.now(), body=SESSION))
        _, facts = world.store.mail.story(identifier, None, Slug("aa")).deliveries["bb"]
        assert [fact.kind for fact in facts] == ["accepted", "stored", "surfaced", "in context", "acked"]
        assert facts[3].evidence == "line 7"
        assert facts[3].body == SESSION

    def test_settle_says_quiet_only_when_nothing_new_is_left(self) -> None:
        world = self.world()
        first = world.post()
        body = world.body().replace(offered=first.message.seq)
        surface = Surface(at=world.clock.now(), body=SESSION, turn=1)
        assert world.store.mail.settle(body, 1, [(first.message.id, surface)]) is True
        world.send("later")
        assert world.store.mail.settle(body, 1, []) is False


class TimeContract(Contract):
    """Expiry, deadlines, retention."""

    def test_an_expiry_ends_what_was_not_shown_and_tells_the_sender(self) -> None:
        world = self.world()
        world.send("old", expires_in=MINUTE)
        shown = world.send("seen", expires_in=MINUTE)
        world.show(shown)
        assert world.store.mail.tick(Millis(world.clock.now() + MINUTE - 1)) == 0
        world.store.mail.tick(world.clock.tick(MINUTE))
        assert world.texts() == []
        assert world.one(shown).ended is None
        assert len(world.entries(agent="aa")) == 1

    def test_a_request_is_overdue_once(self) -> None:
        world = self.world()
        identifier = world.send(kind="request", deadline_in=30 * SECOND)
        world.store.mail.tick(world.clock.tick(31 * SECOND))
        world.store.mail.tick(world.clock.tick(HOUR))
        assert len(world.entries(agent="aa")) == 1
        assert world.texts("open") == ["hello"]
        world.apply(identifier, Ack(at=world.clock.now()))
        _, facts = world.store.mail.story(identifier, None, Slug("aa")).deliveries["bb"]
        assert [fact.kind for fact in facts[2:]] == ["overdue", "acked"]
        assert facts[-1].evidence == "after its deadline"

    def test_an_answer_in_time_is_never_overdue(self) -> None:
        world = self.world()
        identifier = world.send(kind="request", deadline_in=30 * SECOND)
        world.apply(identifier, Ack(at=world.clock.now()))
        world.store.mail.tick(world.clock.tick(HOUR))
        assert world.entries(agent="aa") == []

    def test_the_next_timer_is_the_earliest(self) -> None:
        world = self.world()
        assert world.store.mail.next_timer() is None
        world.send(expires_in=HOUR)
        world.send(kind="request", deadline_in=MINUTE)
        assert world.store.mail.next_timer() == world.clock.now() + MINUTE

    def test_what_is_over_goes_after_its_retention_and_unread_never(self) -> None:
        world = self.world()
        unread, done, dead = world.send("unread"), world.send("done"), world.send("dead")
        world.show(done)
        world.apply(dead, Kill(at=world.clock.now(), reason="x"))
        world.send("newest", to="cc")
        assert world.store.mail.prune(world.clock.tick(13 * DAY), 10) == 0
        assert world.store.mail.prune(world.clock.tick(2 * DAY), 10) == 1
        assert world.store.mail.prune(world.clock.tick(16 * DAY), 10) == 1
        assert world.one(unread).unread
        refused(UnknownMessage, lambda: world.one(done))

    def test_an_expired_message_stays_expired(self) -> None:
        world = self.world()
        identifier = world.send(expires_in=MINUTE)
        world.apply(identifier, Expire(at=world.clock.tick(MINUTE)))
        assert world.show(identifier).ended == "expired"
