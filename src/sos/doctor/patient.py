"""One agent as the doctor sees it: its home, its connection, and its sessions on this machine, each asked for once."""

from __future__ import annotations

import os

from sos.core.readiness import shell_word
from sos.homes import connected, processes, resolver
from sos.homes import home as homes
from sos.model.agents import GONE
from sos.model.errors import HomeError, SosError, UnknownAgent
from sos.runtimes import NAMES
from sos.wiring import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.homes.home import Home
    from sos.model.agents import Body, Myself
    from sos.model.times import Millis
    from sos.ports.connection import Connection
    from sos.settings import Settings


class Patient:
    """What was asked once is not asked again, an error neither: the rungs below fail for the same reason."""

    def __init__(self, settings: Settings, slug: str) -> None:
        self.slug = slug
        self.path = homes.path_of(settings.home, slug)
        #: As seen from nowhere in particular: the doctor may run in another agent's session.
        self.settings = settings.replace(session=None, agent=None, token=None)
        self._home: Home | None = None
        self._connection: Connection | SosError | None = None
        self._myself: Myself | None = None

    @property
    def home(self) -> Home:
        """Its home. Raises HomeDamaged, HomeNotPrivate, UnknownAgent."""
        if self._home is None:
            self._home = homes.load(self.settings.home, self.slug)
        if self._home is None:
            raise UnknownAgent(f"{self.slug} has no home here", next_step=f"sos join --name {self.slug}")
        return self._home

    def connection(self) -> Connection:
        """A connection that only looks. Raises what keeps the agent from its inbox."""
        if self._connection is None:
            try:
                self._connection = local.connect(self.settings, self.slug, own=False)
            except SosError as error:
                self._connection = error
        if isinstance(self._connection, SosError):
            raise self._connection
        return self._connection

    def own(self) -> Connection:
        """A connection that acts as the agent itself, for what was asked for. Raises as `connection` does."""
        return local.connect(self.settings, self.slug, own=True)

    def myself(self) -> Myself:
        """Its record as the bus has it. Raises as `connection` does."""
        if self._myself is None:
            try:
                self._myself = self.connection().myself()
            except SosError as error:
                self._connection = error
                raise
        return self._myself

    def bodies(self, now: Millis) -> list[Body]:
        """Its bodies that have not ended, as far as they say: sessions recorded here, and what was seen in the last 15 minutes.

        Raises as `connection` does.
        """
        here = resolver.sessions(self.settings.home, self.slug)
        open_ = [body for body in self.myself().bodies if body.presence != "closed"]
        return [body for body in open_ if body.session in here or (now - body.seen_at < GONE and self.lives(body))]

    def has_left(self) -> bool:
        """Whether it is known to have left the bus."""
        try:
            return self.myself().agent.status != "open"
        except SosError:
            return False

    def connected(self) -> list[str] | None:
        """The runtimes that it is connected to by its own record; None where there is none that can be read."""
        try:
            return connected.recorded(self.settings.home, self.slug)
        except HomeError:
            return None

    def binding(self) -> str:
        """The command that binds the directory where it was seen last to it; with the word DIR where none is known."""
        runtime = next(iter(self.connected() or ()), "claude")
        try:
            bodies = sorted(self.myself().bodies, key=lambda body: body.seen_at, reverse=True)
        except SosError:
            bodies = []
        place = next((body.cwd for body in bodies if body.runtime in NAMES and os.path.isdir(body.cwd)), None)
        return f"sos connect {runtime} --as {self.slug} --dir {'DIR' if place is None else shell_word(place)}"

    def lives(self, body: Body) -> bool:
        """Whether a body's process is there, as far as that can be seen from here."""
        return processes.is_here(body)

    def bound(self) -> list[str]:
        """The directories whose sessions are this agent's, `*` for all. Raises HomeDamaged."""
        return [place for place, slug in resolver.load_bindings(self.settings.home).items() if slug == self.slug]
