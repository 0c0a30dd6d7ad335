"""A process of an agent's own as one of its bodies: whose it is, and its connection."""

from __future__ import annotations

from sos.homes import home as homes
from sos.model.errors import NobodyHere
from sos.wiring import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.homes.home import Home
    from sos.ports.connection import Connection
    from sos.settings import Settings

testing: Callable[[str | None, str], Connection] | None = None
"""Set by `sos.testing.Bus.installed`: who connects instead, for a name and a session."""


def connect(settings: Settings, name: str | None, session: str) -> tuple[Connection, Home | None]:
    """The connection of an agent whose name or token was given, or that `SOS_AGENT` names, and its home, if it has one here.

    A program is never the operator unasked, and takes no session of a runtime that it was started in for its own. Raises
    NobodyHere, TokenRefused and its kin, WrongAgent, HomeNotPrivate, BusMismatch, StoreUnreachable.
    """
    if testing is not None:
        return testing(name or settings.agent, session), None
    if name is None and settings.token is None and settings.agent is None:
        raise NobodyHere("which agent is this?", next_step='Agent(name="NAME"), after: sos join --name NAME')
    apart = settings.replace(session=None)
    who = local.who_am_i(apart, name)
    home = homes.load(settings.home, who.slug)
    inside = settings.replace(session=session)
    if home is not None and home.remote:
        from sos.wiring import remote

        return remote.connect(inside, home, who), home
    if home is None and settings.url is not None and settings.token is not None:
        from sos.wiring import remote

        return remote.connection_to(inside, settings.url, {"bus": settings.token}, who.slug, session=session), None
    return local.over_the_store(inside, who, home, own=True), home
