"""A full disk: sends are refused by name and nothing is half written, while acks and calls for help go through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sos.model.errors import StorageFull
from sos.model.names import Slug
from sos.model.transitions import Ack
from sos.stores.sqlite.ballast import BALLAST_BYTES, Ballast
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import SESSION, World
from tests import tools
from tests.shell import Json

pytestmark = pytest.mark.promise("SQLITE-008")

REPOSITORY = Path(__file__).parent.parent.parent
MOUNTED = 'mount -t tmpfs -o size=12m,mode=700 none "$1" && exec "$2" -m tests.faults.full_disk "$1"'
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


@pytest.mark.promise("GUIDE-003", "DOCTOR-007")
def test_on_a_real_full_disk_help_still_gets_through(tmp_path: Path) -> None:
    tools.find("unshare")
    if subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False, capture_output=True).returncode:
        tools.not_allowed("mount a small disk (the other tests fill the store in another way)")
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", MOUNTED, "sh", str(tmp_path), sys.executable],
        cwd=REPOSITORY, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    steps: Json = json.loads(done.stdout)
    refused = json.loads(steps["refused"]["out"])
    assert (steps["refused"]["code"], refused["error"]) == (1, "not_queued")
    assert "not sent and not queued" in refused["message"]
    assert steps["ballast_after_refusal"] is True
    assert all(identifier in steps["hook"] for identifier in steps["ids"])
    assert [ack["code"] for ack in steps["acks"]] == [0, 0, 0, 0]
    assert [steps[name]["code"] for name in ("inbox", "help", "operator", "whoami", "guide")] == [0, 0, 0, 0, 0]
    assert [entry["text"] for entry in json.loads(steps["operator"]["out"])["entries"]] == ["the disk is full"]
    rungs = json.loads(steps["doctor"]["out"])["rungs"]
    assert [finding["code"] for finding in rungs[0]["findings"]][:1] == ["disk_critical"]
    assert [rung["state"] for rung in rungs] == ["broken", "skipped", "skipped", "skipped"]
    assert steps["guide"]["out"].startswith("# Recovery guide of bb")
    assert (steps["again"]["code"], steps["ballast_again"]) == (0, True)
    assert [entry["text"] for entry in json.loads(steps["inbox_again"]["out"])["entries"]] == ["there is room again"]


class Full:
    """A store whose disk takes nothing more until its ballast is gone."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ballast = home / ".sos" / "sos.db.ballast"
        self.world = World(SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True))
        self.first = self.world.send("first")
        real_read, real_make = Database.read, Ballast.make
        self.full = True

        def read(database: Database, sql: str, values: object = ()) -> list[Any]:
            if self.full and self.ballast.exists() and sql == "COMMIT":
                raise StorageFull("no space left")
            return real_read(database, sql, values)

        def make(ballast: Ballast) -> None:
            if self.full:
                raise StorageFull("no space left")
            real_make(ballast)

        monkeypatch.setattr(Database, "read", read)
        monkeypatch.setattr(Ballast, "make", make)


@pytest.fixture
def disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> Full:
    return Full(home, monkeypatch)


def test_an_ordinary_send_is_refused_and_leaves_the_ballast(disk: Full) -> None:
    with pytest.raises(StorageFull):
        disk.world.send("second")
    assert disk.world.texts() == ["first"]
    assert disk.ballast.stat().st_size == BALLAST_BYTES


def test_an_ack_takes_the_ballast_and_sends_wait_until_it_stands_again(disk: Full) -> None:
    disk.world.store.mail.apply(Slug("bb"), [(disk.first, Ack(at=disk.world.clock.now()))])
    assert not disk.ballast.exists()
    assert disk.world.one(disk.first).acked_at is not None
    with pytest.raises(StorageFull):
        disk.world.send("eats what is meant for help")
    with pytest.raises(StorageFull):
        disk.world.store.mail.submit(disk.world.parcel("so does this")).result(30)
    assert disk.world.send("help", to="operator")
    disk.full = False
    disk.world.send("second")
    assert disk.ballast.exists()
    assert disk.world.texts() == ["second"]


def test_a_hook_run_is_marked(disk: Full) -> None:
    body = disk.world.store.agents.body(SESSION)
    assert body is not None
    disk.world.store.mail.settle(body, 3, [])
    agent = disk.world.store.agents.agent(Slug("bb"))
    assert agent is not None
    assert agent.turn == 3
