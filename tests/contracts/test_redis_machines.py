"""Random lives over a real server: the inbox machine beside the memory store and the model, and foreign streams written, killed,
trimmed, flushed and restored in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from sos.model.names import Slug
from sos.ports import Store
from sos.stores.redis.store import RedisStore
from tests import redis_whole
from tests.contracts.inbox_machine import InboxMachine
from tests.contracts.inbox_model import Holder
from tests.contracts.inbox_senders import LIMIT, NEVER, RESERVE, agents
from tests.contracts.test_importing import Machine
from tests.servers import BY_TURNS, Kind, RunningServer


class RedisMachine(InboxMachine):
    """The inbox machine with a Redis store in the place of the SQLite one."""

    server: RunningServer

    def __init__(self) -> None:
        super().__init__()
        limits = {"INBOX_LIMIT": LIMIT, "INBOX_RESERVE": RESERVE, "EVERY": NEVER, "ABANDONED_FOR": NEVER, "BODY_FOR": NEVER}
        for place in ("mail", "posting", "retention"):
            for name, limit in limits.items():
                self.patch.setattr(f"sos.stores.redis.{place}.{name}", limit, raising=False)
        self.mesh.order = lambda holder: holder.slug

    def opened(self, *, create: bool = False) -> Any:
        if create:
            self.database = self.server.fresh()
        return RedisStore(self.server.url(self.database), create=create)

    def teardown(self) -> None:
        client = self.server.client(self.database, decode=False)
        redis_whole.check(client)
        client.close()
        super().teardown()

    def address(self, holder: Holder, store: Store) -> Slug:
        return Slug(f"{holder.slug}/{holder.former}" if holder.former else holder.slug)

    @rule(sender=agents, to=agents)
    def a_post_fails_in_the_middle(self, sender: str, to: str) -> None:  # there is no disk of ours to fill
        self.refused_at_its_end(sender, to)


class RedisImporting(Machine):
    """Imports into a Redis store."""

    server: RunningServer

    def make_store(self) -> Any:
        return RedisStore(self.server.url(self.server.fresh()), create=True)


def live(machine: type[Any], kind: Kind, lives: int, steps: int) -> None:
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    chosen = settings(
        max_examples=lives, stateful_step_count=steps, phases=phases, suppress_health_check=[HealthCheck.too_slow], deadline=None
    )
    server = RunningServer(kind, "--appendfsync", "no")  # no power is cut here, and a thousand syncs are half of the time
    try:
        run_state_machine_as_test(type(machine.__name__, (machine,), {"server": server}), settings=chosen)
    finally:
        server.remove()


@pytest.mark.timeout(600)  # it takes seconds; what it finds takes minutes to be made small
@pytest.mark.promise("STORE-001", "REDIS-001", "INBOX-003", "INBOX-004", "INBOX-005", "INBOX-006", "INBOX-011")
@pytest.mark.promise("LEASE-002", "LEASE-003", "SEND-001", "REQUEST-002", "RETENTION-001")
@pytest.mark.parametrize("kind", BY_TURNS)
def test_an_inbox_in_redis_does_what_the_model_says(kind: Kind) -> None:
    live(RedisMachine, kind, 6, 30)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.promise("STORE-001", "REDIS-001")
@pytest.mark.parametrize("kind", BY_TURNS)
def test_an_inbox_in_redis_does_what_the_model_says_for_long(kind: Kind) -> None:
    live(RedisMachine, kind, 200, 60)


@pytest.mark.timeout(600)
@pytest.mark.promise("ADDRESS-004", "REDIS-004")
@pytest.mark.parametrize("kind", BY_TURNS)
def test_nothing_that_stands_in_a_stream_is_lost_or_doubled_on_its_way_into_redis(kind: Kind) -> None:
    live(RedisImporting, kind, 12, 40)
