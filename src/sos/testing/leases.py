"""The contract of handler mode: leases, fences, attempts, and what is sent with the end."""

from __future__ import annotations

from sos.model.deliveries import MAX_ATTEMPTS
from sos.model.errors import StaleFence, UnknownAgent
from sos.model.names import Slug
from sos.model.times import MINUTE, SECOND, Millis
from sos.model.transitions import Ack, Extend, Lapse, Release
from sos.testing.contracts import Contract, refused
from sos.testing.world import SESSION, World


class LeaseContract(Contract):
    """Handlers: leases, fences, attempts."""

    def lease(self, world: World, limit: int = 10) -> list[tuple[str, int]]:
        """Lease for a minute; (text, fence) of what was got."""
        now = world.clock.now()
        taken = world.store.mail.lease(Slug("bb"), SESSION, limit, Millis(now + MINUTE), now)
        return [(entry.message.text, entry.delivery.fence) for entry in taken]

    def test_two_bodies_never_hold_one_message(self) -> None:
        world = self.world()
        world.send("one")
        world.send("two")
        assert self.lease(world, 1) == [("one", 1)]
        assert self.lease(world) == [("two", 1)]
        assert self.lease(world) == []

    def test_of_each_sender_one_is_taken_and_of_the_busy_none(self) -> None:
        world = self.world()
        for number in range(80):  # more than one page of any store
            world.send(f"a {number}")
        world.send("c 0", sender="cc")
        world.send("c 1", sender="cc")
        world.send("o", sender="operator")
        now = world.clock.now()

        def taken(limit: int, *busy: str) -> list[str]:
            found = world.store.mail.lease(Slug("bb"), SESSION, limit, Millis(now + MINUTE), now, busy)
            return [entry.message.text for entry in found]

        assert taken(1, "cc", "operator") == ["a 0"]
        assert sorted([*taken(3, "aa"), *taken(3, "aa", "cc"), *taken(3, "aa", "operator")]) == ["c 0", "c 1", "o"]
        assert taken(3, "aa") == []
        assert taken(3) == ["a 1"]

    def test_an_ack_of_a_lost_lease_is_refused(self) -> None:
        world = self.world()
        identifier = world.send()
        ((_, fence),) = self.lease(world)
        world.clock.tick(2 * MINUTE)
        world.store.mail.tick(world.clock.now())
        ((_, second),) = self.lease(world)
        refused(StaleFence, lambda: world.apply(identifier, Ack(at=world.clock.now(), fence=fence)))
        refused(StaleFence, lambda: world.apply(identifier, Extend(at=world.clock.now(), fence=fence, until=world.clock.now())))
        assert world.apply(identifier, Ack(at=world.clock.now(), fence=second)).answered

    def test_an_ack_that_is_sent_again_with_its_fence_changes_nothing(self) -> None:
        world = self.world()
        identifier = world.send()
        ((_, fence),) = self.lease(world)
        first = world.apply(identifier, Ack(at=world.clock.now(), fence=fence))
        world.clock.tick(SECOND)
        assert world.apply(identifier, Ack(at=world.clock.now(), fence=fence)) == first
        refused(StaleFence, lambda: world.apply(identifier, Ack(at=world.clock.now(), fence=fence + 1)))

    def test_a_release_returns_it_later_and_moves_the_fence(self) -> None:
        world = self.world()
        identifier = world.send()
        ((_, fence),) = self.lease(world)
        later = Millis(world.clock.now() + 10 * SECOND)
        world.apply(identifier, Release(at=world.clock.now(), fence=fence, retry_at=later, reason="boom"))
        refused(StaleFence, lambda: world.apply(identifier, Ack(at=world.clock.now(), fence=fence)))
        assert self.lease(world) == []
        world.clock.tick(10 * SECOND)
        assert len(self.lease(world)) == 1

    def test_after_five_starts_it_is_a_dead_letter_and_what_is_behind_flows(self) -> None:
        world = self.world()
        world.send("poison")
        for _ in range(MAX_ATTEMPTS):
            assert self.lease(world, 1)[0][0] == "poison"
            world.clock.tick(2 * MINUTE)
            world.store.mail.tick(world.clock.now())
        world.send("next")
        assert self.lease(world) == [("next", 1)]
        assert world.texts("dead") == ["poison"]
        assert "not delivered" in world.texts(agent="aa")[0]

    def test_what_a_handler_sends_and_its_ack_are_one_step(self) -> None:
        world = self.world()
        identifier = world.send("do it", kind="request")
        ((_, fence),) = self.lease(world)
        ack = (identifier, Ack(at=world.clock.now(), body=SESSION, fence=fence))
        answer = world.parcel("done", to="aa", sender="bb", kind="reply", in_reply_to=identifier)
        others = [world.parcel("beside", to="cc", sender="bb"), world.parcel("to nobody", to="nobody", sender="bb")]
        refused(UnknownAgent, lambda: world.store.mail.conclude(Slug("bb"), [ack], [answer, *others]))
        assert (world.one(identifier).answered, world.texts(agent="aa"), world.texts(agent="cc")) == (False, [], [])
        stale = (identifier, Ack(at=world.clock.now(), fence=fence + 1))
        refused(StaleFence, lambda: world.store.mail.conclude(Slug("bb"), [stale], [answer]))
        assert world.texts(agent="aa") == []
        for again in (False, True):  # its answer was lost, and it is done again
            posted = world.store.mail.conclude(Slug("bb"), [ack], [answer, others[0]])
            assert [each.duplicate for each in posted] == [again, again]
        delivery = world.one(identifier)
        assert (delivery.acked_at, delivery.replied_at) == (world.clock.now(), world.clock.now())
        assert (world.texts(agent="aa"), world.texts(agent="cc")) == (["done"], ["beside"])

    def test_a_lapse_before_its_time_changes_nothing(self) -> None:
        world = self.world()
        identifier = world.send()
        ((_, fence),) = self.lease(world)
        world.apply(identifier, Lapse(at=world.clock.now()))
        assert world.one(identifier).fence == fence
