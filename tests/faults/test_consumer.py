"""Agents of the SDK as processes, hurt in their work: no message is lost, none has two effects, and it is told once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos.model.times import HOUR
from sos.ports import Store
from sos.stores.sqlite.store import SqliteStore
from tests import tools
from tests.faults.consumers import BB, MANY, SENDERS, Consumers
from tests.faults.test_full_disk import REPOSITORY, UNSHARE
from tests.proxy import Proxy
from tests.serving import Serving
from tests.shell import Shell

pytestmark = [pytest.mark.promise("SDK-005", "SDK-013"), pytest.mark.timeout(180)]

MOUNTED = 'mount -t tmpfs -o size=12m,mode=700 none "$1" && exec "$2" -m tests.faults.full_consumer "$1" "$3"'


@pytest.fixture
def consumers(home: Path, tmp_path: Path) -> Iterator[Consumers]:
    (folder := tmp_path / "talk").mkdir()
    made = Consumers(Shell(home), folder)
    made.join()
    yield made
    made.end()


@pytest.mark.promise("LEASE-002")
@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_steps_while_leases_are_out_loses_nothing_and_doubles_nothing(consumers: Consumers, step: int) -> None:
    consumers.start("first")
    consumers.post(MANY)
    consumers.until(lambda: consumers.count("begun") == len(SENDERS))  # of each sender one
    begun = consumers.lines("first")
    consumers.step_clock(step)
    consumers.start("second")
    consumers.post(6)
    # Forward, the leases are over by the clock, and the other begins the same; back, they hold, and it begins what is behind.
    consumers.until(lambda: consumers.count("begun", name="second") == len(SENDERS))
    lost = sorted(begun) if step > 0 else []
    assert sorted(set(begun) & set(consumers.lines("second"))) == lost
    consumers.open_gate()
    assert consumers.found() == {"effects": {}, "dead": 0, "told": {"stale_fence": len(lost)} if lost else {}}


class Remote(Consumers):
    """The same over a server, behind a proxy that can part them from it."""

    def __init__(self, shell: Shell, folder: Path, serving: Serving) -> None:
        super().__init__(shell, folder)
        self.serving = serving
        self.proxy = Proxy(("127.0.0.1", int(serving.port)))

    def join(self) -> None:
        for name in (BB, *SENDERS):
            url = f"http://127.0.0.1:{self.proxy.port}"
            self.shell.json("join", "--name", name, "--url", url, "--invite", self.serving.invitation(name))

    def store(self) -> Store:
        root = self.serving.shell.root
        return SqliteStore(str(root / "sos.db"), str(root / "run"))


@pytest.fixture
def remote(home: Path, tmp_path: Path) -> Iterator[Remote]:
    (folder := tmp_path / "talk").mkdir()
    made = Remote(Shell(home), folder, Serving(tmp_path / "server"))
    try:
        made.join()
        yield made
    finally:
        made.end()
        made.proxy.close()
        made.serving.stop(signal.SIGKILL)


@pytest.mark.promise("SDK-003")
def test_parted_from_its_server_while_handlers_run_a_consumer_ends_each_message_once(remote: Remote) -> None:
    remote.start("first")
    remote.post(MANY)
    remote.until(lambda: remote.count("begun") == len(SENDERS))
    remote.proxy.part_them(parted=True)
    remote.open_gate()
    remote.until(lambda: remote.count("refused", "store_unreachable") >= 10)
    remote.proxy.strike("lost reply", times=2, word=b"/v1/handling/conclude")  # stored, and nobody knows
    remote.proxy.part_them(parted=False)
    assert remote.found() == {"effects": {}, "dead": 0, "told": {"store_unreachable": 1}}
    assert remote.proxy.struck == 2


@pytest.mark.promise("SQLITE-008")
def test_a_disk_that_fills_while_handlers_run_costs_no_message_its_attempts(tmp_path: Path) -> None:
    tools.find("unshare")
    (disk := tmp_path / "disk").mkdir()
    (folder := tmp_path / "talk").mkdir()
    if subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", str(disk)], check=False, capture_output=True).returncode:
        tools.not_allowed("mount a small disk")
    words = ["sh", "-c", MOUNTED, "sh", str(disk), sys.executable, str(folder)]
    done = subprocess.run([*UNSHARE, *words], cwd=REPOSITORY, capture_output=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == {"effects": {}, "dead": 0, "told": {"storage_full": 1}}
