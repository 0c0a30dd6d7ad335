"""The session of this machine in whose context an agent's inbox is shown."""

from __future__ import annotations

import os

from sos.homes import home as homes
from sos.homes import resolver
from sos.homes.processes import is_alive
from sos.wiring import bodies, local, renewing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Body
    from sos.ports.connection import Connection
    from sos.settings import Settings


class Sessions:
    """Of one agent: which of them holds the inbox, and a connection that looks as it does."""

    def __init__(self, settings: Settings, slug: str) -> None:
        self._settings = settings.replace(session=None, agent=None, token=None)
        self._slug = slug
        #: The bus that its home names: another one has other messages, by other numbers.
        self._bus = ""
        self._known: dict[str, Connection] = {}

    def find(self) -> tuple[Connection, Body | None]:
        """The connection of the session that holds the inbox and lives, and its body; else the agent's own, and None.

        Raises SosError.
        """
        self._forget()
        for session in resolver.sessions(self._settings.home, self._slug):
            connection = self._connection(session)
            body = connection.myself().body
            if body is not None and body.holder and _is_here(body):
                renewing.renew_due(self._settings, connection)
                return connection, body
        return self._connection(""), None

    @property
    def bus(self) -> str:
        """The bus that was looked at last."""
        return self._bus

    def _connection(self, session: str) -> Connection:
        if session not in self._known:
            self._known[session] = (
                bodies.connect(self._settings, self._slug, session)[0]
                if session
                else local.connect(self._settings, self._slug, own=False)
            )
        return self._known[session]

    def _forget(self) -> None:
        """Connections of sessions that have ended, and all of them where the agent has moved to another bus."""
        home = homes.load(self._settings.home, self._slug)
        bus = "" if home is None else home.store
        if bus != self._bus:
            self._bus, self._known = bus, {}
        here = {"", *resolver.sessions(self._settings.home, self._slug)}
        self._known = {session: each for session, each in self._known.items() if session in here}


def _is_here(body: Body) -> bool:
    return body.presence != "closed" and (not body.pid or body.host != os.uname().nodename or is_alive(body.pid))
