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
from sos.stores.sqlite.store import SqliteStore
from sos.testing.connections import ConnectionContract
from sos.testing.world import World
from tests.faces.served import served

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
