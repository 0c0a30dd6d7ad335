"""The contract of a connection, over a store in this process and over a server on loopback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sos.core.access import embedded_scopes, identify
from sos.core.connection import LocalConnection
from sos.model.tokens import AGENT_SERVICES
from sos.ports import Store
from sos.ports.connection import Connection
from sos.remote.connection import HttpConnection
from sos.stores.memory.store import MemoryStore
from sos.stores.redis.store import RedisStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.connections import Connected, ConnectionContract
from sos.testing.tasks import TaskConnectionContract
from sos.testing.world import World
from tests.faces.served import served
from tests.servers import RunningServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.testing.connections import Tokens


class Local(Connected):
    assurance = "same-user"
    sees_all = True

    def make_store(self) -> Store:
        return MemoryStore()

    def connection(self, world: World, tokens: Tokens, session: str, *, own: bool) -> Connection:
        record = identify(world.store, tokens["bus"].text, "bus", world.clock.now())
        agent = world.store.agents.agent(record.agent)
        assert agent is not None
        return LocalConnection(world.store, agent, world.clock, session, scopes=embedded_scopes(record), own=own)


@pytest.mark.promise("PRESENCE-002")
class TestLocal(Local, ConnectionContract):
    pass


@pytest.mark.promise("TASK-001", "TASK-002", "TASK-003")
class TestLocalTasks(Local, TaskConnectionContract):
    pass


class OverHttp(Connected):
    """Each world has a server of its own; a fixture ends them."""

    assurance = "token"
    sees_all = False

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self.urls: dict[int, str] = {}
        with ExitStack() as self.stack:
            yield

    def connection(self, world: World, tokens: Tokens, session: str, *, own: bool) -> Connection:
        if id(world) not in self.urls:
            self.urls[id(world)] = self.stack.enter_context(served(world)).url
        texts = {service: token.text for service, token in tokens.items()}
        made = HttpConnection(dict.fromkeys(AGENT_SERVICES, self.urls[id(world)]), texts, world.clock, session, own=own)
        self.stack.callback(made.close)
        return made


class OverMemory(OverHttp):
    def make_store(self) -> Store:
        return MemoryStore()


class TestHttpOverMemory(OverMemory, ConnectionContract):
    pass


@pytest.mark.promise("TASK-001", "TASK-002", "TASK-003")
class TestTasksOverMemory(OverMemory, TaskConnectionContract):
    pass


class OverSqlite(OverHttp):
    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        self.folder = Path(tempfile.mkdtemp())
        yield
        shutil.rmtree(self.folder)

    def make_store(self) -> Store:
        return SqliteStore(str(self.folder / "sos.db"), str(self.folder / "run"), create=True)


class TestHttpOverSqlite(OverSqlite, ConnectionContract):
    pass


@pytest.mark.promise("TASK-001", "TASK-002", "TASK-003")
class TestTasksOverSqlite(OverSqlite, TaskConnectionContract):
    pass


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    made = RunningServer("valkey")
    yield made
    made.remove()


class OverRedis(OverHttp):
    @pytest.fixture(autouse=True)
    def _server(self, server: RunningServer) -> None:
        self.server = server

    def make_store(self) -> Store:
        store = RedisStore(self.server.url(self.server.fresh()), create=True)
        self.stack.callback(store.close)  # after the server over it, which is entered later
        return store


@pytest.mark.promise("TASK-001", "TASK-002", "TASK-003")
class TestTasksOverRedis(OverRedis, TaskConnectionContract):
    pass
