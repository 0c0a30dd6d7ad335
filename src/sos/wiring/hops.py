"""A canary over an agent's real path, hop by hop, each with its time: from the sender's token to the agent's acknowledgement."""

from __future__ import annotations

import os
import time

from sos.core import canary
from sos.homes import connected, resolver
from sos.homes import home as homes
from sos.model.addresses import read_addresses
from sos.model.errors import (
    Forbidden,
    HomeError,
    NobodyHere,
    RuntimeConfigError,
    SosError,
    StoreDamaged,
    StoreError,
    Unauthenticated,
    UnknownAgent,
    UnknownMessage,
    WrongAgent,
)
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import OPERATOR, address_name
from sos.model.record import Record
from sos.model.times import MINUTE
from sos.runtimes.connector import connector_of
from sos.wiring import connecting, local, probing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from sos.model.ids import MessageId
    from sos.ports.connection import Connection
    from sos.settings import Settings

    HopName = Literal["token", "store", "inbox", "hook", "context", "ack"]
    State = Literal["well", "broken", "not connected", "not reached"]

HOPS: tuple[HopName, ...] = ("token", "store", "inbox", "hook", "context", "ack")
"""In the order of the path: the sender's token counts; the store takes the canary durably; it stands whole in what the agent
reads; the installed hook runs; what it prints is the runtime's own JSON with the canary; the agent acknowledges it."""
LIFE = MINUTE
"""Milliseconds after which a canary that was left behind ends by itself."""
_USAGE = (UnknownAgent, NobodyHere, WrongAgent)
"""Errors that say nothing of the path: it was not asked for as it can be."""


class Hop(Record):
    """One hop, as it was found."""

    name: HopName
    state: State = "not reached"
    said: str = ""
    #: Milliseconds that it took; None where it was not tried.
    took: float | None = None


class Walked(Record):
    """The whole path. `code` is that of the error where a hop is broken, and `next_step` the command to type then."""

    agent: str
    sender: str
    canary: MessageId
    hops: tuple[Hop, ...]
    code: str = ""
    next_step: str = ""
    #: The streams that the agent reads, its own first; empty where that was not reached.
    addresses: tuple[str, ...] = ()

    @property
    def broken(self) -> HopName | None:
        """The hop that is broken, if one is."""
        return next((hop.name for hop in self.hops if hop.state == "broken"), None)


def walk(settings: Settings, named: str | None, agent: str) -> Walked:
    """Send a canary to an agent that has its home here, as whoever acts here (`named`: --as), and follow it.

    Nothing of the agent's own mail is shown or marked. Raises UnknownAgent, NobodyHere, WrongAgent, InvalidInput for what was not
    asked as it can be; what the path itself raises is a broken hop.
    """
    slug = address_name(agent)
    if slug not in homes.slugs(settings.home):
        step = f"sos probe {slug}, where its sessions run   (agents here: {', '.join(homes.slugs(settings.home)) or 'none'})"
        raise UnknownAgent(f"{slug} has no home here, so its path cannot be gone to its end", next_step=step)
    return _Path(settings, named, slug).walk()


class _Path:
    """One canary on its way."""

    def __init__(self, settings: Settings, named: str | None, slug: str) -> None:
        self._settings = settings
        self._named = _sender(settings, named, slug)
        self._slug = slug
        #: The agent as seen from nowhere in particular: the probe may run in another agent's session.
        self._alone = settings.replace(session=None, agent=None, token=None)
        self._id = new_id(local.SystemClock().now())
        self._nonce = os.urandom(8).hex()
        self._from: Connection | None = None
        self._to: Connection | None = None
        self._shown: probing.Shown | None = None
        self._addresses: tuple[str, ...] = ()
        self._sent = False

    def walk(self) -> Walked:
        """Go, up to the first hop that is broken."""
        steps: dict[HopName, Callable[[], tuple[State, str]]] = {
            "token": self._token,
            "store": self._store,
            "inbox": self._inbox,
            "hook": self._hook,
            "context": self._context,
            "ack": self._ack,
        }
        hops = {name: Hop(name=name) for name in HOPS}
        code = step = ""
        for name, take in steps.items():
            begun = time.monotonic()
            try:
                state, said = take()
            except (*_USAGE, KeyboardInterrupt):
                self._end()
                raise
            except SosError as error:
                where = _place(name, error)
                hops[where] = Hop(name=where, state="broken", said=error.message, took=probing.since(begun))
                code, step = error.code, error.next_step
                self._end()
                break
            took = self._shown.took if name == "hook" and self._shown is not None else probing.since(begun)
            hops[name] = Hop(name=name, state=state, said=said, took=took if state == "well" else None)
        sender = "" if self._from is None else self._from.slug
        return Walked(
            agent=self._slug,
            sender=sender or self._named or "",
            canary=self._id,
            hops=tuple(hops.values()),
            code=code,
            next_step=step,
            addresses=self._addresses,
        )

    # --- the hops -----------------------------------------------------------------------------------------------------

    def _token(self) -> tuple[State, str]:
        self._from = local.connect(self._settings, self._named)
        me = self._from.myself().agent
        if me.status != "open":
            raise Forbidden(f"{me.slug} has left: it sends nothing", next_step="sos join --name NAME")
        return "well", f"the bus token of {me.slug} counts"

    def _store(self) -> tuple[State, str]:
        assert self._from is not None
        draft = Draft(
            id=self._id,
            to=self._slug,
            text=f"canary {self._nonce}",
            kind="event",
            expires_in=LIFE,
            headers={canary.HEADER: self._nonce},
        )
        self._sent = True  # also where the answer is lost: it may stand there then
        receipt = self._from.send(draft)
        return "well", f"accepted, durability {receipt.durability}"

    def _inbox(self) -> tuple[State, str]:
        """The agent's own token opens its inbox, and the canary stands there whole, by a stream that it reads."""
        self._to = connection = local.connect(self._alone, self._slug, own=True)
        agent = connection.myself().agent
        connection.count("unread")  # where there are streams of older clients, this reads all of them
        self._addresses = read_addresses(agent.slug, agent.name, agent.project, agent.squads, self._settings.conventions)
        entry = connection.canary(self._id)
        if entry is None:
            raise UnknownMessage(
                f"what was accepted stands in no stream that {self._slug} reads", next_step=f"sos doctor --as {self._slug}"
            )
        if entry.damaged or self._nonce not in entry.message.text:
            raise StoreDamaged("the canary stands there, and is not what was sent", next_step="sos backup list, then: sos guide")
        if entry.message.address not in self._addresses:
            raise UnknownMessage(
                f"it was written to {entry.message.address}, which {self._slug} does not read",
                next_step=f"sos doctor --as {self._slug}",
            )
        return "well", f"through {entry.message.address}, one of {len(self._addresses)} streams that it reads"

    def _hook(self) -> tuple[State, str]:
        if not self._expected():
            return "not connected", f"no runtime is connected to {self._slug}"
        serving = connecting.runtimes(self._settings, self._slug)
        if not serving and connected.recorded(self._settings.home, self._slug) is not None:
            return "not connected", f"{self._slug} was disconnected from its runtimes"
        if not serving:
            raise RuntimeConfigError(
                f"sessions of {self._slug} are expected here, and no hook is installed",
                next_step=f"sos connect claude --as {self._slug}",
            )
        hooked = connecting.hooked(self._settings, self._slug)
        if not hooked:
            return "not connected", f"{', '.join(serving)} runs no hooks: {self._slug} sees its mail when it asks"
        for runtime in hooked:
            self._runs(runtime)
            self._shown = probing.shows(self._settings, runtime, self._slug, self._id, self._nonce)
            if self._shown.broken == "hook":
                raise RuntimeConfigError(self._shown.said, next_step=f"sos connect {runtime} --as {self._slug}")
            if self._shown.broken:
                break
        return "well", "the installed command ran"

    def _runs(self, runtime: str) -> None:
        """Whether the runtime would run it, by its own files. Raises RuntimeConfigError in the words of the doctor's finding."""
        settings = self._settings
        bound = [place for place, slug in resolver.load_bindings(settings.home).items() if slug == self._slug and place != "*"]
        bodies = () if self._to is None else self._to.myself().bodies
        seen = [body.cwd for body in bodies if body.cwd and body.runtime == runtime and body.presence != "closed"]
        for finding in connector_of(runtime).look(settings.home, settings.places(""), list(dict.fromkeys((*bound, *seen)))):
            if finding.severity == "critical":
                raise RuntimeConfigError(finding.what, next_step=finding.next_step.replace("AGENT", self._slug))

    def _context(self) -> tuple[State, str]:
        if self._shown is None:
            return "not connected", ""
        if self._shown.broken:
            raise RuntimeConfigError(self._shown.said, next_step=f"sos doctor --as {self._slug}")
        return "well", "it came out as the runtime's own JSON"

    def _ack(self) -> tuple[State, str]:
        assert self._to is not None
        self._to.canary_came_back(self._id)
        entry = self._to.canary(self._id)
        if entry is None or not entry.delivery.answered:
            raise StoreDamaged("the acknowledgement was taken, and does not stand", next_step=f"sos doctor --as {self._slug}")
        return "well", "acknowledged, and read back"

    def _expected(self) -> bool:
        """Whether sessions of it run here, or are to: a directory (or `*`) is bound to it, or one has begun."""
        bound = self._slug in resolver.load_bindings(self._settings.home).values()
        return bound or bool(resolver.sessions(self._settings.home, self._slug))

    def _end(self) -> None:
        """Take a canary away that did not come through: it must not wait among the agent's mail."""
        if not self._sent:
            return
        try:
            connection = self._to or local.connect(self._alone, self._slug, own=True)
            connection.ack([self._id])
        except SosError:
            self._take_back()

    def _take_back(self) -> None:
        """As its sender: the agent itself cannot."""
        try:
            local.connect(self._settings, self._named, own=True).canary_came_back(self._id)
        except SosError:
            return  # the bus is out of reach for both; it ends by itself after `LIFE`


def _sender(settings: Settings, named: str | None, slug: str) -> str | None:
    """Who sends: as everywhere, or, where a terminal is nobody's (the agent's bus is a server elsewhere), the agent itself."""
    if named is not None or settings.session is not None or settings.agent is not None or settings.token is not None:
        return named
    try:
        home = homes.load(settings.home, slug)
    except HomeError:
        return None
    return slug if home is not None and home.remote and homes.load(settings.home, OPERATOR) is None else None


def _place(name: HopName, error: SosError) -> HopName:
    """The hop that an error speaks of. A token is only known to count once the store has said so, and the other way round."""
    if name == "token" and isinstance(error, StoreError):
        return "store"
    if name == "store" and isinstance(error, (Unauthenticated, Forbidden, HomeError)):
        return "token"
    return name
