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
from sos.model.errors import HomeDamaged, RuntimeConfigError, SosError, StoreError, TokenDamaged, WrongAgent
from sos.model.findings import Finding
from sos.model.record import Record
from sos.model.roles import UNKNOWN, role_of
from sos.model.skills import declared
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint, parse_token
from sos.recovery import guide
from sos.runtimes.claude import plugin
from sos.wiring import canary
from sos.wiring.local import SystemClock, facts, guide_path, make_operator, open_store, store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Enrolment
    from sos.model.findings import Answer
    from sos.model.tokens import Service, Token
    from sos.settings import Settings
    from sos.stores.sqlite.store import SqliteStore


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
) -> Joined:
    """Join, or join again: a role or project that is not named stays as it was, so that the name alone makes an agent whole.

    Its token alone (`settings.token`) does as well. Raises BadName, ReservedName, SlugTaken, ProjectChanged, token, store and
    home errors.
    """
    name = (_name_of(settings, name) if settings.token is not None else name or "").strip()
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
    make_operator(settings)
    files.private_directory(settings.home)
    with files.Lock(os.path.join(settings.home, "join.lock"), 10.0):
        store = open_store(settings)
        known = store.agents.agent(slug)
        if known is not None and known.name == name:
            label = role or known.label
            asked = asked.replace(project=asked.project if project else known.project, label=label, role=role_of(label)[0])
        had_home = os.path.lexists(homes.path_of(settings.home, slug))
        enrolment = store.agents.enrol(asked, SystemClock().now())
        try:
            return _Join(settings, store, asked, enrolment).run(skills, runtime)
        except (SosError, OSError):
            _take_back(settings, store, enrolment, had_home=had_home)
            raise


def _name_of(settings: Settings, named: str | None) -> str:
    """The name of the agent whose token was given."""
    store = open_store(settings)
    record = identify(store, settings.token or "", "bus", SystemClock().now())
    allow_all(record.scopes)
    agent = store.agents.agent(record.agent)
    store.close()
    if agent is None or (named is not None and named.strip() != agent.name):
        raise WrongAgent(f"the token given is {record.agent}'s", next_step="leave out --name, or give the other token")
    return agent.name


def _take_back(settings: Settings, store: SqliteStore, enrolment: Enrolment, *, had_home: bool) -> None:
    """A join that failed leaves nothing half-made: neither record nor tokens nor home."""
    slug = enrolment.agent.slug
    if enrolment.outcome == "new":
        store.agents.withdraw(slug, SystemClock().now())
    elif enrolment.outcome == "returned":
        store.agents.close(slug, SystemClock().now())
    if enrolment.outcome == "new" and not had_home:
        homes.remove(settings.home, slug)


class _Join:
    """The steps of one join, after its agent was enrolled, in the order in which they are told."""

    def __init__(self, settings: Settings, store: SqliteStore, asked: Joining, enrolment: Enrolment) -> None:
        self._settings = settings
        self._store = store
        self._asked = asked
        self._enrolment = enrolment
        self._agent = enrolment.agent
        self._home = homes.path_of(settings.home, enrolment.agent.slug)
        self._steps: list[Step] = []
        self._left: list[Undone] = []

    def run(self, skills: tuple[str, ...], runtime: str | None) -> Joined:
        changes = dict(self._enrolment.changes)
        tokens = settle_home(self._settings, self._store, self._agent)
        before = {each.step: each for each in undone.load(self._home)}
        self._identity(tokens)
        had = _skill_ids(self._store, self._agent)
        self._skills(tuple(dict.fromkeys((*_values(before, "skills"), *skills))))
        if self._enrolment.outcome != "new" and had != (now := _skill_ids(self._store, self._agent)):
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

        agent = self._store.agents.agent(self._agent.slug) or self._agent
        answers = readiness.answers(self._store, agent, guide_path(self._settings, agent))
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

    def _identity(self, tokens: list[Token]) -> None:
        asked, known_role = self._asked, role_of(self._asked.label)[1]
        self._say("name", f"{asked.name} → {asked.slug}")
        self._say("role", f"{asked.label} → {asked.role}" + ("" if known_role else " (not in the table)"), ok=known_role)
        self._say("tokens", ", ".join(f"{each.service} {each.key_id}" for each in tokens))
        found = self._store.agents.agent(asked.slug)
        if found is None or found.status != "open":
            raise StoreError(f"{asked.slug} was enrolled and cannot be read back")
        self._say("enrolled", f"{self._enrolment.outcome}, read back: {found.slug}")

    def _skills(self, wanted: tuple[str, ...]) -> None:
        agent = self._agent
        try:
            self._store.skills.put([declared(skill, agent.slug, agent.project) for skill in wanted])
        except SosError as error:
            self._leave("skills", error, *wanted)
            return
        self._say("skills", _skill_ids(self._store, agent) or "none declared")

    def _guide(self) -> None:
        try:
            path = guide.install(self._home, facts(self._settings, self._agent))
        except SosError as error:
            self._leave("home", error)
            return
        self._say("home", f"{self._home}, bus {store_path(self._settings)}, guide {path}")

    def _runtime(self, name: str, place: str) -> None:
        if not name:
            self._say("runtime", "none named (later: sos connect claude)")
            return
        from sos.wiring import connecting

        place = place or connecting.here()
        try:
            made = connecting.connect_claude(self._settings, self._agent.slug, place=place)
        except SosError as error:
            self._leave("runtime", error, name, place)
            return
        self._say("runtime", f"{name} connected for {made.place}")

    def _canary(self) -> None:
        sent, said = canary.came_back(self._settings, self._store, self._agent, SystemClock())
        self._say("canary", said)
        if self._agent.slug == names.OPERATOR or not plugin.installed(self._settings.claude_home):
            return
        from sos.wiring import probing
        from sos.wiring.launchers import freshen

        try:
            line = plugin.installed_command(self._settings.claude_home, probing.EVENT)
        except RuntimeConfigError as error:
            self._leave("hook", error)
            return
        if os.path.join(self._settings.home, "bin") not in line:
            return  # it serves another SOS_HOME
        freshen(self._settings, connected=True)
        ok, said = probing.shows(self._settings, self._agent.slug, sent.id, sent.nonce)
        if ok:
            self._say("hook", said)
        else:
            self._leave("hook", RuntimeConfigError(said, next_step="sos connect claude"))


def _values(before: dict[str, Undone], step: str) -> tuple[str, ...]:
    return before[step].values if step in before else ()


def settle_home(settings: Settings, store: SqliteStore, agent: Agent) -> list[Token]:
    """Give an agent its home and its three tokens, and make the store know them. What is there and sound is kept."""
    home = homes.save(settings.home, agent, store_path(settings), store.epoch)
    tokens = []
    for service in AGENT_SERVICES:
        token = _token_in(home.path, service)
        if token is None and service == "bus" and settings.token is not None:
            token = parse_token(settings.token)  # all that was left of it
            homes.save_token(home.path, token)
        record = None if token is None else store.tokens.by_key(token.key_id)
        if token is None or (record is not None and (record.revoked_at is not None or record.agent != agent.slug)):
            token = mint(SERVICES[service])
            homes.save_token(home.path, token)
        store.tokens.add(record_of(token, agent.slug, agent.project, SystemClock().now()))
        tokens.append(token)
    return tokens


def _token_in(home: str, service: Service) -> Token | None:
    try:
        text = homes.load_token(home, service)
        token = parse_token(text) if text is not None else None
    except (HomeDamaged, TokenDamaged):
        return None  # replaced by a fresh one; the damaged one opens nothing
    if token is None:
        return None
    return token if token.service == service else None


def _skill_ids(store: SqliteStore, agent: Agent) -> str:
    return ", ".join(sorted(skill.id for skill in store.skills.list(agent.project, agent.slug)))
