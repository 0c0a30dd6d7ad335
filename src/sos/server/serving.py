"""`sos serve`: the composition root of the server side. It alone opens a Redis store."""

from __future__ import annotations

import signal
import socket

import uvicorn

from sos.model.errors import InvalidInput, StoreUnreachable
from sos.model.tokens import AGENT_SERVICES
from sos.server import log, operating
from sos.server.app import WORKERS, Services
from sos.server.guard import LOOPBACK
from sos.server.patience import Patience
from sos.wiring import sentinel, watchdog
from sos.wiring.local import SystemClock, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.model.times import Millis
    from sos.model.tokens import Service
    from sos.ports import Store
    from sos.settings import Settings
    from sos.wiring.sentinel import Round
    from sos.wiring.webhook import Webhook

DRAIN_SECONDS = 10
"""How long requests that run may take to their end once the server stops."""
KEEP_ALIVE_SECONDS = 75
BACKLOG = 4096


def serve(settings: Settings, only: Sequence[Service], hosts: Sequence[str], ready: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT; `ready` gets the URL once it is open. Raises store errors, InvalidInput."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises again, at its end, what it was stopped by: to a handler of ours, since the store is to be closed yet.
        signal.signal(number, lambda *_: None)
    store = _store(settings)
    try:
        webhook = sentinel.webhook_of(settings)
        named, clock = (*LOOPBACK, settings.host, *hosts), SystemClock()
        services = Services(
            store,
            clock,
            services=only or AGENT_SERVICES,
            hosts=named,
            spelling=settings.global_stream,
            conventions=settings.conventions,
            rate=settings.rate,
            at_once=1 if settings.redis is None else WORKERS,
            look=lambda failed: watchdog.look(settings, after_failure=failed),
            judge=lambda lag, awake: _judged(settings, store, clock.now(), lag, awake, webhook),
            root=settings.home,
        )
        with _bound(settings.host, settings.port) as bound:
            serving = Serving(services, bound, ready)
            operating.settle(settings, store, serving.url)
            serving.run(sockets=[bound])
    finally:
        store.close()
    return 0


def _judged(settings: Settings, store: Store, now: Millis, lag: int, awake: Millis, webhook: Webhook | None) -> Round:
    return sentinel.look(
        settings.home,
        store,
        now,
        lag=lag,
        awake=awake,
        spelling=settings.global_stream,
        conventions=settings.conventions,
        webhook=webhook,
    )


def _store(settings: Settings) -> Store:
    if settings.redis is None:
        return open_store(settings)
    try:
        from sos.stores.redis.store import RedisStore
    except ImportError as error:
        raise InvalidInput(
            "a Redis store needs the extra redis", next_step="uv tool install 'sos-lifeline[server,redis]'"
        ) from error
    try:
        return RedisStore(settings.redis, create=True)
    except StoreUnreachable as error:
        # Here is no outbox to look into.
        raise StoreUnreachable(error.message, next_step="see that it runs and that SOS_STORE names it: redis-cli PING") from error


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        step = "stop what listens there, or set SOS_PORT" if port else "set SOS_HOST to an address of this machine"
        raise InvalidInput(f"{host}:{port} cannot be listened on: {error.strerror}", next_step=step) from error
    return made


class Serving(uvicorn.Server):
    """As uvicorn has it, and who waits is answered first when it stops."""

    def __init__(self, services: Services, bound: socket.socket, ready: Callable[[str], None]) -> None:
        config = uvicorn.Config(
            services.app,
            log_config=None,
            access_log=False,
            lifespan="on",
            loop="uvloop",
            http=Patience,
            ws="none",
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            backlog=BACKLOG,
        )
        super().__init__(config)
        self._services = services
        self._ready = ready
        host, port = bound.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        if self.started:
            self._ready(self.url)

    def stop(self) -> None:
        """Stop, asked from another thread."""
        self._services.hub.stop_soon()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: object) -> None:
        """Stop: whoever waits is answered now, what runs may end, a second signal ends it at once."""
        log.say("stopping", signal=signal.Signals(sig).name)
        self._services.hub.stop()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]  # a frame
