"""The memory store as one thing, and its agents."""

from __future__ import annotations

import copy
import threading
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from sos.model.agents import Agent, Note, enrolled, taken
from sos.model.errors import Conflict, ProjectChanged, StoreUnreachable
from sos.model.names import SYSTEM, Slug
from sos.model.times import DAY
from sos.stores.memory.foreign import MemoryStreams
from sos.stores.memory.mail import MemoryMailbox
from sos.stores.memory.tasks import MemoryTasks
from sos.stores.memory.tokens import MemorySkills, MemoryTokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal

    from sos.model.addresses import Address
    from sos.model.agents import Bodies, Body, Enrolment, Joining
    from sos.model.attention import Attention
    from sos.model.deliveries import Delivery, Fact
    from sos.model.findings import Notice
    from sos.model.ids import MessageId
    from sos.model.messages import Durability, Message
    from sos.model.skills import Skill
    from sos.model.streams import Cursor
    from sos.model.tasks import Task
    from sos.model.times import Millis
    from sos.model.tokens import TokenRecord
    from sos.ports import StreamReader

TOLD_FOR = 30 * DAY
_OF_NO_STEP = ("lock", "depth", "waiting", "nudges", "listeners")


class State:
    """Everything that is kept, and the one lock round it. A step that fails leaves all of it as it was."""

    def __init__(self) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.depth = 0
        self.closed = False
        self.changed: set[str] = set()
        self.head = 0
        self.agents: dict[str, Agent] = {}
        self.bodies: dict[str, Body] = {}
        self.squads: set[tuple[str, str, str]] = set()
        self.notes: dict[str, Note] = {}
        self.notices: dict[tuple[str, str, str], tuple[Notice, Millis | None]] = {}
        self.messages: dict[int, Message] = {}
        self.by_id: dict[tuple[MessageId, str], int] = {}
        self.deliveries: dict[tuple[int, str], Delivery] = {}
        #: Live deliveries per recipient: what an inbox's limit is about.
        self.live: dict[str, int] = {}
        self.facts: dict[tuple[int, str], list[Fact]] = {}
        self.tokens: dict[str, TokenRecord] = {}
        self.skills: dict[tuple[str, str], Skill] = {}
        self.tasks: dict[tuple[str, MessageId], Task] = {}
        self.cursors: dict[tuple[str, Address], Cursor] = {}
        #: Threads that wait for an agent, and how often they were asked to look at the clock. Not of a step.
        self.waiting: dict[str, int] = {}
        self.listeners: list[SimpleQueue[set[str]]] = []
        self.nudges: dict[str, int] = {}

    @contextmanager
    def step(self) -> Iterator[None]:
        """One atomic step; steps inside it are part of it."""
        with self.lock:
            if self.closed:
                raise StoreUnreachable("the store is closed")
            outer, self.depth = self.depth == 0, self.depth + 1
            before = self._copy() if outer else {}
            try:
                yield
            except BaseException:
                self.__dict__.update(before)
                raise
            finally:
                self.depth -= 1
            if outer and self.changed:
                rung, self.changed = self.changed, set()
                self.ring(rung)

    def ring(self, agents: set[str]) -> None:
        """Wake who waits."""
        for listener in self.listeners:
            listener.put(agents)
        self.lock.notify_all()

    def _copy(self) -> dict[str, Any]:
        kept = {name: copy.copy(value) for name, value in self.__dict__.items() if name not in _OF_NO_STEP}
        kept["facts"] = {key: list(facts) for key, facts in self.facts.items()}
        return kept

    def save_body(self, body: Body) -> None:
        """Write a body down, inside a step."""
        known = self.bodies.get(body.session, body)
        self.bodies[body.session] = body.replace(holder=body.holder and known.holder)

    def hold(self, session: str) -> None:
        """Make a body the one holder of its agent's inbox, inside a step."""
        holder = self.bodies.get(session)
        for key, body in self.bodies.items():
            if holder is not None and body.agent == holder.agent:
                self.bodies[key] = body.replace(holder=key == session)

    def turn(self, slug: str) -> int:
        """The turn that an agent is known to be at."""
        return self.agents[slug].turn if slug in self.agents else 0


class MemoryDirectory:
    """The port `Directory` over a `State`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def enrol(self, joining: Joining, now: Millis) -> Enrolment:
        """See `ports.Directory.enrol`."""
        with self._state.step():
            known = self.agent(joining.slug)
            if known is not None and known.name != joining.name:
                if known.status == "open":
                    free = next(name for n in range(2, 1000) if (name := f"{joining.slug[:60]}-{n}") not in self._state.agents)
                    raise taken(joining.slug, known.name, free)
                self._forget(joining.slug, now)
                known = None
            if known is not None and known.project != joining.project:
                raise ProjectChanged(f"{joining.slug} is in project {known.project!r}, not {joining.project!r}")
            return self._enrol(joining, known, now)

    def _enrol(self, joining: Joining, known: Agent | None, now: Millis) -> Enrolment:
        for squad in joining.squads:
            self._state.squads.add((joining.project, squad, joining.slug))
        fields = joining.fields()
        fields.pop("squads")
        made = Agent(**fields, joined_at=now) if known is None else known.replace(role=joining.role, label=joining.label)
        self._state.agents[joining.slug] = made.replace(status="open", closed_at=None)
        agent = self._with_squads(self._state.agents[joining.slug])
        return enrolled(known, agent)

    def _forget(self, slug: str, now: Millis) -> None:
        # The one that left keeps its history, under a name that no slug can have: the next one inherits no mail, token or notice.
        state, number = self._state, 1
        while f"{slug}/{number}" in state.agents:
            number += 1
        former = Slug(f"{slug}/{number}")
        moved, state.deliveries = state.deliveries, {}
        for (seq, recipient), delivery in moved.items():  # anew, so that they stay in the order of posting
            if recipient == slug:
                state.deliveries[seq, former] = delivery.replace(recipient=former)
                state.facts[seq, former] = state.facts.pop((seq, slug), [])
            else:
                state.deliveries[seq, recipient] = delivery
        state.live[former] = state.live.pop(slug, 0)
        state.bodies = {key: body.replace(agent=former) if body.agent == slug else body for key, body in state.bodies.items()}
        state.squads = {(project, name, former if member == slug else member) for project, name, member in state.squads}
        for key_id, record in state.tokens.items():
            if record.agent == slug:
                state.tokens[key_id] = record.replace(agent=former, revoked_at=record.revoked_at or now)
        state.notices = {key: value for key, value in state.notices.items() if key[0] != slug}
        state.notes.pop(slug, None)
        state.cursors = {(former if name == slug else name, key): value for (name, key), value in state.cursors.items()}
        state.agents[former] = state.agents.pop(slug).replace(slug=former)

    def _with_squads(self, agent: Agent) -> Agent:
        names = sorted(name for project, name, slug in self._state.squads if (project, slug) == (agent.project, agent.slug))
        return agent.replace(squads=tuple(names))

    def agent(self, slug: Slug) -> Agent | None:
        """See `ports.Directory.agent`."""
        with self._state.lock:
            found = self._state.agents.get(slug)
            return None if found is None else self._with_squads(found)

    def agents(self) -> list[Agent]:
        """See `ports.Directory.agents`."""
        with self._state.lock:
            return [self._with_squads(agent) for slug, agent in sorted(self._state.agents.items()) if "/" not in slug]

    def close(self, slug: Slug, now: Millis) -> None:
        """See `ports.Directory.close`."""
        with self._state.step():
            agent = self._state.agents.get(slug)
            if agent is not None and agent.status == "open":
                self._state.agents[slug] = agent.replace(status="closed", closed_at=now)

    def withdraw(self, slug: Slug, now: Millis) -> None:
        """See `ports.Directory.withdraw`."""
        state = self._state
        with state.step():
            own = [key for key in state.deliveries if key[1] == slug]
            if any(state.messages[seq].sender != SYSTEM for seq, _ in own):
                self.close(slug, now)
                return
            for key in own:
                del state.deliveries[key]
                state.facts.pop(key, None)
            state.live.pop(slug, None)
            state.squads = {member for member in state.squads if member[2] != slug}
            state.bodies = {key: body for key, body in state.bodies.items() if body.agent != slug}
            state.tokens = {key: record for key, record in state.tokens.items() if record.agent != slug}
            state.skills = {place: skill for place, skill in state.skills.items() if skill.owner != slug}
            state.notices = {place: told for place, told in state.notices.items() if place[0] != slug}
            state.notes.pop(slug, None)
            state.agents.pop(slug, None)

    def attend(self, slug: Slug, attention: Attention, bodies: Bodies) -> None:
        """See `ports.Directory.attend`."""
        with self._state.step():
            agent = self._state.agents.get(slug)
            if agent is not None:
                rules = {"wake": attention.wake, "wake_every": attention.every, "quiet": attention.quiet}
                self._state.agents[slug] = agent.replace(bodies=bodies, **rules)

    def note(self, slug: Slug) -> Note | None:
        """See `ports.Directory.note`."""
        with self._state.lock:
            return self._state.notes.get(slug)

    def leave_note(self, slug: Slug, note: Note | None) -> None:
        """See `ports.Directory.leave_note`."""
        with self._state.step():
            if note is None:
                self._state.notes.pop(slug, None)
            elif slug in self._state.agents:
                self._state.notes[slug] = note

    def prove(self, slug: Slug, field: Literal["canary", "proven"], at: Millis, by: str = "") -> None:
        """See `ports.Directory.prove`."""
        with self._state.step():
            agent = self._state.agents.get(slug)
            if agent is not None and field == "canary":
                self._state.agents[slug] = agent.replace(canary_at=at)
            elif agent is not None and agent.proven_at is None:
                self._state.agents[slug] = agent.replace(proven_at=at, proven_by=by)

    def body(self, session: str) -> Body | None:
        """See `ports.Directory.body`."""
        with self._state.lock:
            return self._state.bodies.get(session)

    def bodies(self, agent: Slug) -> list[Body]:
        """See `ports.Directory.bodies`."""
        with self._state.lock:
            newest = [body for body in reversed(self._state.bodies.values()) if body.agent == agent]
        return sorted(newest, key=lambda body: -body.seen_at)[:50]

    def save_body(self, body: Body) -> None:
        """See `ports.Directory.save_body`."""
        with self._state.step():
            self._state.save_body(body)

    def hold(self, session: str) -> None:
        """See `ports.Directory.hold`."""
        with self._state.step():
            self._state.hold(session)

    def squad(self, project: str, name: str) -> tuple[Slug, ...]:
        """See `ports.Directory.squad`."""
        with self._state.lock:
            members = sorted(slug for place, squad, slug in self._state.squads if (place, squad) == (project, name))
            return tuple(agent.slug for slug in members if (agent := self._state.agents[slug]).status == "open")

    def change_squad(self, project: str, name: str, agent: Slug, *, member: bool) -> None:
        """See `ports.Directory.change_squad`."""
        with self._state.step():
            if agent in self._state.agents:
                (self._state.squads.add if member else self._state.squads.discard)((project, name, agent))

    def notices(self, agent: Slug) -> list[Notice]:
        """See `ports.Directory.notices`."""
        with self._state.lock:
            found = [notice for notice, told_at in self._state.notices.values() if notice.agent == agent and told_at is None]
        return sorted(found, key=lambda notice: notice.at)[:20]

    def notify(self, notice: Notice) -> None:
        """See `ports.Directory.notify`."""
        with self._state.step():
            kept = self._state.notices
            for key in [key for key, (_, told_at) in kept.items() if told_at is not None and told_at < notice.at - TOLD_FOR]:
                del kept[key]
            kept.setdefault((notice.agent, notice.code, notice.text), (notice, None))

    def told(self, agent: Slug, up_to: Millis) -> None:
        """See `ports.Directory.told`."""
        with self._state.step():
            for key, (notice, told_at) in self._state.notices.items():
                if notice.agent == agent and told_at is None and notice.at <= up_to:
                    self._state.notices[key] = (notice, up_to)


class MemoryListener:
    """The port `Listener`."""

    def __init__(self, rings: SimpleQueue[set[str]]) -> None:
        self._rings = rings

    def heard(self, seconds: float) -> set[str]:
        """See `ports.Listener.heard`."""
        found: set[str] = set()
        try:
            found |= self._rings.get(timeout=seconds)
            while True:
                found |= self._rings.get_nowait()
        except Empty:
            return found


class MemoryStore:
    """The port `Store` in memory."""

    durability: Durability = "memory"
    epoch = "memory"
    reader: StreamReader | None = None

    def __init__(self) -> None:
        self._state = State()
        self.mail = MemoryMailbox(self._state)
        self.agents = MemoryDirectory(self._state)
        self.tokens = MemoryTokens(self._state)
        self.skills = MemorySkills(self._state)
        self.tasks = MemoryTasks(self._state, self.mail)
        self.streams = MemoryStreams(self._state, self.mail, self.agents)

    def wait(self, agent: Slug, seconds: float) -> bool:
        """See `ports.Store.wait`."""
        state = self._state
        with state.lock:
            before, waiting = state.nudges.get(agent, 0), state.waiting
            waiting[agent] = waiting.get(agent, 0) + 1
            try:
                return state.lock.wait_for(
                    lambda: self.mail.count(agent, "unread") > 0 or state.nudges.get(agent, 0) > before, seconds
                )
            finally:
                waiting[agent] -= 1

    def nudge(self, agent: Slug) -> bool:
        """See `ports.Store.nudge`."""
        with self._state.lock:
            self._state.nudges[agent] = self._state.nudges.get(agent, 0) + 1
            self._state.ring({agent})
            return self._state.waiting.get(agent, 0) > 0 or bool(self._state.listeners)

    @contextmanager
    def listen(self) -> Iterator[MemoryListener]:
        """See `ports.Store.listen`."""
        rings: SimpleQueue[set[str]] = SimpleQueue()
        with self._state.lock:
            self._state.listeners.append(rings)
        try:
            yield MemoryListener(rings)
        finally:
            with self._state.lock:
                self._state.listeners.remove(rings)

    def copy(self, path: str) -> int:
        """See `ports.Store.copy`: what is in memory has no file."""
        raise Conflict(f"a memory store cannot be copied to {path}")

    def close(self) -> None:
        """Take no more; what is in memory stays readable to whoever still holds it."""
        self._state.closed = True
