"""From the environment and a home to a connection over HTTP."""

from __future__ import annotations

from sos.core import turns
from sos.homes import cursor
from sos.model.errors import BusMismatch, TokenRefused
from sos.model.names import OPERATOR
from sos.model.tokens import AGENT_SERVICES
from sos.remote.connection import CALL_SECONDS, HttpConnection
from sos.remote.turn import TurnStore
from sos.wiring import history
from sos.wiring.local import SystemClock, token_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sos.homes.home import Home
    from sos.homes.resolver import Who
    from sos.model.agents import Agent
    from sos.model.tokens import Service
    from sos.ports import Store
    from sos.ports.connection import Connection
    from sos.settings import Settings

HOOK_SECONDS = 0.2
"""Of one request of a hook, whose whole run has 300 ms."""


def connect(settings: Settings, home: Home, who: Who, *, own: bool = True, call_seconds: float = CALL_SECONDS) -> HttpConnection:
    """The connection of the agent that a home is of. Raises BusMismatch, TokenRefused, HomeNotPrivate."""
    if settings.url is not None and settings.url.rstrip("/") != home.store.rstrip("/"):
        raise BusMismatch(f"SOS_URL names {settings.url}, but {home.slug} joined {home.store}")
    if settings.store is not None:
        raise BusMismatch(f"SOS_STORE names {settings.store}, but {home.slug} joined {home.store}")
    tokens: dict[Service, str] = {}
    for service in (*AGENT_SERVICES, "admin") if who.slug == OPERATOR else AGENT_SERVICES:
        text = token_of(settings, home.path, service)
        if text is not None:
            tokens[service] = text
    if "bus" not in tokens:
        from sos.core.readiness import shell_word

        raise TokenRefused(f"{home.path} has no bus token", next_step=f"sos join --name {shell_word(home.name)}")
    return connection_to(settings, home.store, tokens, home.slug, session=settings.session or "", own=own, seconds=call_seconds)


def turn(
    settings: Settings, home: Home, who: Who, session: str, *, begins: bool
) -> tuple[Store, Agent, Callable[[], Connection]]:
    """What a hook run works on: one look at the server, which answers as a store does. Raises StoreUnreachable."""
    connection = connect(settings.replace(session=session), home, who, call_seconds=HOOK_SECONDS)
    seen = cursor.load(home.path)
    look = connection.look(begins=begins, epoch=home.epoch, seen=seen)
    if look.epoch != home.epoch:
        history.remember(settings, home, look.epoch, look.agent)
    if look.head != seen:
        cursor.save(home.path, look.head)
    store: Store = TurnStore(connection, look, turns.mark_of)  # type: ignore[assignment]  # as much of one as a run asks for
    return store, look.agent, lambda: connection


def connection_to(
    settings: Settings,
    url: str,
    tokens: Mapping[Service, str],
    agent: str = "",
    *,
    session: str = "",
    own: bool = True,
    seconds: float = CALL_SECONDS,
) -> HttpConnection:
    """A connection to a server with these tokens; `agent`: whose they must be."""
    urls: dict[Service, str] = {service: settings.urls.get(service, url) for service in AGENT_SERVICES}
    urls["admin"] = urls["join"] = urls["registry"]
    return HttpConnection(urls, tokens, SystemClock(), session, own=own, agent=agent, call_seconds=seconds)
