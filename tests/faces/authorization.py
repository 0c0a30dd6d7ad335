"""The world in which each cell of the authorization table is tried: two projects alike, tokens of each make, and requests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sos.core.access import record_of
from sos.core.enrolling import invitation
from sos.core.tasks import Tasks
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.parcels import message_of
from sos.model.skills import declared
from sos.model.tasks import NewTask
from sos.model.tokens import AGENT_SCOPES, SERVICES, mint
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.tokens import Service, Token

Json = dict[str, Any]
NEVER = "01a00000-0000-7000-8000-00000000dead"


@dataclass(frozen=True)
class Target:
    """Whom and what a request is about: things of the caller's own project, of another one, or of none."""

    slug: str
    project: str
    #: In the caller's inbox, or in an inbox of the other project.
    message: str
    number: int
    task: str
    key: str
    squad: str

    def hidden(self, text: str) -> str:
        """A text without the names of this target: what is left must not tell it from another."""
        for name in (self.message, self.task, self.key, self.squad, f" {self.number} "):
            text = text.replace(name, " X ")
        # Names that come nearest are of the caller's own project; which of them do depends on the letters that were typed.
        return text.replace(f" {self.slug} ", " X ").split("; nearest", 1)[0]


@dataclass
class Two:
    """Projects p (aa, bb) and q (cc, dd): each has a message, a task, a squad, a skill and a token, as the other has."""

    world: World = field(default_factory=lambda: World(MemoryStore()))

    def __post_init__(self) -> None:
        world = self.world
        world.enrol("dd", project="q")
        self.targets = {project: self._filled(project, *names) for project, names in (("p", ("aa", "bb")), ("q", ("cc", "dd")))}
        self.absent = Target("zz", "none", NEVER, 999_999, NEVER, "0123456789", "nobodies")
        self.tokens: dict[tuple[str, Service, tuple[str, ...]], Token] = {}
        self.spoiled: dict[tuple[str, Service, str], str] = {}
        for slug in ("aa", "cc", "operator"):
            for service in SERVICES:
                self._mint(slug, service)
        self._before = self._kept()

    def _filled(self, project: str, me: str, other: str) -> Target:
        world, now = self.world, self.world.clock.now()
        identifier, number = new_id(now), 0
        parcel = world.parcel("hello", to=me, sender=other, id=identifier, kind="request").replace(project=project)
        number = world.store.mail.post([parcel])[0].seq
        owner = world.store.agents.agent(Slug(other))
        assert owner is not None
        task = Tasks(world.store, owner, project, "").add(NewTask(id=new_id(now), title="look"), now)
        world.store.agents.change_squad(project, f"team-{project}", Slug(other), member=True)
        world.store.skills.put([declared(f"skill {project}", Slug(other), project)])
        token = mint("bus")
        world.store.tokens.add(record_of(token, owner.slug, project, now))
        return Target(other, project, identifier, number, task.id, token.key_id, f"team-{project}")

    def _mint(self, slug: str, service: Service) -> None:
        store, now = self.world.store, self.world.clock.now()
        agent = store.agents.agent(Slug(slug))
        assert agent is not None
        for scopes in subsets(service, operator=slug == "operator"):
            token = mint(SERVICES[service])
            if service == "join":
                record = invitation(token.known, "newcomer", "builder", "pp", now)
            else:
                record = record_of(token, agent.slug, agent.project, now).replace(scopes=scopes)
            store.tokens.add(record)
            self.tokens[slug, service, scopes] = token
        self.spoiled[slug, service, "unknown"] = mint(SERVICES[service]).text
        whole = mint(SERVICES[service]).text
        self.spoiled[slug, service, "damaged"] = whole[:-1] + ("A" if whole[-1] != "A" else "B")
        for how, ended in (("revoked", "revoked_at"), ("expired", "expires_at")):
            token = mint(SERVICES[service])
            store.tokens.add(record_of(token, agent.slug, agent.project, now).replace(**{ended: now - 10**6}))
            self.spoiled[slug, service, how] = token.text

    def target(self, slug: str, which: str) -> Target:
        """`own`, `foreign` or `absent`, as the caller sees it."""
        own = "p" if slug == "aa" else "q"
        return {"own": self.targets[own], "foreign": self.targets["q" if own == "p" else "p"], "absent": self.absent}[which]

    def _kept(self) -> Json:
        return self.world.store._state._copy()  # type: ignore[attr-defined, no-any-return]  # of the memory store

    def is_unchanged(self) -> bool:
        """Whether the store is as it was in the beginning."""
        return self._kept() == self._before

    def restore(self) -> None:
        """Make it so."""
        fresh = {name: copy.copy(value) for name, value in self._before.items()}
        fresh["facts"] = {key: list(facts) for key, facts in self._before["facts"].items()}
        self.world.store._state.__dict__.update(fresh)  # type: ignore[attr-defined]


def subsets(service: Service, *, operator: bool = False) -> Iterator[tuple[str, ...]]:
    """Every set of scopes that a token of a service may have."""
    scopes = (*AGENT_SCOPES[service], "admin") if operator and service == "bus" else AGENT_SCOPES[service]
    if service == "join":
        yield scopes
        return
    for size in range(len(scopes) + 1):
        yield from combinations(scopes, size)


def _draft(to: str = "") -> Json:
    draft = Draft(id=new_id(World(MemoryStore()).clock.now()), to=to, text="hello")
    return {name: value for name, value in draft.fields().items() if value is not None}


def _body(slug: str) -> Json:
    return {"session": "s", "agent": slug, "runtime": "test", "started_at": 1, "seen_at": 1}


def _known(service: Service) -> Json:
    known = mint(SERVICES[service]).known
    return {"key_id": known.key_id, "digest": known.digest.hex(), "service": known.service}


def _skill(slug: str, project: str) -> Json:
    return json.loads(json.dumps(declared("fresh", Slug(slug), project).fields()))  # type: ignore[no-any-return]


def _joining(slug: str, project: str) -> Json:
    return {"slug": slug, "name": slug, "role": "executor", "label": "builder", "project": project}


_TASK = {"id": NEVER, "title": "x", "project": "pp", "creator": "aa", "created_at": 1, "changed_at": 1}


def _message(to: str) -> Json:
    parcel = World(MemoryStore()).parcel("hello", to=to)
    return {name: value for name, value in message_of(parcel).fields().items() if value is not None}


def arguments(name: str, me: str, target: Target) -> Json:
    """What an operation is asked with, as JSON."""
    view = {"view": "unread", "limit": 5}
    made: dict[str, Callable[[], Json]] = {
        "send": lambda: {"draft": _draft(target.slug)},
        "broadcast": lambda: {"draft": _draft(), "squad": target.squad},
        "reply": lambda: {"answered": target.message, "draft": _draft()},
        "sent": lambda: {"limit": 5},
        "trace": lambda: {"identifier": target.message},
        "inbox": lambda: view,
        "count": lambda: {"view": "unread"},
        "read": lambda: {"ids": [target.message]},
        "ack": lambda: {"ids": [target.message]},
        "mark": lambda: {"shown": [target.number], "damaged": []},
        "requeue": lambda: {"ids": [target.message]},
        "drop": lambda: {"ids": [target.message]},
        "take": dict,
        "wait": lambda: {"seconds": 0},
        "look": lambda: {"begins": False, "epoch": "memory", "seen": 0},
        "settle": lambda: {"body": _body(me), "turn": 0, "marks": [], "told": None, "proven": None, "lost": False},
        "myself": dict,
        "answers": dict,
        "peers": dict,
        "canary": lambda: {"identifier": target.message},
        "canary_came_back": lambda: {"identifier": target.message},
        "streams": dict,
        "note": dict,
        "leave_note": lambda: {"text": "x"},
        "attend": lambda: {"attention": {}, "bodies": "fenced"},
        "leave": dict,
        "tokens": dict,
        "add_token": lambda: {"token": _known("registry"), "scopes": None},
        "revoke_token": lambda: {"key": target.key},
        "enrol": lambda: {"joining": _joining("newcomer", "pp"), "tokens": [_known("registry"), _known("squad"), _known("bus")],
                          "install": "i1"},
        "join_again": lambda: {"joining": _joining(me, ""), "tokens": []},
        "invite": lambda: {"token": _known("join"), "name": "another", "role": "builder", "project": "pp"},
        "grant": lambda: {"agent": target.slug, "scope": "send:any-project", "granted": True},
        "adopt_agent": lambda: {"agent": {**_joining("newcomer", "pp"), "joined_at": 1}, "tokens": [], "skills": []},
        "adopt_mail": lambda: {"message": _message(target.slug), "deliveries": [{"recipient": target.slug, "rank": 2}]},
        "adopt_task": lambda: {"task": _TASK},
        "lease": lambda: {"limit": 5, "span": 60_000, "busy": []},
        "extend": lambda: {"number": target.number, "fence": 0, "span": 60_000},
        "release": lambda: {"number": target.number, "fence": 0, "rest": 0, "reason": "x"},
        "conclude": lambda: {"number": target.number, "fence": 0, "sends": []},
        "beat": lambda: {"body": _body(me)},
        "skills": lambda: {"project": target.project, "owner": target.slug},
        "squad": lambda: {"squad": target.squad},
        "change_squad": lambda: {"squad": "fresh", "agents": [target.slug], "member": True},
        "put_skills": lambda: {"skills": [_skill(me, "p" if me == "aa" else "q")]},
        "add_task": lambda: {"task": {"id": new_id(World(MemoryStore()).clock.now()), "title": "x", "assignee": target.slug}},
        "tasks": lambda: {"view": "live", "limit": 5},
        "task": lambda: {"identifier": target.task},
        "claim_task": lambda: {"identifier": target.task},
        "change_task": lambda: {"identifier": target.task, "change": {"deed": "cancel"}},
    }  # fmt: skip
    return made[name]()


TARGETED = frozenset(
    ("send", "broadcast", "reply", "trace", "read", "ack", "mark", "requeue", "drop", "canary", "canary_came_back",
     "revoke_token", "extend", "release", "conclude", "skills", "squad", "change_squad", "add_task", "task", "claim_task",
     "change_task")
)  # fmt: skip
"""Operations that are about something which may be another project's."""
