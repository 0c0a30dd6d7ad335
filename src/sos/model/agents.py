"""Agents (principals) and the bodies that they run in."""

from __future__ import annotations

from sos.model.attention import Attention
from sos.model.record import Record
from sos.model.times import SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from sos.model.attention import Wakers
    from sos.model.errors import SlugTaken
    from sos.model.names import Slug
    from sos.model.roles import Role
    from sos.model.times import Millis

    Bodies = Literal["fenced", "headers"]
    Status = Literal["open", "closed"]
    Presence = Literal["working", "idle", "closed", "unknown", "stale", "gone"]


BEATING = frozenset(("sdk", "watch"))
"""Runtimes whose bodies promise heartbeats. A coding agent promises none: its human may be at lunch."""
PASSED_OVER: tuple[str, ...] = ("passed over", "passed over again")
"""Outcomes of a hook run that might have shown mail, and showed none although some waits: once, and two or more in succession."""
STALE = 300 * SECOND
GONE = 900 * SECOND


class Agent(Record):
    """One principal: the record that stays, wherever and whether or not it runs."""

    slug: Slug
    name: str
    role: Role
    label: str
    project: str
    joined_at: Millis
    status: Status = "open"
    closed_at: Millis | None = None
    squads: tuple[str, ...] = ()
    #: What a hook may put into this agent's context: whole bodies in a fence, or headers and ids only.
    bodies: Bodies = "fenced"
    #: Who may wake it, after how many milliseconds again, and when not at all (model/attention.py).
    wake: Wakers = "peers"
    wake_every: int = 30_000
    quiet: str = "never"
    #: Turns taken so far, over all bodies. Reminders count in turns, not minutes.
    turn: int = 0
    #: When a test message last came through the whole inbox.
    canary_at: Millis | None = None
    #: When a message was first proven to stand in this agent's context (or a handler acked one), and by what.
    proven_at: Millis | None = None
    proven_by: str | None = None

    @property
    def attention(self) -> Attention:
        """Its rules of who may wake it."""
        return Attention(wake=self.wake, every=self.wake_every, quiet=self.quiet)


class Body(Record):
    """One place where an agent runs: a runtime's session, or a process."""

    session: str
    agent: Slug
    runtime: str
    started_at: Millis
    seen_at: Millis
    host: str = ""
    boot: str = ""
    pid: int = 0
    cwd: str = ""
    version: str = ""
    presence: Presence = "unknown"
    #: The one body whose context the inbox is shown in.
    holder: bool = False
    #: Context bytes used in the current turn, and the highest message number that this turn has offered or held back.
    spent: int = 0
    offered: int = 0
    #: How far the runtime's transcript was read for evidence of arrival.
    transcript: str = ""
    offset: int = 0
    #: The mark of the last hook run: that is how deafness is seen.
    hook_event: str = ""
    hook_at: Millis | None = None
    hook_outcome: str = ""


def presence_of(body: Body, now: Millis) -> Presence:
    """What a body is by its own events; one that promised heartbeats and is silent is stale after 300 s, gone after 900 s."""
    if body.runtime not in BEATING or body.presence == "closed" or now - body.seen_at < STALE:
        return body.presence
    return "stale" if now - body.seen_at < GONE else "gone"


MAX_NOTE = 1000
"""Characters of a handover note: it stands in every start of a session, in a packet of 600 tokens."""


class Note(Record):
    """What an agent left for its next self. Nobody else is shown it."""

    at: Millis
    text: str


def is_program(body: Body, now: Millis) -> bool:
    """Whether a body is a program that receives by itself, and lives: a session beside it only lists."""
    return body.runtime in BEATING and presence_of(body, now) in {"working", "idle"}


class Peer(Record):
    """An agent as others see it."""

    agent: Agent
    presence: Presence
    #: hearing, late, deaf or unknown.
    hearing: str
    #: Ids of its active skills.
    skills: tuple[str, ...]


class Myself(Record):
    """An agent's own record as it stands now, and the body that asks, where a session asks."""

    agent: Agent
    body: Body | None
    #: The bodies that were seen last, the newest first: 50 at most.
    bodies: tuple[Body, ...]
    #: The history that the store has, and the newest number in it: by these a restore is noticed.
    epoch: str
    head: int
    #: What the token shown allows.
    scopes: tuple[str, ...]


class Joining(Record):
    """What an agent says of itself when it joins."""

    slug: Slug
    name: str
    role: Role
    label: str
    project: str
    squads: tuple[str, ...] = ()


class Enrolment(Record):
    """What joining made of it."""

    agent: Agent
    outcome: Literal["new", "same", "updated", "returned"]
    #: field → (before, after), for what an agent that joined again changed.
    changes: dict[str, tuple[str, str]] = {}  # a Record's default is never changed


def taken(slug: str, owner: str, free: str) -> SlugTaken:
    """The refusal of a slug that is another's: what its owner types, and what anybody else may."""
    from sos.model.errors import SlugTaken
    from sos.model.shell import shell_word

    step = f"its owner: sos join --name {shell_word(owner)}; anybody else: join under another name, for example {free}"
    return SlugTaken(f"{slug!r} belongs to the agent {owner!r}", next_step=step)


def enrolled(known: Agent | None, agent: Agent) -> Enrolment:
    """What an enrolment made of the agent that was `known` before, if any."""
    if known is None:
        return Enrolment(agent=agent, outcome="new")
    changes = {
        field: (str(before), str(after))
        for field in ("role", "label", "squads")
        if (before := getattr(known, field)) != (after := getattr(agent, field))
    }
    if known.status == "closed":
        return Enrolment(agent=agent, outcome="returned", changes=changes)
    return Enrolment(agent=agent, outcome="updated" if changes else "same", changes=changes)
