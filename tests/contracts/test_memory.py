"""The contract, over the memory store."""

from __future__ import annotations

import pytest

from sos.stores.memory.store import MemoryStore
from sos.testing import contracts, directories, foreign, keeping, leases, tasks, together, views

pytestmark = pytest.mark.promise("STORE-001")


class OverMemory:
    def make_store(self) -> MemoryStore:
        return MemoryStore()


class TestPosting(OverMemory, contracts.PostingContract):
    pass


class TestDelivery(OverMemory, contracts.DeliveryContract):
    pass


class TestLease(OverMemory, leases.LeaseContract):
    pass


class TestTime(OverMemory, contracts.TimeContract):
    pass


class TestTasks(OverMemory, tasks.TaskStoreContract):
    pass


class TestViews(OverMemory, views.ViewContract):
    pass


class TestHostile(OverMemory, views.HostileContract):
    pass


class TestDirectory(OverMemory, directories.DirectoryContract):
    pass


class TestTokens(OverMemory, directories.TokenContract):
    pass


class TestSkills(OverMemory, directories.SkillContract):
    pass


class TestTogether(OverMemory, together.TogetherContract):
    pass


@pytest.mark.promise("RETENTION-002", "RETENTION-003")
class TestKeeping(OverMemory, keeping.KeepingContract):
    pass


@pytest.mark.promise("ADDRESS-004", "MESSAGE-009")
class TestStreams(OverMemory, foreign.StreamContract):
    pass


@pytest.mark.promise("INBOX-019")
class TestResets(OverMemory, foreign.ResetContract):
    pass
