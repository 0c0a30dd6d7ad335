"""The services of one process as one ASGI application, over a store that is open."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sos.model.errors import SosError
from sos.model.tokens import AGENT_SERVICES
from sos.server import openapi
from sos.server.api import Api
from sos.server.callers import Callers
from sos.server.clockwork import Clockwork
from sos.server.events import PATH as EVENTS
from sos.server.events import Events
from sos.server.gathering import Gathering
from sos.server.guard import LOOPBACK, Guard
from sos.server.hub import Hub
from sos.server.lots import Lots
from sos.server.metrics import CONTENT_TYPE, Metrics
from sos.server.problems import status_of
from sos.server.resource import METADATA, PATH, McpResource
from sos.server.sentinel import Sentinel
from sos.server.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sos.model.addresses import Convention, GlobalSpelling
    from sos.model.times import Millis
    from sos.model.tokens import Service
    from sos.ports import Clock, Store
    from sos.recovery.watchdog import Look
    from sos.wiring.sentinel import Round

WORKERS = 64
"""Threads that are in the store at once, at most."""


class Services:
    """Registry, squad and bus, or some of them. `app` is the application; it begins and ends with its lifespan.

    `look`: how the disk watchdog looks; `judge`: a round of the sentinel (its lag, since when it is awake), which keeps its
    memory in `root`. Without them nobody looks.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        services: Sequence[Service] = AGENT_SERVICES,
        hosts: Iterable[str] = LOOPBACK,
        spelling: GlobalSpelling = "agent",
        conventions: Sequence[Convention] = (),
        rate: int = 0,
        at_once: int = 1,
        look: Callable[[bool], Look] | None = None,
        judge: Callable[[int, Millis], Round] | None = None,
        root: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="sos-worker")
        self.hub = Hub(store)
        self._metrics = Metrics(lambda: self.hub.parked)
        self._clockwork = Clockwork(store, clock)
        self._watchdog = None if look is None else Watchdog(look, self._metrics)
        self._sentinel = None if judge is None else Sentinel(root, judge, clock, self._metrics)
        self._gathering = Gathering(store, clock, self.hub, conventions)
        self._services = services
        callers = Callers(store, clock, spelling, conventions, rate)
        lots = Lots(store, clock, self._workers, at_once)
        if self._watchdog is not None:
            self._metrics.when_full(self._watchdog.write_failed)
        api = Api(store, clock, self.hub, lots, self._metrics, callers, services)
        self._events = Events(callers, lots, self.hub, clock, self._metrics) if "bus" in services else None
        self._mcp = McpResource(callers, clock, self._workers, self._metrics)
        routes = [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics_text),
            Route("/openapi.json", self._openapi),
            *(self._of_mcp() if "bus" in services else ()),
        ]
        self._api = api
        self._paths = frozenset(route.path for route in routes)
        self._others = Starlette(routes=routes, lifespan=self._lifespan)
        self.app = Guard(self._route, hosts)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What agents ask goes its own way.

        Routers and their middleware cost as much as the smallest answer (45 µs), and 3 kB for as long as a stream is open.
        """
        path = scope["path"] if scope["type"] == "http" else None
        if path == EVENTS and self._events is not None:
            await self._events(scope, receive, send)
        elif path is None or path in self._paths:
            await self._others(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    def _of_mcp(self) -> list[Route]:
        asked = [Route(path, self._mcp.metadata) for path in (METADATA, METADATA + PATH)]
        return [Route(PATH, self._mcp), *asked]

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.hub.start()
        self._clockwork.start()
        if self._watchdog is not None:
            self._watchdog.start()
        if self._sentinel is not None:
            self._sentinel.start()
        self._gathering.start()
        yield
        await self._mcp.close()
        self.hub.stop()
        self._clockwork.stop()
        self._gathering.stop()
        if self._watchdog is not None:
            await asyncio.to_thread(self._watchdog.stop)
        if self._sentinel is not None:
            await asyncio.to_thread(self._sentinel.stop)
        await asyncio.to_thread(self.hub.join)
        await asyncio.to_thread(self._workers.shutdown)

    async def _healthz(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _: Request) -> Response:
        """Whether the store answers, now."""
        if self.hub.stopping:
            return JSONResponse({"ready": False, "code": "stopping", "detail": "this process is about to stop"}, 503)
        try:
            await asyncio.get_running_loop().run_in_executor(self._workers, self._store.mail.head)
        except SosError as error:
            return JSONResponse({"ready": False, "code": error.code, "detail": error.message}, max(status_of(error), 500))
        return JSONResponse({"ready": True, "durability": self._store.durability, "services": list(self._services)})

    async def _metrics_text(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _openapi(self, _: Request) -> Response:
        return JSONResponse(openapi.document(self._services))
