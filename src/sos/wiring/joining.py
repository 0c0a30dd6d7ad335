"""Joining: one command after which an agent can be addressed, authenticated, reached, and can get unstuck.

Every step can be done twice. A join that was killed is finished by the next one: tokens are in the home before the store knows
them, and a token that the store does not know yet is made known. It fails only where the agent cannot be addressed or
authenticated; everything else becomes a finding.
"""

from __future__ import annotations

import os

from sos import files
from sos.core.access import allow_all, identify, record_of
from sos.homes import home as homes
from sos.model import names
from sos.model.addresses import DEFAULT_PROJECT
from sos.model.agents import Joining
from sos.model.errors import HomeDamaged, SosError, TokenDamaged, WrongAgent
from sos.model.findings import Finding
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.record import Record
from sos.model.roles import UNKNOWN, role_of
from sos.model.skills import declared
from sos.model.times import iso
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint, parse_token
from sos.model.transitions import Ack
from sos.recovery import guide
from sos.runtimes.claude import plugin
from sos.wiring.local import SystemClock, guide_path, make_operator, open_store, store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.core.readiness import Answer
    from sos.model.agents import Agent, Enrolment
    from sos.model.skills import Skill
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
    declare = [declared(skill, slug, asked.project) for skill in skills]
    make_operator(settings)
    files.private_directory(settings.home)
    with files.Lock(os.path.join(settings.home, "join.lock"), 10.0):
        store = open_store(settings)
        known = store.agents.agent(slug)
        if known is not None and known.name == name:
            label = role or known.label
            asked = asked.replace(project=asked.project if project else known.project, label=label, role=role_of(label)[0])
        enrolment = store.agents.enrol(asked, SystemClock().now())
        steps = _identity(asked, enrolment)
        tokens = settle_home(settings, store, enrolment.agent)
        steps.append(Step(name="tokens", ok=True, detail=", ".join(f"{each.service} {each.key_id}" for each in tokens)))
        return _finish(settings, store, enrolment, steps, [skill.replace(project=asked.project) for skill in declare])


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


def _identity(asked: Joining, enrolment: Enrolment) -> list[Step]:
    known_role = role_of(asked.label)[1]
    return [
        Step(name="name", ok=True, detail=f"{asked.name} → {asked.slug}"),
        Step(name="role", ok=known_role, detail=f"{asked.label} → {asked.role}" + ("" if known_role else " (not in the table)")),
        Step(name="enrolled", ok=True, detail=f"{enrolment.outcome}, read back: {enrolment.agent.slug}"),
    ]


def _finish(settings: Settings, store: SqliteStore, enrolment: Enrolment, steps: list[Step], declare: list[Skill]) -> Joined:
    from sos.core import readiness

    agent, changes = enrolment.agent, dict(enrolment.changes)
    before = _skill_ids(store, agent)
    steps.append(_skills(store, agent, declare))
    if enrolment.outcome != "new" and before != (now := _skill_ids(store, agent)):
        changes["skills"] = (before or "none", now)
    steps += equip(settings, store, agent)
    agent = store.agents.agent(agent.slug) or agent
    answers = readiness.answers(store, agent, guide_path(settings, agent.slug))
    findings = [
        Finding(code=f"join_{step.name}", severity="warning", what=step.detail, next_step="run the same sos join again")
        for step in steps
        if not step.ok and step.name != "role"
    ]
    return Joined(
        agent=agent,
        outcome=enrolment.outcome,
        changes=changes,
        steps=tuple(steps),
        answers=tuple(answers),
        findings=tuple(findings + readiness.findings(answers)),
    )


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


def equip(settings: Settings, store: SqliteStore, agent: Agent) -> list[Step]:
    """The guide into the home, and a canary through the inbox and, where a hook is installed, through that."""
    return [_guide(settings, agent), *canary(settings, store, agent)]


def _skills(store: SqliteStore, agent: Agent, declare: list[Skill]) -> Step:
    try:
        store.skills.put(declare)
    except SosError as error:
        return Step(name="skills", ok=False, detail=error.message)
    return Step(name="skills", ok=True, detail=_skill_ids(store, agent) or "none declared")


def _skill_ids(store: SqliteStore, agent: Agent) -> str:
    return ", ".join(sorted(skill.id for skill in store.skills.list(agent.project, agent.slug)))


def facts(settings: Settings, agent: Agent) -> dict[str, str]:
    """What the guide is filled with."""
    return {
        "slug": agent.slug,
        "name": agent.name,
        "project": agent.project,
        "home": homes.path_of(settings.home, agent.slug),
        "store": store_path(settings),
    }


def _guide(settings: Settings, agent: Agent) -> Step:
    try:
        path = guide.install(homes.path_of(settings.home, agent.slug), facts(settings, agent))
    except SosError as error:
        return Step(name="guide", ok=False, detail=error.message)
    return Step(name="guide", ok=True, detail=path)


def canary(settings: Settings, store: SqliteStore, agent: Agent) -> list[Step]:
    """A test message through the bus and back: posted, found with its nonce, shown by an installed hook, acknowledged."""
    from sos.model.addresses import inbox_address
    from sos.model.parcels import Parcel

    clock, nonce = SystemClock(), os.urandom(8).hex()
    now = clock.now()
    draft = Draft(id=new_id(now), to=agent.slug, text=f"canary {nonce}", kind="system")
    address = inbox_address(agent.slug, agent.project)
    parcel = Parcel(draft=draft, sender=names.SYSTEM, recipients=(agent.slug,), project=agent.project, address=address,
                    assurance="same-user", sent_at=now)  # fmt: skip
    store.mail.post([parcel])
    found = store.mail.find(agent.slug, [draft.id])[0]
    detail = f"through {address} at {iso(clock.now())}, {clock.now() - now} ms"
    steps = [Step(name="canary", ok=True, detail=detail)]
    if found.damaged or nonce not in found.message.text:
        steps = [Step(name="canary", ok=False, detail="the test message came back changed")]
    elif agent.slug != names.OPERATOR and plugin.installed(settings.claude_home):
        from sos.wiring import probing

        ok, said = probing.shows(settings, agent.slug, draft.id, nonce)
        steps.append(Step(name="hook", ok=ok, detail=said))
    store.mail.apply(agent.slug, [(draft.id, Ack(at=clock.now(), body=""))])
    if steps[0].ok:
        store.agents.prove(agent.slug, "canary", clock.now())
    return steps
