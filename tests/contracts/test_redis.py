"""The contract, over real servers: Redis 7 and Valkey 9, each by itself, behind sentinels and as a Cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sos.stores.redis.store import RedisStore
from sos.testing import contracts, directories, foreign, keeping, leases, tasks, together, views
from tests.servers import BEHIND, CLUSTERED, KINDS, Clustered, RunningServer, Watched, started

pytestmark = pytest.mark.promise("STORE-001", "REDIS-001", "REDIS-002")
WAYS = (*KINDS, *(pytest.param(f"{kind} {way}", marks=pytest.mark.full) for kind in KINDS for way in (BEHIND, CLUSTERED)))


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer | Watched | Clustered]:
    """One server for all tests here; each store has a database of its own."""
    made = started(request.param)
    yield made
    made.remove()


class OverRedis:
    @pytest.fixture(autouse=True)
    def _server(self, server: RunningServer | Watched | Clustered) -> Iterator[None]:
        self.server = server
        self.made: list[RedisStore] = []
        yield
        for store in self.made:
            store.close()

    def make_store(self) -> Any:
        store = RedisStore(self.server.url(self.server.fresh()), create=True)
        self.made.append(store)
        return store


@pytest.mark.promise("RETENTION-001", "MESSAGE-009")
class TestPosting(OverRedis, contracts.PostingContract):
    pass


@pytest.mark.promise("MESSAGE-009")
class TestDelivery(OverRedis, contracts.DeliveryContract):
    pass


class TestLease(OverRedis, leases.LeaseContract):
    pass


class TestTime(OverRedis, contracts.TimeContract):
    pass


class TestDirectory(OverRedis, directories.DirectoryContract):
    pass


class TestTokens(OverRedis, directories.TokenContract):
    pass


class TestSkills(OverRedis, directories.SkillContract):
    pass


class TestTasks(OverRedis, tasks.TaskStoreContract):
    pass


class TestViews(OverRedis, views.ViewContract):
    pass


class TestHostile(OverRedis, views.HostileContract):
    pass


class TestTogether(OverRedis, together.TogetherContract):
    pass


@pytest.mark.promise("RETENTION-002", "RETENTION-003")
class TestKeeping(OverRedis, keeping.KeepingContract):
    pass


@pytest.mark.promise("ADDRESS-004", "MESSAGE-009")
class TestStreams(OverRedis, foreign.StreamContract):
    pass


@pytest.mark.promise("INBOX-019")
class TestResets(OverRedis, foreign.ResetContract):
    pass
