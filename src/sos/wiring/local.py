"""From the environment to a connection that acts as one agent: over the store here, or (wiring/remote.py) over a server."""

from __future__ import annotations

import os
import time

from sos.core.access import embedded_scopes, identify
from sos.homes import home as homes
from sos.homes import resolver
from sos.homes.resolver import Who
from sos.model.agents import Joining
from sos.model.errors import (
    BusMismatch,
    HomeDamaged,
    HomeError,
    InvalidInput,
    NobodyHere,
    SosError,
    StoreDamaged,
    StoreError,
    StoreMissing,
    TokenRefused,
    WrongAgent,
)
from sos.model.names import OPERATOR, address_name
from sos.model.record import Record
from sos.model.times import Millis
from sos.model.tokens import AGENT_SERVICES, parse_token, require_kind, scopes_of
from sos.stores.sqlite.store import SqliteStore
from sos.wiring import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.core.connection import LocalConnection
    from sos.homes.home import Home
    from sos.model.agents import Agent
    from sos.model.tokens import Service
    from sos.model.work import Sending
    from sos.ports.connection import Connection
    from sos.settings import Settings


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Millis:
        """See `ports.Clock.now`."""
        return Millis(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return time.monotonic()


def store_path(settings: Settings) -> str:
    """Where the store of this environment is. Raises InvalidInput where it is a server's: that takes sos serve."""
    if settings.redis is not None:
        raise InvalidInput(
            "SOS_STORE names a Redis server, which only sos serve opens", next_step="export SOS_URL=… of that server"
        )
    return settings.store or os.path.join(settings.home, "sos.db")


def open_store(settings: Settings, path: str | None = None, *, lock_seconds: float = 5.0) -> SqliteStore:
    """Open the store; make one only where no home exists yet. Raises StoreMissing, StoreDamaged, …"""
    path = path or store_path(settings)
    # A file that a killed first command left without tables is begun again; once there is a home, it never is.
    fresh = not homes.slugs(settings.home) and not os.path.lexists(homes.path_of(settings.home, OPERATOR))
    if not fresh and not os.path.exists(path):
        require_store(settings)
        raise StoreMissing(f"the store {path} is gone, and agents of it have their homes in {settings.home}")
    if not fresh and os.path.getsize(path) == 0:
        # SQLite takes an empty file for a new database, and deletes the log beside it, where messages may still be.
        raise StoreDamaged(f"the store {path} is empty, and agents of it have their homes in {settings.home}")
    return SqliteStore(path, os.path.join(settings.home, "run"), create=fresh, lock_seconds=lock_seconds)


def facts(settings: Settings, agent: Agent) -> dict[str, str]:
    """What the guide of an agent is filled with."""
    from sos.recovery import rescue

    home = homes.load(settings.home, agent.slug)
    return {
        "slug": agent.slug,
        "name": agent.name,
        "project": agent.project,
        "home": homes.path_of(settings.home, agent.slug),
        "store": store_path(settings) if home is None else home.store,
        "rescue": rescue.path_of(settings.home),
    }


def guide_path(settings: Settings, agent: Agent, *, keep: bool = False) -> str | None:
    """Where an agent's filled guide is, if it is whole; with `keep` it is made whole first."""
    from sos.recovery import guide

    look = guide.keep if keep else guide.installed
    return look(homes.path_of(settings.home, agent.slug), facts(settings, agent))


def require_store(settings: Settings) -> None:
    """Where all agents have joined servers, no store is missing: there never was one. Raises InvalidInput."""
    found = [homes.load(settings.home, slug) for slug in (*homes.slugs(settings.home), OPERATOR)]
    places = {home.store for home in found if home is not None and home.remote}
    if places and all(home is None or home.remote for home in found):
        raise InvalidInput(
            f"there is no store here: the agents of {settings.home} joined {', '.join(sorted(places))}",
            next_step="run it on the machine of sos serve",
        )


def who_am_i(settings: Settings, named: str | None) -> Who:
    """Who acts in this place: whose token was given, else as `homes.resolver` says."""
    if settings.token is not None:
        return _who_holds(settings, settings.token, named)
    return resolver.resolve(settings.home, named=named, session=settings.session, agent=settings.agent, directory=here())


def _who_holds(settings: Settings, token: str, named: str | None) -> Who:
    require_kind(parse_token(token), "bus")  # a typo, or another service's, is shown to nobody
    url = settings.url or _url_of(settings, token)
    if url is not None:
        from sos.wiring.remote import connection_to

        slug = connection_to(settings, url, {"bus": token}).me.slug
    else:
        store = open_store(settings)
        slug = identify(store, token, "bus", SystemClock().now()).agent
        store.close()
    recorded = resolver.recorded_agent(settings.home, settings.session) if settings.session else None
    if recorded is not None and recorded.slug != slug:
        raise WrongAgent(f"this session is {recorded.slug}, and the token given is {slug}'s")
    if named is not None and address_name(named) != slug:
        raise WrongAgent(f"the token given is {slug}'s, not {named}'s", next_step="leave out --as, or give the other token")
    return Who(slug=slug, why="the token given")


def _url_of(settings: Settings, token: str) -> str | None:
    """The server that a home with this very token has joined, if any."""
    for slug in homes.slugs(settings.home):
        home = homes.load(settings.home, slug)
        kept = homes.sound_token(home.path, "bus") if home is not None and home.remote else None
        if home is not None and kept is not None and kept.text == token.strip():
            return home.store
    return None


def here() -> str:
    """The working directory, or the root where it is gone: nothing but a binding of everything binds there."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def connect(settings: Settings, named: str | None = None, *, own: bool | None = None) -> Connection:
    """The connection of whoever acts here, wherever its bus is.

    `own`: whether this is the agent's own body. Where it is not said: in a session the session is; the operator's terminal is the
    operator's own; `--as` elsewhere only looks.
    """
    who = who_am_i(settings, named)
    if own is None:
        own = settings.session is not None or who.slug == OPERATOR
    home = homes.load(settings.home, who.slug)
    if home is not None and home.remote:
        from sos.wiring import remote

        return remote.connect(settings, home, who, own=own)
    return over_the_store(settings, who, home, own=own)


def connect_here(settings: Settings, named: str | None = None) -> LocalConnection:
    """`connect`, where the bus must be the store on this machine; the operator is made by the first command on an empty home."""
    who = who_am_i(settings, named)
    own = settings.session is not None or who.slug == OPERATOR
    return over_the_store(settings, who, homes.load(settings.home, who.slug), own=own)


def over_the_store(settings: Settings, who: Who, home: Home | None, *, own: bool) -> LocalConnection:
    """The connection of whoever acts here to the store on this machine. Raises BusMismatch where its bus is a server's."""
    from sos.core.connection import LocalConnection  # the hook loads this module and needs no connection

    if settings.url is not None:
        if home is None:
            raise NobodyHere(f"{who.slug} has not joined {settings.url}", next_step=f"sos join --name {who.slug} --invite FILE")
        raise BusMismatch(f"SOS_URL names {settings.url}, but {who.slug} joined {home.store}")
    if not os.path.exists(store_path(settings)):
        if home is None and who.slug == OPERATOR:
            _require_no_server(settings)
        make_operator(settings)
        home = homes.load(settings.home, who.slug)
    if home is None:
        make_operator(settings)
        home = homes.load(settings.home, who.slug)
    if home is None:
        step = f"sos join --name {who.slug}" if settings.token is None else "sos join --token-file PATH, with the same token"
        raise HomeDamaged(f"{homes.path_of(settings.home, who.slug)} is gone", next_step=step)
    store = open_home_store(settings, home)
    history.check_after_boot(store)
    me, scopes = admitted(store, settings, home)
    session, spelling = settings.session or "", settings.global_stream
    return LocalConnection(store, me, SystemClock(), session, scopes=scopes, own=own, spelling=spelling)


def _require_no_server(settings: Settings) -> None:
    """Where agents have joined a server and there is no store, nobody is the operator. Raises NobodyHere."""
    for slug in homes.slugs(settings.home):
        home = homes.load(settings.home, slug)
        if home is not None and home.remote:
            raise NobodyHere(
                f"the agents of {settings.home} joined {home.store}, whose operator is not at home here",
                next_step=f"say who acts: --as {slug}",
            )


def connection_of(settings: Settings, store: SqliteStore, agent: Agent) -> LocalConnection:
    """The connection of an agent that this process has just made sure of, with all that its tokens allow."""
    from sos.core.connection import LocalConnection

    scopes = tuple(scope for service in AGENT_SERVICES for scope in scopes_of(service))
    return LocalConnection(store, agent, SystemClock(), scopes=scopes, spelling=settings.global_stream)


class Drained(Record):
    """What became of an outbox."""

    sent: int = 0
    #: What will never be sent as it is, in words.
    refused: tuple[str, ...] = ()
    #: Why the rest waits on; None where nothing does.
    stopped: StoreError | None = None


def drain_outbox(settings: Settings, connection: Connection) -> Drained:
    """Send what waits in the outbox of this connection's agent. Ids keep it to one copy each."""
    from sos.homes import outbox
    from sos.model.work import dispatch

    home = homes.path_of(settings.home, connection.slug)
    sent, refused, stopped = 0, [], None
    try:
        waiting = outbox.waiting(home)
        refused = [f"what is in {path}, which cannot be read: look at it, then remove it" for path in outbox.damaged(home)]
    except HomeError as error:
        what = f"what waits in {outbox.folder(home)}: {error.message}; {error.next_step}"
        return Drained(refused=(what,))  # reading mail must not end here
    for queued in waiting:
        if queued.refused:
            continue
        try:
            require_here(settings, connection, queued.given)
            dispatch(queued.given, connection)
        except StoreError as error:
            stopped = error
            break
        except SosError as error:
            outbox.put(home, queued.replace(refused=error.message))
            refused.append(f"{queued.given.draft.id} to {queued.given.whom}: {error.message}")
        else:
            outbox.remove(home, queued.given.draft.id)
            sent += 1
    return Drained(sent=sent, refused=tuple(refused), stopped=stopped)


def require_here(settings: Settings, connection: Connection, given: Sending) -> None:
    """Refuse to send into this machine's store what is for an agent that has gone from it to a server. Raises BusMismatch.

    After `sos move` the old store is still there, and so is its operator: what is stored in it, nobody reads.
    """
    mine = homes.load(settings.home, connection.slug)
    if mine is None or mine.remote:
        return
    named = [address_name(given.draft.to)] if given.draft.to else homes.slugs(settings.home) if given.answered is None else []
    there = [home for slug in named if (home := homes.load(settings.home, slug)) is not None and home.remote]
    if there:
        who = ", ".join(home.slug for home in there)
        raise BusMismatch(
            f"{who} is at {there[0].store}, and {connection.slug} here is not: nothing was sent",
            next_step=f"send as an agent that is there (--as {there[0].slug}), or as the operator on the machine of sos serve",
        )


def try_write(connection: Connection, seconds: float) -> None:
    """Whether the store here takes a write; one behind a server answers for itself. Raises StoreUnreachable, StorageFull."""
    from sos.core.connection import LocalConnection

    if isinstance(connection, LocalConnection) and isinstance(connection.store, SqliteStore):
        connection.store.try_write(seconds)


def queue(settings: Settings, named: str | None, given: Sending) -> str:
    """Keep a message on disk because the store did not take it; the slug of its sender."""
    from sos.homes import outbox

    who = who_am_i(settings, named)
    home = homes.load(settings.home, who.slug)
    if home is None:
        raise StoreMissing(f"{who.slug} has no home here, so nothing could be queued", next_step=f"sos join --name {who.slug}")
    outbox.put(home.path, outbox.Queued(given=given))
    return who.slug


def open_home_store(settings: Settings, home: Home, *, lock_seconds: float = 5.0) -> SqliteStore:
    """The store that a home joined. Raises BusMismatch where the environment names another."""
    if settings.store is not None and settings.store != home.store:
        raise BusMismatch(f"SOS_STORE names {settings.store}, but {home.slug} joined {home.store}")
    store = open_store(settings, home.store, lock_seconds=lock_seconds)
    history.compare(settings, store, home, SystemClock().now())
    return store


def admitted(store: SqliteStore, settings: Settings, home: Home) -> tuple[Agent, tuple[str, ...]]:
    """The agent that the home's bus token is, and its scopes. The token is the identity; the home only selects it."""
    text = token_of(settings, home.path, "bus")
    if text is None:
        from sos.core.readiness import shell_word

        raise TokenRefused(f"{home.path} has no bus token", next_step=f"sos join --name {shell_word(home.name)}")
    record = identify(store, text, "bus", SystemClock().now())
    agent = store.agents.agent(record.agent)
    if agent is None or agent.slug != home.slug:
        raise TokenRefused(f"the bus token of {home.path} is the token of {record.agent}", next_step="sos token where")
    return agent, embedded_scopes(record)


def token_of(settings: Settings, home: str, service: Service) -> str | None:
    """The token that counts for a service, or None where no place has one."""
    return next((token for _, token in token_places(settings, home, service) if token), None)


def token_places(settings: Settings, home: str, service: Service) -> list[tuple[str, str | None]]:
    """The places where a service's token may be, in their order, each with what stands there."""
    given = settings.token if service == "bus" else None
    return homes.token_places(home, service, settings.tokens.get(service), settings.token_files.get(service), given)


def make_operator(settings: Settings) -> None:
    """Enrol the operator, once, with its own inbox, home and tokens."""
    from sos.wiring import canary, guiding
    from sos.wiring.joining import settle_home

    try:
        if homes.load(settings.home, OPERATOR) is not None:
            return
    except HomeDamaged:
        pass  # written anew from the store, which knows the operator
    store = open_store(settings)
    joining = Joining(slug=OPERATOR, name=OPERATOR, role="human", label="operator", project="default")
    enrolment = store.agents.enrol(joining, SystemClock().now())
    settle_home(settings, store, enrolment.agent)
    try:
        guiding.install(settings, enrolment.agent)
        canary.came_back(settings, connection_of(settings, store, enrolment.agent))
    except SosError:
        pass  # its `whoami` says what is missing and how to mend it; whoever types the first command wants that command
    store.close()
