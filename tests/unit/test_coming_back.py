"""Many agents whose bus was away: when each comes back, by the loop's own rests, in time that is only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from sos.core.connection import LocalConnection
from sos.model.agents import Agent, Body
from sos.model.deliveries import Entry
from sos.model.errors import StoreUnreachable
from sos.model.names import Slug
from sos.model.tokens import AGENT_SCOPES
from sos.sdk.handlers import Caller
from sos.sdk.loop import LONGEST_AWAY, Loop
from sos.sdk.requests import Requests
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World

AGENTS = 500
OUTAGE = 120.0


class Counted:
    """In place of the event that stops a loop: waits are added up, and it is set once the agent is back."""

    def __init__(self) -> None:
        self.now = 0.0
        self.tries = 0
        self.back = False

    def is_set(self) -> bool:
        return self.back

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.back


class Away(LocalConnection):
    """A bus that does not answer until a time."""

    counted: Counted

    def beat(self, body: Body) -> None:
        self.counted.tries += 1
        if self.counted.now < OUTAGE:
            raise StoreUnreachable("away")
        super().beat(body)

    def lease(self, limit: int, span: int, busy: Sequence[str]) -> list[Entry]:
        self.counted.back = True
        return super().lease(limit, span, busy)

    def wait(self, seconds: float) -> bool:
        return False


def came_back(world: World, agent: Agent, number: int) -> Counted:
    """One agent's loop through the outage."""
    session = f"sdk-{number}"
    connection = Away(world.store, agent, world.clock, session, scopes=AGENT_SCOPES["bus"])
    connection.counted = Counted()
    body = world.body("bb", session, presence="idle").replace(runtime="sdk")
    told: list[Exception] = []
    loop = Loop(
        connection,
        body,
        [],
        Caller(),
        Requests(connection, lambda: True),
        1,
        failed=lambda error, message: told.append(error),
        tend=lambda: None,
    )
    loop._stopping = connection.counted  # type: ignore[assignment]
    loop._receive()
    assert [type(error) for error in told] == [StoreUnreachable]  # said once, not at each try
    return connection.counted


@pytest.mark.promise("SDK-003")
def test_500_agents_come_back_spread_out_and_none_stays_away() -> None:
    world = World(MemoryStore())
    agent = world.store.agents.agent(Slug("bb"))
    assert agent is not None
    found = [came_back(world, agent, number) for number in range(AGENTS)]
    late = [each.now - OUTAGE for each in found]
    assert max(late) <= LONGEST_AWAY
    in_one_second = Counter(int(each) for each in late)
    assert max(in_one_second.values()) <= AGENTS / 5, in_one_second  # full jitter: 1/15 of them on average in the first second
    assert max(each.tries for each in found) <= 60
