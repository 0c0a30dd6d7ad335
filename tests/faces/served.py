"""A server in a thread of the test, over a store that the test holds, and raw requests to it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Queue
from typing import Any

from sos.core.access import record_of
from sos.model.names import Slug
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint
from sos.server.app import Services
from sos.server.serving import Serving
from sos.testing.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.tokens import Service


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """Where a world is served."""

    world: World
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def token(self, service: Service = "bus", slug: str = "aa") -> str:
        made = mint(SERVICES[service])
        agent = self.world.store.agents.agent(Slug(slug))
        assert agent is not None
        self.world.store.tokens.add(record_of(made, agent.slug, agent.project, self.world.clock.now()))
        return made.text

    def ask(self, verb: str, path: str, body: object = None, *, token: str | None = None, **headers: str) -> Answer:
        """One request; `body` as JSON unless it is bytes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(verb, path, data, given)
            found = connection.getresponse()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())
        finally:
            connection.close()


@contextmanager
def served(world: World, services: Sequence[Service] = AGENT_SERVICES, rate: int = 0) -> Iterator[Served]:
    """Serve a world until the end of the block."""
    urls: Queue[str] = Queue()
    bound = socket.create_server(("127.0.0.1", 0))
    serving = Serving(Services(world.store, world.clock, services=services, rate=rate), bound, urls.put)
    thread = threading.Thread(target=lambda: serving.run(sockets=[bound]))
    thread.start()
    try:
        yield Served(world, urls.get(timeout=20))
    finally:
        serving.stop()
        thread.join(20)
        assert not thread.is_alive()
