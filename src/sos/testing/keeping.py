"""The contract of retention: what is over goes in its time, inside ordinary sends; what somebody still has to see stays."""

from __future__ import annotations

from sos.model.names import Slug
from sos.model.retention import EVERY
from sos.model.times import DAY
from sos.model.transitions import Ack
from sos.testing.contracts import Contract
from sos.testing.world import World


class KeepingContract(Contract):
    """Retention."""

    def test_unread_mail_of_an_agent_that_left_long_ago_dies_and_its_sender_is_told(self) -> None:
        world = self.world()
        identifier = world.send("waits")
        world.store.agents.close(Slug("bb"), world.clock.now())
        world.store.mail.prune(world.clock.tick(29 * DAY), 100)
        assert world.one(identifier).ended is None
        world.store.mail.prune(world.clock.tick(2 * DAY), 100)
        assert world.one(identifier).ended == "dead"
        assert "left" in world.one(identifier).reason
        (told,) = world.entries(agent="aa")
        assert told.message.headers == {"event": "dead"}

    def test_sends_alone_keep_the_store_from_growing(self) -> None:
        world = self.world()
        unread = world.send("stays unread", to="cc")
        sizes = []
        for day in range(80):
            self.day_of_work(world)
            if day in {40, 60, 79}:
                sizes.append(len(world.store.mail.entries(Slug("bb"), "recent", 100_000)))
        assert max(sizes) <= 45 * EVERY
        assert min(sizes) >= 30 * EVERY
        assert world.one(unread, agent="cc").unread

    def day_of_work(self, world: World) -> None:
        """As many messages as bring one step of pruning, all acked, and a night."""
        parcels = [world.parcel(str(number)) for number in range(EVERY)]
        posted = world.store.mail.post(parcels)
        world.store.mail.apply(Slug("bb"), [(each.message.seq, Ack(at=world.clock.now())) for each in posted])
        world.clock.tick(DAY)
