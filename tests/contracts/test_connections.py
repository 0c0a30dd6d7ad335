"""The contract of a connection, over a store in this process and over a server on loopback."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from sos.core.access import embedded_scopes, identify
from sos.core.connection import LocalConnection
from sos.model.tokens import AGENT_SERVICES
from sos.ports import Store
from sos.ports.connection import Connection
from sos.remote.connection import HttpConnection
from sos.server.app import Services
from sos.server.serving import Serving
from sos.stores.memory.store import MemoryStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.connections import ConnectionContract
from sos.testing.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.testing.connections import Tokens


class TestLocal(ConnectionContract):
    assurance = "same-user"
    sees_all = True

    def make_store(self) -> Store:
        return MemoryStore()

    def connection(self, world: World, tokens: Tokens, session: str, *, own: bool) -> Connection:
        record = identify(world.store, tokens["bus"].text, "bus", world.clock.now())
        agent = world.store.agents.agent(record.agent)
        assert agent is not None
        return LocalConnection(world.store, agent, world.clock, session, scopes=embedded_scopes(record), own=own)


class OverHttp(ConnectionContract):
    """Each world has a server of its own; a fixture ends them."""

    assurance = "token"
    sees_all = False

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self.servers: dict[int, tuple[Serving, threading.Thread, str]] = {}
        self.connections: list[HttpConnection] = []
        yield
        for connection in self.connections:
            connection.close()
        for serving, thread, _ in self.servers.values():
            serving.stop()
            thread.join(20)
            assert not thread.is_alive()

    def connection(self, world: World, tokens: Tokens, session: str, *, own: bool) -> Connection:
        url = self.servers[id(world)][2] if id(world) in self.servers else self.serve(world)
        texts = {service: token.text for service, token in tokens.items()}
        made = HttpConnection(dict.fromkeys(AGENT_SERVICES, url), texts, world.clock, session, own=own)
        self.connections.append(made)
        return made

    def serve(self, world: World) -> str:
        urls: Queue[str] = Queue()
        bound = socket.create_server(("127.0.0.1", 0))
        serving = Serving(Services(world.store, world.clock), bound, urls.put)
        thread = threading.Thread(target=lambda: serving.run(sockets=[bound]))
        thread.start()
        url = urls.get(timeout=20)
        self.servers[id(world)] = (serving, thread, url)
        return url


class TestHttpOverMemory(OverHttp):
    def make_store(self) -> Store:
        return MemoryStore()


class TestHttpOverSqlite(OverHttp):
    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        self.folder = Path(tempfile.mkdtemp())
        yield
        shutil.rmtree(self.folder)

    def make_store(self) -> Store:
        return SqliteStore(str(self.folder / "sos.db"), str(self.folder / "run"), create=True)
