"""What we need from the outside: the stores, the clock. Every store keeps the same contract (sos.testing.contracts)."""

from __future__ import annotations

from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from typing import Literal

    from sos.model.addresses import Address
    from sos.model.agents import Agent, Bodies, Body, Enrolment, Joining, Note
    from sos.model.attention import Attention
    from sos.model.deliveries import Entry, Story, View
    from sos.model.findings import Notice
    from sos.model.ids import MessageId
    from sos.model.messages import Durability
    from sos.model.names import Slug
    from sos.model.parcels import Parcel, Posted
    from sos.model.skills import Skill
    from sos.model.streams import Batch, Look, Standing, Taken, Wanted, Written
    from sos.model.tasks import Task
    from sos.model.times import Millis
    from sos.model.tokens import TokenRecord
    from sos.model.transitions import Action


class Clock(Protocol):
    """Both times that we use."""

    def now(self) -> Millis:
        """Milliseconds since 1970, UTC. May jump; safety never rests on it."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, for intervals."""
        ...


class Mailbox(Protocol):
    """Messages and where they stand. Every call is one step: all of it happened, or nothing did."""

    def post(self, parcels: Sequence[Parcel]) -> list[Posted]:
        """Store parcels, all or none, durably before it returns.

        The same (sender, id) with the same content is answered as before, `duplicate` set. A parcel with `in_reply_to` closes
        that message for its sender. Raises UnknownAgent, IdConflict, InboxFull, StorageFull, StoreUnreachable.
        """
        ...

    def submit(self, parcel: Parcel) -> Future[Posted]:
        """Store a parcel soon, together with others in flight; the future ends when it is as durable as `post` makes it.

        A refusal of one parcel is its future's exception and touches no other. Of one thread, parcels are stored in the order of
        their submission. Raises StoreUnreachable where the store is closed; `Store.close` first stores what waits.
        """
        ...

    def entries(self, agent: Slug, view: View, limit: int, after: int = 0, turn: int | None = None) -> list[Entry]:
        """Entries of an inbox in the order of showing (`recent`: newest first), with numbers above `after`. Marks nothing.

        `turn`: the turn that `due` is asked for; None: the one that the agent is known to be at.
        """
        ...

    def count(self, agent: Slug, view: View, turn: int | None = None) -> int:
        """How many entries a view holds."""
        ...

    def head(self) -> int:
        """The number of the newest message of all; 0 where there is none."""
        ...

    def find(self, agent: Slug, ids: Sequence[MessageId]) -> list[Entry]:
        """Entries by id, in the order of `ids`. Raises UnknownMessage where one is not in this inbox."""
        ...

    def lost(self, agent: Slug) -> list[int]:
        """Numbers of unread deliveries whose message another hand took away, where the store shows them no other way."""
        ...

    def forget_lost(self, agent: Slug) -> None:
        """Remove them, after it was said."""
        ...

    def apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        """Apply actions to deliveries of this agent and tell senders what they must know. Raises UnknownMessage, StaleFence.

        A message is named by its number (`seq`) where it must be this one: two senders may use one id.
        """
        ...

    def settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]], *, takes: bool = False) -> bool:
        """End a hook run as one step: the actions, the body's new state and the agent's turn. Whether all is quiet now.

        `takes`: it becomes the one context holder. Otherwise it holds if it says so and nobody took the inbox meanwhile.
        """
        ...

    def lease(
        self, agent: Slug, body: str, limit: int, until: Millis, now: Millis, busy: Sequence[str] | None = None
    ) -> list[Entry]:
        """Take up to `limit` unread entries for a handler until `until`; two bodies never get the same one.

        `busy`: senders of whom none is taken, and of each other only one: what is taken can begin at once, and what kills its
        handler uses up nobody else's attempts. None: whatever comes first.
        """
        ...

    def conclude(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]], parcels: Sequence[Parcel]) -> list[Posted]:
        """`apply` and `post` as one step: what a handler made of its message, and what it sends. Raises what they do."""
        ...

    def tick(self, now: Millis, limit: int = 100) -> int:
        """Do what time has made due (expiry, deadlines, lapsed leases, events to senders); how much was done."""
        ...

    def next_timer(self) -> Millis | None:
        """When `tick` next has something to do."""
        ...

    def story(self, message: MessageId, sender: Slug | None, viewer: Slug) -> Story:
        """What is known of a message that `viewer` sent or received. Raises UnknownMessage."""
        ...

    def asked(self, agent: Slug, limit: int) -> list[Entry]:
        """Requests of an agent that wait for an answer, one entry a recipient, oldest first, of the newest 500 that it sent."""
        ...

    def sent(self, agent: Slug, limit: int) -> list[Story]:
        """The newest messages that an agent sent, newest first."""
        ...

    def prune(self, now: Millis, limit: int) -> int:
        """Take one step of pruning now: look at up to `limit` messages, go round at the end; how many were removed.

        Sends take such steps by themselves (model/retention.py). Mail of an agent that left long ago is ended here too.
        """
        ...


class Directory(Protocol):
    """Agents, their bodies, squads and notices."""

    def enrol(self, joining: Joining, now: Millis) -> Enrolment:
        """Enrol, or recognise the same agent. Raises SlugTaken, ProjectChanged."""
        ...

    def agent(self, slug: Slug) -> Agent | None:
        """An agent by its slug."""
        ...

    def agents(self) -> list[Agent]:
        """All agents, by slug."""
        ...

    def close(self, slug: Slug, now: Millis) -> None:
        """The agent has left; its record stays."""
        ...

    def withdraw(self, slug: Slug, now: Millis) -> None:
        """Take back an enrolment that was just made: as if it had never been. Who has mail already is closed instead."""
        ...

    def attend(self, slug: Slug, attention: Attention, bodies: Bodies) -> None:
        """Set who may wake an agent, how often and when, and what a hook may put into its context."""
        ...

    def note(self, slug: Slug) -> Note | None:
        """What an agent left for its next self."""
        ...

    def leave_note(self, slug: Slug, note: Note | None) -> None:
        """Keep a note in place of the last one, or none. It goes with the identity."""
        ...

    def prove(self, slug: Slug, field: Literal["canary", "proven"], at: Millis, by: str = "") -> None:
        """Write down that a canary came through, or that a message was proven to stand in the context."""
        ...

    def body(self, session: str) -> Body | None:
        """A body by its session."""
        ...

    def bodies(self, agent: Slug) -> list[Body]:
        """The bodies of an agent, the newest first."""
        ...

    def save_body(self, body: Body) -> None:
        """Write a body down. A known one holds the inbox only if it did so before: see `hold` and `settle`."""
        ...

    def hold(self, session: str) -> None:
        """Make this body the one context holder of its agent's inbox."""
        ...

    def squad(self, project: str, name: str) -> tuple[Slug, ...]:
        """The members of a squad."""
        ...

    def change_squad(self, project: str, name: str, agent: Slug, *, member: bool) -> None:
        """Put an agent into a squad, or take it out."""
        ...

    def notices(self, agent: Slug) -> list[Notice]:
        """What this agent has not been told yet."""
        ...

    def notify(self, notice: Notice) -> None:
        """Keep a notice until it is told; the same code and text once."""
        ...

    def told(self, agent: Slug, up_to: Millis) -> None:
        """The notices up to a time were told."""
        ...


class Streams(Protocol):
    """Foreign streams, as far as a store knows them: where each agent stands, and the one step that imports. Reads no stream."""

    def standing(self, agent: Slug) -> Standing:
        """Where an agent stands in the streams that it has looked into."""
        ...

    def take(self, agent: Slug, batch: Batch, now: Millis) -> Taken:
        """Import, as one durable step: compare the cursor, store what the agent has not had, move the cursor, tell, ring.

        Nothing changes where the cursor is not the expected one. An entry is known by its id, sender and text, in whichever
        stream it stands, for as long as its message is kept. What finds no room in the inbox stays before the cursor. What is
        stored is `claimed`: it closes no request, and no slug's rights are its sender's. Raises UnknownAgent, InvalidInput,
        StorageFull, StoreUnreachable.
        """
        ...


class StreamReader(Protocol):
    """Looks into the streams that others write, wherever they are. Writes nothing, and creates none."""

    def looks(self, wanted: Sequence[Wanted]) -> list[Look]:
        """What stands in each of these streams, in their order. What is no stream is an empty one. Raises StoreUnreachable.

        One look shows its stream at one moment; two of them may not show the same moment.
        """
        ...

    def written(self, configured: Sequence[Address], pages: int) -> Written:
        """Which streams hold entries: `configured` ones, and those found in up to `pages` pages of all keys.

        Misses what was emptied or deleted, what comes while it looks, and streams by other names. Raises StoreUnreachable.
        """
        ...


class TokenStore(Protocol):
    """What the store knows of tokens: digests, never secrets."""

    def add(self, record: TokenRecord) -> None:
        """Keep a record; the same key id and digest again is fine. Raises IdConflict for another digest."""
        ...

    def by_key(self, key_id: str) -> TokenRecord | None:
        """A record by its public key id."""
        ...

    def of(self, agent: Slug | None) -> list[TokenRecord]:
        """Records of an agent, or of all."""
        ...

    def revoke(self, key_id: str, now: Millis) -> bool:
        """Revoke a token; whether it was live."""
        ...

    def rescope(self, key_id: str, scopes: Sequence[str]) -> bool:
        """Give a live token these scopes from the next request on; whether there is one and it had others."""
        ...


class SkillStore(Protocol):
    """Skills by owner."""

    def put(self, skills: Sequence[Skill]) -> None:
        """Add or replace skills of one owner. Raises Conflict where another owner holds an id in that project."""
        ...

    def list(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """Skills of a project, of an owner, or all."""
        ...


class TaskStore(Protocol):
    """Tasks by project and id. What a change is allowed to be, model/tasks.py says; here it happens once or not at all."""

    def add(self, task: Task, told: Sequence[Parcel]) -> Task:
        """Keep a new task and post what tells of it, as one step; the one that stands under its project and id already, if any.

        What has ended 30 days ago goes, some at a time. Raises Conflict where a project has `MAX_LIVE` that have not.
        """
        ...

    def find(self, project: str, ids: Sequence[MessageId]) -> list[Task]:
        """Those that are there, in the order of `ids`."""
        ...

    def list(self, project: str, *, live: bool, limit: int) -> list[Task]:
        """Tasks that have not ended, the oldest first; or those that have, the newest end first."""
        ...

    def swap(self, before: Task, after: Task, told: Sequence[Parcel]) -> bool:
        """Put `after` in the place of `before` and post what tells of it, as one step, unless it is `before` no more.

        Whom a parcel is for and who has left meanwhile is not told.
        """
        ...


class Listener(Protocol):
    """One ear for the rings of all agents."""

    def heard(self, seconds: float) -> set[str]:
        """The agents that were rung since the last call, or that a new timer is for; empty after `seconds` without any."""
        ...


class Store(Protocol):
    """Everything that is kept."""

    @property
    def mail(self) -> Mailbox:
        """Messages and deliveries."""
        ...

    @property
    def agents(self) -> Directory:
        """Agents and bodies."""
        ...

    @property
    def tokens(self) -> TokenStore:
        """Token records."""
        ...

    @property
    def skills(self) -> SkillStore:
        """Skills."""
        ...

    @property
    def tasks(self) -> TaskStore:
        """Tasks."""
        ...

    @property
    def streams(self) -> Streams:
        """Foreign streams."""
        ...

    @property
    def reader(self) -> StreamReader | None:
        """Looks into the streams that older clients write; None where there are none."""
        ...

    @property
    def durability(self) -> Durability:
        """What an accepted message survives."""
        ...

    @property
    def epoch(self) -> str:
        """The identity of this history: another one after a restore."""
        ...

    def copy(self, path: str) -> int:
        """Write a sound copy to a new file; its bytes. It has an epoch of its own. Raises Conflict where the file exists."""
        ...

    def wait(self, agent: Slug, seconds: float) -> bool:
        """Wait until something may have come for `agent`; False after `seconds`. A ring is a hint, the store is the truth."""
        ...

    def nudge(self, agent: Slug) -> bool:
        """End the waits for `agent`, so that who waits asks anew for the next timer. Whether anybody waits."""
        ...

    def listen(self) -> AbstractContextManager[Listener]:
        """Hear every agent's ring, from now on until the end of the block: for who wakes many. A ring can be lost."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
