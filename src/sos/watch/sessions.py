"""The session of this machine in whose context an agent's inbox is shown."""

from __future__ import annotations

from sos.homes import home as homes
from sos.homes import resolver
from sos.homes.processes import is_here
from sos.wiring import local, renewing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Body, Myself
    from sos.ports.connection import Connection
    from sos.settings import Settings


class Sessions:
    """Of one agent, seen through a connection that only looks. It is made anew when the agent has moved to another bus."""

    def __init__(self, settings: Settings, slug: str) -> None:
        self._settings = settings.replace(session=None, agent=None, token=None)
        self._slug = slug
        self._bus: str | None = None
        self._known: Connection | None = None

    def connection(self) -> Connection:
        """How it is looked at. Raises SosError."""
        home = homes.load(self._settings.home, self._slug)
        bus = None if home is None else home.store
        if self._known is None or bus != self._bus:
            self._known, self._bus = local.connect(self._settings, self._slug, own=False), bus
        renewing.renew_due(self._settings, self._known)
        return self._known

    def holder(self, myself: Myself) -> Body | None:
        """The body that holds the inbox, if its session was started here and lives."""
        here = resolver.sessions(self._settings.home, self._slug)
        return next((body for body in myself.bodies if body.holder and body.session in here and _lives(body)), None)


def _lives(body: Body) -> bool:
    return body.presence != "closed" and is_here(body)
