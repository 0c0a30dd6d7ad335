"""Joining: one command after which an agent can be addressed, authenticated, reached, and can get unstuck.

Every step can be done twice. A join that was killed is finished by the next one: tokens are in the home before the store knows
them, and a token that the store does not know yet is made known. It fails only where the agent cannot be addressed or
authenticated; everything else becomes a finding.
"""

from __future__ import annotations

import os

from sos import files
from sos.core.access import allow_all, identify, record_of
from sos.core.readiness import mend
from sos.homes import home as homes
from sos.homes import log, undone
from sos.homes.undone import Undone
from sos.model import names
from sos.model.addresses import DEFAULT_PROJECT
from sos.model.agents import Joining
from sos.model.errors import (
    BadName,
    BusMismatch,
    HomeDamaged,
    InvalidInput,
    RuntimeConfigError,
    SosError,
    StoreError,
    StoreUnreachable,
    WrongAgent,
)
from sos.model.findings import Finding
from sos.model.record import Record
from sos.model.roles import UNKNOWN, role_of
from sos.model.skills import declared
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint, parse_token
from sos.runtimes.connector import connector_of
from sos.wiring import canary, guiding
from sos.wiring.local import SystemClock, connection_of, guide_path, make_operator, open_store, store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Enrolment
    from sos.model.findings import Answer
    from sos.model.tokens import Token, TokenRecord
    from sos.ports.connection import Connection
    from sos.settings import Settings
    from sos.stores.sqlite.store import SqliteStore
    from sos.wiring.canary import Canary
    from sos.wiring.enrolling import OverServer


class Step(Record):
    """One step of a join and how it went."""

    name: str
    ok: bool
    detail: str


class Joined(Record):
    """A join as a whole."""

    agent: Agent
    outcome: str
    changes: dict[str, tuple[str, str]]
    steps: tuple[Step, ...]
    answers: tuple[Answer, ...]
    findings: tuple[Finding, ...]


def join(
    settings: Settings,
    name: str | None,
    role: str | None = None,
    project: str | None = None,
    skills: tuple[str, ...] = (),
    squads: tuple[str, ...] = (),
    runtime: str | None = None,
    *,
    invitation: str | None = None,
) -> Joined:
    """Join, or join again: a role or project that is not named stays as it was, so that the name alone makes an agent whole.

    The slug of a known agent, whose home is here or is gone, means that agent. Its token alone (`settings.token`) does as well.
    `invitation`: the text of a join token, for a bus behind a server. Raises BadName, ReservedName, SlugTaken, ProjectChanged,
    token, store and home errors.
    """
    way = _way(settings, name, invitation)
    name = (way.name_of(name) if settings.token is not None else name or "").strip()
    slug = names.OPERATOR if name == names.OPERATOR else names.slug(name)
    if slug == names.OPERATOR:
        role = project = None  # it is what the first command made of it; joining again only makes it whole
    asked = Joining(
        slug=slug,
        name=name,
        role=role_of(role or UNKNOWN)[0],
        label=role or UNKNOWN,
        project=names.label(project or DEFAULT_PROJECT, "project"),
        squads=tuple(names.label(squad, "squad") for squad in squads),
    )
    for skill in skills:
        declared(skill, slug, asked.project)  # refused before anything is written
    way.prepare()
    files.private_directory(settings.home)
    with files.Lock(os.path.join(settings.home, "join.lock"), 10.0):
        asked = way.completed(asked, role, project)
        had_home = os.path.lexists(homes.path_of(settings.home, slug))
        enrolment = _enrolled(settings, way, asked, had_home=had_home)
        asked = asked.replace(name=enrolment.agent.name)
        try:
            connection, tokens = way.settle(enrolment.agent)
            return _Join(settings, connection, asked, enrolment, tokens, way.bus).run(skills, runtime)
        except (SosError, OSError):
            # A join that failed leaves nothing half-made: neither record nor tokens nor home.
            way.take_back(enrolment)
            if enrolment.outcome == "new" and not had_home:
                homes.remove(settings.home, slug)
            raise


def _enrolled(settings: Settings, way: Embedded | OverServer, asked: Joining, *, had_home: bool) -> Enrolment:
    try:
        return way.enrol(asked)
    except StoreUnreachable:
        raise  # it may have been done: its tokens stay, and the same command goes on with them
    except SosError:
        if not had_home:
            homes.remove(settings.home, asked.slug)
        raise


def _way(settings: Settings, name: str | None, invitation: str | None) -> Embedded | OverServer:
    url = _server(settings, name)
    if url is not None:
        from sos.wiring.enrolling import OverServer

        return OverServer(settings, url, invitation)
    if invitation is not None:
        raise InvalidInput("an invitation is for a bus behind a server", next_step="add --url URL, or set SOS_URL")
    return Embedded(settings)


def _server(settings: Settings, name: str | None) -> str | None:
    """The server whose bus is joined, if it is one: named by SOS_URL, or by the home that is there already."""
    try:
        slug = names.OPERATOR if name == names.OPERATOR else names.slug(name or "")
        home = homes.load(settings.home, slug)
    except (BadName, HomeDamaged):
        home = None
    if settings.url is not None and home is not None and home.store != settings.url:
        raise BusMismatch(f"SOS_URL names {settings.url}, but {home.slug} joined {home.store}")
    if settings.url is None and home is None and not os.path.exists(store_path(settings)):
        for other in homes.slugs(settings.home):
            known = homes.load(settings.home, other)
            if known is not None and known.remote:
                raise InvalidInput(f"the agents here are on the bus of {known.store}", next_step=f"add --url {known.store}")
    return home.store if home is not None and home.remote else settings.url


class Embedded:
    """Joining the store on this machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.bus = store_path(settings)

    def name_of(self, named: str | None) -> str:
        """The name of the agent whose token was given."""
        store = open_store(self._settings)
        record = identify(store, self._settings.token or "", "bus", SystemClock().now())
        allow_all(record.scopes)
        agent = store.agents.agent(record.agent)
        store.close()
        if agent is None or (named is not None and named.strip() not in {agent.name, agent.slug}):
            raise WrongAgent(f"the token given is {record.agent}'s", next_step="leave out --name, or give the other token")
        return agent.name

    def prepare(self) -> None:
        """The operator comes first."""
        make_operator(self._settings)

    def completed(self, asked: Joining, role: str | None, project: str | None) -> Joining:
        """What was not said stays as it was."""
        self._store = open_store(self._settings)
        known = self._store.agents.agent(asked.slug)
        if known is not None and self._means(asked, known):
            asked = asked.replace(name=known.name)
        if known is None or known.name != asked.name:
            return asked
        label = role or known.label
        return asked.replace(project=asked.project if project else known.project, label=label, role=role_of(label)[0])

    def _means(self, asked: Joining, known: Agent) -> bool:
        """Whether an agent is called by its slug: it has its home here, or none (any more), and not another's stands there."""
        if asked.name != known.slug or known.status != "open":
            return False
        try:
            home = homes.load(self._settings.home, known.slug)
        except HomeDamaged:
            return True  # it is written anew
        return home is None or home.name == known.name

    def enrol(self, asked: Joining) -> Enrolment:
        """Enrol."""
        return self._store.agents.enrol(asked, SystemClock().now())

    def settle(self, agent: Agent) -> tuple[Connection, list[Token]]:
        """Home and tokens, and the agent's connection."""
        tokens = settle_home(self._settings, self._store, agent)
        return connection_of(self._settings, self._store, agent), tokens

    def take_back(self, enrolment: Enrolment) -> None:
        """As if it had not been."""
        if enrolment.outcome == "new":
            self._store.agents.withdraw(enrolment.agent.slug, SystemClock().now())
        elif enrolment.outcome == "returned":
            self._store.agents.close(enrolment.agent.slug, SystemClock().now())


class _Join:
    """The steps of one join, after its agent was enrolled, in the order in which they are told."""

    def __init__(
        self, settings: Settings, connection: Connection, asked: Joining, enrolment: Enrolment, tokens: list[Token], bus: str
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._tokens = tokens
        self._bus = bus
        self._asked = asked
        self._enrolment = enrolment
        self._agent = enrolment.agent
        self._home = homes.path_of(settings.home, enrolment.agent.slug)
        self._steps: list[Step] = []
        self._left: list[Undone] = []

    def run(self, skills: tuple[str, ...], runtime: str | None) -> Joined:
        changes = dict(self._enrolment.changes)
        before = {each.step: each for each in undone.load(self._home)}
        self._identity()
        had = self._skill_ids()
        self._skills(tuple(dict.fromkeys((*_values(before, "skills"), *skills))))
        if self._enrolment.outcome != "new" and had != (now := self._skill_ids()):
            changes["skills"] = (had or "none", now)
        self._guide()
        name, place = (*_values(before, "runtime"), "", "")[:2]
        self._runtime(runtime or name, place if runtime is None else "")
        self._canary()
        log.add(self._home, SystemClock().now(), f"join: {self._enrolment.outcome}, left: {[each.step for each in self._left]}")
        undone.save(self._home, [self._since(each, before) for each in self._left])
        return self._joined(changes)

    def _joined(self, changes: dict[str, tuple[str, str]]) -> Joined:
        from sos.core import readiness

        agent = self._connection.myself().agent
        answers = self._connection.answers(guide_path(self._settings, agent))
        good = sum(each.good for each in answers)
        self._say("answers", f"{good} of {len(answers)} good", ok=good == len(answers))
        findings = [
            Finding(code=f"join_{each.step}", severity="warning", what=each.what, next_step=each.next_step) for each in self._left
        ]
        return Joined(
            agent=agent,
            outcome=self._enrolment.outcome,
            changes=changes,
            steps=tuple(self._steps),
            answers=tuple(answers),
            findings=tuple(findings + readiness.findings(answers)),
        )

    def _say(self, name: str, detail: str, *, ok: bool = True) -> None:
        self._steps.append(Step(name=name, ok=ok, detail=detail))

    def _leave(self, name: str, error: SosError, *values: str) -> None:
        """A step that failed without failing the join: it is said, kept, and tried again until it is done."""
        self._say(name, error.message, ok=False)
        again = f"{error.next_step}, then: {mend(self._agent)}" if error.next_step != SosError.next_step else mend(self._agent)
        now = SystemClock().now()
        self._left.append(Undone(step=name, since=now, what=error.message, next_step=again, values=values))

    def _since(self, left: Undone, before: dict[str, Undone]) -> Undone:
        known = before.get(left.step)
        return left if known is None else left.replace(since=known.since)

    def _identity(self) -> None:
        asked, agent = self._asked, self._agent
        known_role = role_of(agent.label)[1]
        self._say("name", f"{asked.name} → {asked.slug}")
        self._say("role", f"{agent.label} → {agent.role}" + ("" if known_role else " (not in the table)"), ok=known_role)
        self._say("tokens", ", ".join(f"{each.service} {each.key_id}" for each in self._tokens))
        found = self._connection.myself().agent
        if found.slug != asked.slug or found.status != "open":
            raise StoreError(f"{asked.slug} was enrolled and cannot be read back")
        self._say("enrolled", f"{self._enrolment.outcome}, read back: {found.slug}")

    def _skills(self, wanted: tuple[str, ...]) -> None:
        agent = self._agent
        try:
            self._connection.put_skills([declared(skill, agent.slug, agent.project) for skill in wanted])
        except SosError as error:
            self._leave("skills", error, *wanted)
            return
        self._say("skills", self._skill_ids() or "none declared")

    def _skill_ids(self) -> str:
        try:
            return ", ".join(sorted(skill.id for skill in self._connection.skills(self._agent.project, self._agent.slug)))
        except SosError:
            return ""  # Squad is away: what it says is no part of what an agent needs to be reached

    def _guide(self) -> None:
        try:
            path = guiding.install(self._settings, self._agent)
        except SosError as error:
            self._leave("home", error)
            return
        self._say("home", f"{self._home}, bus {self._bus}, guide {path}")

    def _runtime(self, name: str, place: str) -> None:
        if not name:
            self._say("runtime", "none named (later: sos connect claude)")
            return
        from sos.wiring import connecting

        place = place or connecting.here(name)
        try:
            made = connecting.connect(self._settings, name, self._agent.slug, place=place)
        except SosError as error:
            self._leave("runtime", error, name, place)
            return
        self._say("runtime", f"{name} connected for {made.place}")

    def _canary(self) -> None:
        sent, said = canary.came_back(self._settings, self._connection)
        self._say("canary", said)
        if self._agent.slug == names.OPERATOR:
            return
        from sos.wiring import connecting

        for name in connecting.hooked(self._settings, self._agent.slug):
            self._hook(name, sent)

    def _hook(self, name: str, sent: Canary) -> None:
        """Whether the hook that is installed in a runtime shows the canary."""
        from sos.wiring import probing
        from sos.wiring.freshening import freshen

        connector = connector_of(name)
        try:
            line = connector.command(self._settings.home, self._settings.places(""), connector.PROMPT)
        except RuntimeConfigError as error:
            self._leave("hook", error, name)
            return
        if os.path.join(self._settings.home, "bin") not in line:
            return  # it serves another SOS_HOME
        freshen(self._settings, connected=True)
        shown = probing.shows(self._settings, name, self._agent.slug, sent.id, sent.nonce)
        if shown.broken:
            self._leave("hook", RuntimeConfigError(shown.said, next_step=f"sos connect {name}"), name)
        else:
            self._say("hook", f"{connector.TITLE}: {shown.said}, {shown.took:.0f} ms")


def _values(before: dict[str, Undone], step: str) -> tuple[str, ...]:
    return before[step].values if step in before else ()


def settle_home(settings: Settings, store: SqliteStore, agent: Agent) -> list[Token]:
    """Give an agent its home and its three tokens, and make the store know them. What is there and sound is kept."""
    home = homes.save(settings.home, agent, store_path(settings), store.epoch)
    tokens = []
    for service in AGENT_SERVICES:
        token = homes.sound_token(home.path, service)
        if token is None and service == "bus" and settings.token is not None:
            token = parse_token(settings.token)  # all that was left of it
            homes.save_token(home.path, token)
        record = None if token is None else store.tokens.by_key(token.key_id)
        if token is None or (record is not None and not _is_live(record, agent.slug)):
            token = mint(SERVICES[service])
            homes.save_token(home.path, token)
        store.tokens.add(record_of(token, agent.slug, agent.project, SystemClock().now()))
        tokens.append(token)
    return tokens


def _is_live(record: TokenRecord, slug: str) -> bool:
    over = record.expires_at is not None and record.expires_at <= SystemClock().now()
    return record.agent == slug and record.revoked_at is None and not over
