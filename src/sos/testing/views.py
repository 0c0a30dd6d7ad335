"""The contract of looking: views, stories, waiting, and readers beside writers; and what a hostile or unlucky caller may try."""

from __future__ import annotations

import threading

from sos.model.deliveries import VIEWS
from sos.model.errors import IdConflict, StaleFence, UnknownMessage
from sos.model.ids import new_id
from sos.model.names import Slug
from sos.model.times import DAY, HOUR, MINUTE, Millis
from sos.model.transitions import Ack, Arrive, Extend, Kill, Miss, Release, Requeue, Surface
from sos.testing.contracts import Contract, refused
from sos.testing.world import SESSION

BB = Slug("bb")


class ViewContract(Contract):
    """What is seen, by whom, in which order."""

    def test_recent_is_newest_first_and_after_compares_numbers(self) -> None:
        world = self.world()
        first = world.post("one")
        world.send("two", sender="operator")
        world.send("three")
        assert world.texts("recent") == ["three", "two", "one"]
        later = world.store.mail.entries(BB, "unread", 10, after=first.message.seq)
        assert [entry.message.text for entry in later] == ["two", "three"]
        assert [entry.message.text for entry in world.store.mail.entries(BB, "recent", 1)] == ["three"]

    def test_every_view_holds_what_it_counts_and_marks_nothing(self) -> None:
        world = self.world()
        unread, request, pending, dead = world.send("u"), world.send("r", kind="request"), world.send("p"), world.send("d")
        world.show(request)
        world.show(pending, provable=True, mark="m")
        world.apply(dead, Kill(at=world.clock.now(), reason="x"))
        before = world.store.mail.find(BB, [unread, request, pending, dead])
        held = {view: sorted(world.texts(view)) for view in VIEWS}
        assert held == {
            "unread": ["u"], "due": ["u"], "open": ["r"], "pending": ["p"], "dead": ["d"], "recent": ["d", "p", "r", "u"],
        }  # fmt: skip
        assert {view: world.store.mail.count(BB, view) for view in VIEWS} == {view: len(held[view]) for view in VIEWS}
        assert world.store.mail.find(BB, [unread, request, pending, dead]) == before

    def test_due_can_be_asked_for_a_turn_that_has_not_come(self) -> None:
        world = self.world()
        world.show(world.send(kind="request"), 3)
        assert [world.store.mail.count(BB, "due", turn) for turn in (3, 4)] == [0, 1]
        assert world.store.mail.count(BB, "due") == 0

    def test_a_stranger_has_an_empty_inbox(self) -> None:
        world = self.world()
        assert world.store.mail.entries(Slug("nobody"), "recent", 10) == []
        assert world.store.mail.count(Slug("nobody"), "unread") == 0

    def test_a_sender_sees_all_recipients_and_a_recipient_only_itself(self) -> None:
        world = self.world()
        identifier = world.send(kind="broadcast", recipients=("bb", "cc"))
        assert set(world.store.mail.story(identifier, None, Slug("aa")).deliveries) == {"bb", "cc"}
        assert set(world.store.mail.story(identifier, None, Slug("cc")).deliveries) == {"cc"}
        refused(UnknownMessage, lambda: world.store.mail.story(identifier, None, Slug("operator")))

    def test_a_story_can_name_the_sender_where_two_share_an_id(self) -> None:
        world = self.world()
        same = world.send("from a")
        world.send("from c", id=same, sender="cc")
        assert world.store.mail.story(same, Slug("cc"), BB).message.text == "from c"
        assert world.store.mail.story(same, Slug("aa"), BB).message.text == "from a"
        refused(UnknownMessage, lambda: world.store.mail.story(same, Slug("bb"), BB))
        refused(UnknownMessage, lambda: world.store.mail.story(same, Slug("cc"), Slug("aa")))

    def test_what_was_asked_waits_until_each_recipient_answered(self) -> None:
        world = self.world()
        world.send("no request")
        both = world.send("both", to="p", kind="request", recipients=("bb", "cc"))
        world.send("one", kind="request")
        world.send("of another", sender="cc", kind="request")
        for _ in range(30):
            world.send("later")

        def waits() -> list[tuple[str, str]]:
            found = world.store.mail.asked(Slug("aa"), 10)
            return [(entry.message.text, entry.delivery.recipient) for entry in found]

        assert waits() == [("both", "bb"), ("both", "cc"), ("one", "bb")]
        world.apply(both, Ack(at=world.clock.now()))
        world.apply(both, Kill(at=world.clock.now(), reason="x"), agent="cc")
        assert waits() == [("one", "bb")]
        assert len(world.store.mail.asked(Slug("cc"), 0)) == 0

    def test_sent_is_newest_first_and_bounded(self) -> None:
        world = self.world()
        for text in ("one", "two", "three"):
            world.send(text)
        world.send("other", sender="cc")
        stories = {limit: [story.message.text for story in world.store.mail.sent(Slug("aa"), limit)] for limit in (0, 2, 9)}
        assert stories == {0: [], 2: ["three", "two"], 9: ["three", "two", "one"]}

    def test_a_wait_ends_at_once_where_something_is_unread_and_at_its_limit_where_not(self) -> None:
        world = self.world()
        assert world.store.wait(BB, 0.01) is False
        world.send()
        assert world.store.wait(BB, 30) is True
        assert world.store.wait(Slug("cc"), 0.01) is False

    def test_a_nudge_ends_a_wait_and_says_whether_there_was_one(self) -> None:
        world = self.world()
        assert world.store.nudge(BB) is False
        woken: list[bool] = []
        waiter = threading.Thread(target=lambda: woken.append(world.store.wait(BB, 30)))
        waiter.start()
        while not world.store.nudge(BB):
            waiter.join(0.01)
        waiter.join(10)
        assert woken == [True]
        assert world.store.nudge(Slug("cc")) is False

    def test_a_post_wakes_who_waits(self) -> None:
        world = self.world()
        woken: list[bool] = []
        waiter = threading.Thread(target=lambda: woken.append(world.store.wait(BB, 30)))
        waiter.start()
        world.send()
        waiter.join(30)
        assert woken == [True]

    def test_one_who_listens_hears_the_rings_of_all_agents_and_of_new_timers(self) -> None:
        world = self.world()
        with world.store.listen() as listener:
            assert listener.heard(0.01) == set()
            world.send(to="bb")
            world.send(to="cc")
            heard: set[str] = set()
            while heard < {"bb", "cc"}:
                more = listener.heard(10)
                assert more, heard
                heard |= more
            assert listener.heard(0.01) == set()
            assert world.store.nudge(BB) is True
            assert listener.heard(10) == {"bb"}
        assert world.store.nudge(BB) is False

    def test_readers_beside_a_writer_see_whole_steps(self) -> None:
        world = self.world()
        over, odd, failed = threading.Event(), [], []

        def read() -> None:
            try:
                while not over.is_set():
                    seen = len(world.entries())
                    world.store.mail.next_timer()
                    world.store.mail.sent(Slug("aa"), 5)
                    if seen % 2:
                        odd.append(seen)
            except Exception as error:  # noqa: BLE001  # a thread's error would be lost; here it fails the test
                failed.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(40):
            world.store.mail.post([world.parcel(f"{number} a"), world.parcel(f"{number} b")])
        over.set()
        reader.join(30)
        assert (odd, failed) == ([], [])
        assert len(world.entries()) == 80


class HostileContract(Contract):
    """What must not happen, whatever is tried."""

    def test_a_peer_that_reuses_an_id_hides_nothing(self) -> None:
        world = self.world()
        first = world.post("from a", kind="request")
        second = world.post("from c", kind="request", sender="cc", id=first.message.id)
        surface = Surface(at=world.clock.now(), body=SESSION, turn=0)
        world.store.mail.apply(Slug("bb"), [(second.message.seq, surface)])
        assert world.texts() == ["from a"]
        world.send("yes", to="cc", sender="bb", kind="reply", in_reply_to=first.message.id)
        assert world.texts("open") == ["from a"]

    def test_a_conflict_at_the_end_of_a_batch_takes_all_of_it_back(self) -> None:
        world = self.world()
        used = world.send("one")
        head = world.store.mail.head()
        batch = [world.parcel("two"), world.parcel("three", id=used)]
        refused(IdConflict, lambda: world.store.mail.post(batch))
        assert (world.texts(), world.store.mail.head()) == (["one"], head)

    def test_one_id_twice_in_a_batch(self) -> None:
        world = self.world()
        same = new_id(world.clock.now())
        parcel = world.parcel("one", id=same)
        refused(IdConflict, lambda: world.store.mail.post([parcel, world.parcel("two", id=same)]))
        assert world.texts() == []
        assert [posted.duplicate for posted in world.store.mail.post([parcel, parcel])] == [False, True]
        assert world.texts() == ["one"]

    def test_a_repeated_reply_stays_one_answer(self) -> None:
        world = self.world()
        request = world.send(kind="request")
        reply = world.parcel("yes", to="aa", sender="bb", kind="reply", in_reply_to=request)
        world.store.mail.post([reply])
        first = world.one(request)
        world.clock.tick(MINUTE)
        world.store.mail.post([reply])
        assert world.one(request) == first

    def test_an_ack_message_acks_and_an_event_closes_nothing(self) -> None:
        world = self.world()
        request = world.send(kind="request")
        world.send("?", to="aa", sender="bb", kind="event", in_reply_to=request)
        assert not world.one(request).answered
        world.send("ok", to="aa", sender="bb", kind="ack", in_reply_to=request)
        assert (world.one(request).acked_at, world.one(request).replied_at) == (world.clock.now(), None)

    def test_who_never_got_a_message_closes_nothing_by_answering_it(self) -> None:
        world = self.world()
        request = world.send(kind="request")
        world.send("yes", to="aa", sender="cc", kind="reply", in_reply_to=request)
        assert not world.one(request).answered

    def test_a_refused_settle_changes_nothing(self) -> None:
        world = self.world()
        identifier = world.send()
        kept = world.store.agents.body(SESSION)
        now = world.clock.now()
        changes = [(identifier, Surface(at=now, turn=7)), (identifier, Ack(at=now, fence=3))]
        assert kept is not None
        refused(StaleFence, lambda: world.store.mail.settle(kept.replace(spent=5), 7, changes))
        agent = world.store.agents.agent(BB)
        assert agent is not None
        assert (world.one(identifier).shown, agent.turn, world.store.agents.body(SESSION)) == (0, 0, kept)

    def test_a_turn_never_goes_back(self) -> None:
        world = self.world()
        world.turn(5)
        world.turn(3)
        agent = world.store.agents.agent(BB)
        assert agent is not None
        assert agent.turn == 5

    def test_what_was_held_back_is_quiet_and_marks_nothing(self) -> None:
        world = self.world()
        posted = world.post()
        assert world.store.mail.settle(world.body().replace(offered=posted.message.seq), 1, []) is True
        assert world.texts() == ["hello"]

    def test_another_bodys_fence_neither_extends_nor_releases(self) -> None:
        world = self.world()
        identifier = world.send()
        now = world.clock.now()
        (entry,) = world.store.mail.lease(BB, SESSION, 1, Millis(now + MINUTE), now)
        wrong = entry.delivery.fence + 1
        refused(StaleFence, lambda: world.apply(identifier, Extend(at=now, fence=wrong, until=Millis(now + HOUR))))
        refused(StaleFence, lambda: world.apply(identifier, Release(at=now, fence=wrong, retry_at=now, reason="x")))
        refused(StaleFence, lambda: world.apply(identifier, Ack(at=now, fence=wrong)))
        assert world.one(identifier) == entry.delivery

    def test_an_event_to_a_sender_who_left_is_dropped(self) -> None:
        world = self.world()
        identifier = world.send(expires_in=MINUTE)
        world.store.agents.close(Slug("aa"), world.clock.now())
        world.store.mail.tick(world.clock.tick(HOUR))
        assert world.one(identifier).ended == "expired"
        assert world.texts(agent="aa") == []

    def test_what_was_proven_to_have_arrived_never_expires_and_what_did_not_arrive_does(self) -> None:
        world = self.world()
        proven, absent = (world.send(text, expires_in=MINUTE) for text in ("proven", "absent"))
        for identifier in (proven, absent):
            world.show(identifier, provable=True, mark="m")
        world.apply(proven, Arrive(at=world.clock.now(), evidence="line 7"))
        world.apply(absent, Miss(at=world.clock.now(), evidence="a request", turn=1))
        assert world.store.mail.tick(world.clock.tick(HOUR)) == 1
        assert (world.one(proven).ended, world.one(absent).ended) == (None, "expired")
        assert len(world.texts(agent="aa")) == 1

    def test_events_are_not_answered_by_events(self) -> None:
        world = self.world()
        world.send(expires_in=MINUTE)
        world.store.mail.tick(world.clock.tick(HOUR))
        (told,) = world.entries(agent="aa")
        head = world.store.mail.head()
        world.apply(told.message.id, Kill(at=world.clock.now(), reason="x"), agent="aa")
        assert world.store.mail.head() == head

    def test_what_was_answered_is_neither_dropped_nor_given_another_life(self) -> None:
        world = self.world()
        acked, dropped = world.send(kind="request"), world.send(kind="request")
        world.apply(acked, Ack(at=world.clock.now()))
        world.apply(dropped, Kill(at=world.clock.now(), reason="x"))
        world.send("yes", to="aa", sender="bb", kind="reply", in_reply_to=dropped)
        head = world.store.mail.head()
        world.apply(acked, Kill(at=world.clock.now(), reason="x"))
        for identifier in (acked, dropped):
            world.apply(identifier, Requeue(at=world.clock.now()))
        assert (world.one(acked).ended, world.one(dropped).ended) == (None, "dead")
        assert (world.texts("unread"), world.texts("open"), world.store.mail.head()) == ([], [], head)

    def test_a_message_that_did_not_arrive_and_died_of_it_holds_no_lease(self) -> None:
        world = self.world()
        identifier = world.send()
        now = world.clock.now()
        (entry,) = world.store.mail.lease(BB, SESSION, 1, Millis(now + HOUR), now)
        for turn in range(3):
            world.show(identifier, turn, provable=True)
            world.apply(identifier, Miss(at=now, evidence="a request", turn=turn))
        assert world.one(identifier).ended == "dead"
        fence = entry.delivery.fence
        refused(StaleFence, lambda: world.apply(identifier, Extend(at=now, fence=fence, until=Millis(now + HOUR))))

    def test_the_newest_message_stays_so_that_numbers_never_come_again(self) -> None:
        world = self.world()
        world.show(world.send("done"))
        newest = world.send("newest")
        world.show(newest)
        world.store.mail.prune(world.clock.tick(99 * DAY), 10)
        assert world.texts("recent") == ["newest"]
        assert world.post("next").message.seq > world.store.mail.find(BB, [newest])[0].message.seq
