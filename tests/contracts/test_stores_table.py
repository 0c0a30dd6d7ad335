"""docs/reference/stores.md says what each store cannot do; here each row is tried on each store."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sos.core import reading
from sos.model.errors import SosError
from sos.model.names import Slug
from sos.model.times import Millis
from sos.stores.memory.store import MemoryStore
from sos.stores.redis.store import RedisStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.streams import GLOBAL, PROJECT
from sos.testing.world import World
from tests.proxy import Proxy
from tests.servers import KINDS, Clustered, RunningServer, program

ROOT = Path(__file__).resolve().parents[2]
STORES = ("memory", "sqlite", "redis")
BB = Slug("bb")


class Tried:
    """One store, fresh, and what can be done from outside it."""

    def __init__(self, name: str, folder: Path, server: RunningServer) -> None:
        self.name, self.folder, self.server = name, folder, server
        self.database = server.fresh()
        self.made: list[Any] = []
        self.world = World(self.opened(create=True))

    def opened(self, *, create: bool = False, url: str = "") -> Any:
        """Open it, as another process would."""
        match self.name:
            case "memory":
                store: Any = MemoryStore()
            case "sqlite":
                store = SqliteStore(f"{self.folder}/sos.db", f"{self.folder}/run", create=create)
            case _:
                store = RedisStore(url or self.server.url(self.database), create=create)
        self.made.append(store)
        return store

    def close(self) -> None:
        for store in self.made:
            store.close()


def survives(tried: Tried) -> bool:
    tried.world.send("kept")
    tried.world.store.close()
    return [entry.message.text for entry in tried.opened().mail.entries(BB, "unread", 10)] == ["kept"]


def on_disk(tried: Tried) -> bool:
    return bool(tried.world.store.durability == "disk")


def wakes_elsewhere(tried: Tried) -> bool:
    other, woken = tried.opened(), threading.Event()

    def wait() -> None:
        if other.wait(BB, 3):
            woken.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    tried.world.send()
    waiter.join(10)
    return woken.is_set()


def over_the_network(tried: Tried) -> bool:
    if tried.name != "redis":
        return False  # there is nothing that one could connect to
    proxy = Proxy(tried.server.socket)
    tried.world.send("far")
    far = tried.opened(url=proxy.url(tried.database))
    found = [entry.message.text for entry in far.mail.entries(BB, "unread", 10)]
    far.close()
    proxy.close()
    return found == ["far"]


def copies(tried: Tried) -> bool:
    try:
        tried.world.store.copy(f"{tried.folder}/copy.db")
    except SosError:
        return False
    copy = SqliteStore(f"{tried.folder}/copy.db", f"{tried.folder}/run")
    tried.made.append(copy)
    return copy.epoch != tried.world.store.epoch


def older_clients_read(tried: Tried) -> bool:
    tried.world.send("readable")
    return any('"readable"' in fields.get("payload", "") for _, fields in tried.server.client(tried.database).xrange(PROJECT))


def older_clients_are_read(tried: Tried) -> bool:
    store, client = tried.world.store, tried.server.client(tried.database)
    now = Millis(client.time()[0] * 1000)
    tried.world.clock.tick(now - tried.world.clock.now())
    agent = store.agents.agent(BB)
    assert agent is not None
    reader = getattr(store, "reader", None)
    client.xadd(GLOBAL, {"text": "older", "source": "old", "type": "chat"})
    if reader is not None:
        reading.read(agent, store, reader, tried.world.clock)
    return tried.world.texts() == ["older"]


def on_a_cluster(tried: Tried) -> bool:
    if tried.name != "redis":
        return False
    nodes = Clustered(tried.server.kind)
    try:
        store = RedisStore(nodes.url(0), create=True)
        World(store).send("on a Cluster")
        store.close()
    except SosError:
        return False
    finally:
        nodes.remove()
    return True


ROWS: dict[str, Callable[[Tried], bool]] = {
    "a sent message survives the end of the process": survives,
    "a durable receipt: the message is on disk before `send` returns": on_disk,
    "several processes share it, and one wakes a reader in another": wakes_elsewhere,
    "several machines share it, over the network": over_the_network,
    "`sos backup`: a copy of it in use, with an epoch of its own": copies,
    "older clients of the same Redis read what we send": older_clients_read,
    "what older clients wrote by raw `XADD` is read where it stands": older_clients_are_read,
    "runs on a Redis Cluster": on_a_cluster,
}


def table() -> dict[str, tuple[str, ...]]:
    lines = (ROOT / "docs" / "reference" / "stores.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| what | memory | sqlite | redis |")
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        what, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        found[what] = tuple(cells)
    return found


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    made = RunningServer(request.param)
    yield made
    made.remove()


@pytest.mark.promise("STORE-003")
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("what", ROWS)
def test_a_store_can_do_what_the_table_says_and_no_more(what: str, name: str, server: RunningServer, tmp_path: Path) -> None:
    tried = Tried(name, tmp_path, server)
    try:
        can = ROWS[what](tried)
    finally:
        tried.close()
    said = table()[what][STORES.index(name)]
    assert can is (said in {"yes", "by its server"})  # the server here syncs each write


@pytest.mark.promise("STORE-003")
def test_the_table_has_these_rows_and_no_others() -> None:
    assert list(table()) == list(ROWS)
    assert {cell for cells in table().values() for cell in cells} == {"yes", "no", "by its server"}


@pytest.mark.promise("STORE-003")
def test_no_contract_test_is_skipped() -> None:
    contracts = sorted(str(path) for path in (ROOT / "src" / "sos" / "testing").glob("*.py"))
    faces = [f"{ROOT}/tests/contracts/test_{name}.py" for name in ("memory", "sqlite", "redis")]
    for path in (*contracts, *faces):
        assert not re.search(r"\.skip|skipif|skipTest|xfail|importorskip", Path(path).read_text(encoding="utf-8")), path


@pytest.mark.promise("REDIS-001")
@pytest.mark.parametrize("kind", KINDS)
def test_the_servers_are_those_that_the_docs_name(kind: Any) -> None:
    said = subprocess.run(["redis-server", "--version"], executable=program(kind), capture_output=True, text=True, check=True)
    assert re.search(r"v=7\." if kind == "redis" else r"v=9\.", said.stdout), said.stdout


@pytest.mark.promise("PACKAGE-006")
def test_nothing_that_an_agent_runs_loads_the_client_library() -> None:
    code = "import sys, sos.cli, sos.hook.run, sos.wiring.local, sos.core.sending; print('redis' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.strip() == "False"
