"""The contract, over real SQLite files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from sos.stores.sqlite.store import SqliteStore
from sos.testing import contracts, directories, foreign, keeping, leases, tasks, together, views
from sos.testing.streams import EVERYBODY

pytestmark = pytest.mark.promise("STORE-001")


class OverSqlite:
    """Makes stores in a fresh private directory and closes them."""

    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as self.folder:
            self.made: list[SqliteStore] = []
            yield
            for store in self.made:
                store.close()

    def make_store(self) -> SqliteStore:
        place = os.path.join(self.folder, str(len(self.made)))
        store = SqliteStore(os.path.join(place, "sos.db"), os.path.join(place, "run"), create=True)
        self.made.append(store)
        return store


@pytest.mark.promise("RETENTION-001", "MESSAGE-009")
class TestPosting(OverSqlite, contracts.PostingContract):
    pass


@pytest.mark.promise("MESSAGE-009")
class TestDelivery(OverSqlite, contracts.DeliveryContract):
    pass


class TestLease(OverSqlite, leases.LeaseContract):
    pass


class TestTime(OverSqlite, contracts.TimeContract):
    pass


class TestDirectory(OverSqlite, directories.DirectoryContract):
    pass


class TestTokens(OverSqlite, directories.TokenContract):
    pass


class TestSkills(OverSqlite, directories.SkillContract):
    pass


class TestTasks(OverSqlite, tasks.TaskStoreContract):
    pass


class TestViews(OverSqlite, views.ViewContract):
    pass


class TestHostile(OverSqlite, views.HostileContract):
    pass


class TestTogether(OverSqlite, together.TogetherContract):
    pass


@pytest.mark.promise("RETENTION-002", "RETENTION-003")
class TestKeeping(OverSqlite, keeping.KeepingContract):
    pass


@pytest.mark.promise("ADDRESS-004", "MESSAGE-009")
class TestStreams(OverSqlite, foreign.StreamContract):
    def test_every_import_removes_the_quiet_file_also_of_a_message_that_is_there(self) -> None:
        old = self.deployment()
        for slug in ("aa", "bb"):
            old.drain(EVERYBODY, slug=slug)
            body = old.world.body(slug, f"session of {slug}")
            assert old.world.store.mail.settle(body, 1, []) is True
        old.add("to all", EVERYBODY)
        for slug in ("aa", "bb"):
            quiet = os.path.join(self.folder, "0", "run", f"quiet-{slug}")
            assert os.path.exists(quiet)
            old.drain(EVERYBODY, slug=slug)
            assert not os.path.exists(quiet)
        assert old.world.store.mail.head() == 1


@pytest.mark.promise("INBOX-019")
class TestResets(OverSqlite, foreign.ResetContract):
    pass
