"""Every key that this store writes: the only place that spells one. The scripts get the same names.

All of them have the hash tag `{sos}`: in a Cluster they stand in one slot, and so a step is one script, written whole or not at
all. A broadcast has one message, one number and an inbox for each recipient; in slots of their own no script could write them
together. What others write too (streams.py) stands under its own name, in whichever slot that is.
"""

from __future__ import annotations

from functools import lru_cache

from sos.model.addresses import inbox_address, parse_address
from sos.model.digests import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    from sos.model.names import Slug

    #: The prefix of all keys of one identity's inbox: `{sos}:<its stream>:<number>`. Who takes a free slug gets the next
    #: number, so that nothing of the former one has to be moved.
    Box = NewType("Box", str)
else:
    Box = str

TAG = "{sos}:"
"""What every key of ours begins with."""
META = "{sos}:meta"
"""Hash: `epoch`, `pruned` (how far pruning has come), `bodies` (a counter)."""
AGENTS = "{sos}:agents"
"""Hash: slug → record (rows.py). Who left and whose slug was taken stands under `slug/number`."""
HEAD = "{sos}:head"
"""The number of the newest message."""
IDS = "{sos}:ids"
"""Hash: message id → a line for each sender that used it: number, tag of the sender, entry in the stream, address."""
LOG = "{sos}:log"
"""Sorted set: all messages by number; a member is number, time of sending, address."""
TIMERS = "{sos}:timers"
"""Sorted set: deliveries by the time at which the clock must look at them; a member is number and box."""
CLOSED = "{sos}:closed"
"""Sorted set: boxes of agents that left, by when that was, or by when they were last looked at."""
BODIES = "{sos}:bodies"
OWED = "{sos}:owed"
"""Sorted set: in a Cluster what is to be done to streams in other slots (owed.py), by when it was written down."""
NEVER = "{sos}:never"
"""Never there: a node whose slot is on the move refuses a script one of whose keys it lacks, so with this one it refuses all."""
SEEN = "{sos}:seen"
"""Sorted set: sessions by when they were last seen."""
FIXED = {
    "META": META, "AGENTS": AGENTS, "HEAD": HEAD, "IDS": IDS, "LOG": LOG, "TIMERS": TIMERS,
    "CLOSED": CLOSED, "BODIES": BODIES, "SEEN": SEEN, "OWED": OWED, "NEVER": NEVER,
}  # fmt: skip
"""What every script is given as its KEYS, in this order."""

TOKENS = "{sos}:tokens"
SKILLS = "{sos}:skills"
TOLD = "{sos}:told"
"""Sorted set: notices that were told, by when, until they are forgotten."""

PARTS = {
    "DELIVERIES": ":deliveries",  # hash: number → delivery
    "FACTS": ":facts",  # hash: number → facts, one line each
    "NOTE": ":note",  # string: what the agent left for its next self
    "CURSORS": ":cursors",  # hash: foreign stream → cursor
    "SESSIONS": ":bodies",  # sorted set: sessions by when they were last seen
    "ALL": ":all",  # sorted sets of numbers, by number …
    "LIVE": ":live",  # … by rank and number …
    "UNREAD": ":unread",
    "OPEN": ":open",
    "PENDING": ":pending",
    "DEAD": ":dead",
    "AGAIN": ":again",  # … by the turn at which they are due again (members are rank and number) …
    "LEASED": ":leased",  # … and by when a handler's lease on what was never shown runs out
    "MESSAGES": ":messages",  # beside a stream: hash, number → message, and `number to` → boxes of its recipients
}
"""Endings of keys."""
STEP = "{sos}:step:"
SENT = "{sos}:sent:"
RING = "sos:ring:"

RANK = 10**14
"""A place in the order of showing is rank × this + number: whole, and exact in a double."""


def box(agent: Slug, project: str, number: int) -> Box:
    """The prefix of an inbox's keys."""
    return Box(f"{TAG}{inbox_address(agent, project)}:{number}")


def number_of(place: str) -> int:
    """Which holder of its slug a box belongs to."""
    return int(place.rpartition(":")[2])


def slug_of(place: str) -> str:
    """The slug that a box was made for."""
    target = parse_address(stream(place))
    return "" if target is None or target.agent is None else target.agent


def stream(place: str) -> str:
    """The stream that a box stands beside."""
    return place.removeprefix(TAG).rpartition(":")[0]


def part(place: str, name: str) -> str:
    """A key of a box."""
    return place + PARTS[name]


def messages(address: str) -> str:
    """Where the messages of an address are."""
    return f"{TAG}{address}{PARTS['MESSAGES']}"


@lru_cache(1024)
def tag(sender: str) -> str:
    """A sender as the index of ids names it: whatever it is called, 32 hexadecimal digits."""
    return sha256(sender.encode()).hex()[:32]


def sent(sender: str) -> str:
    """Sorted set: numbers of the messages of a sender."""
    return SENT + sender


def squad(project: str, name: str) -> str:
    """Set: slugs of the members of a squad."""
    return f"{{sos}}:squad:{project} {name}"


def tokens_of(agent: str) -> str:
    """Set: key ids of an agent's tokens."""
    return f"{{sos}}:tokens:{agent}"


def skills_of(kind: str, name: str) -> str:
    """Set: skills of a project or of an owner."""
    return f"{{sos}}:skills:{kind}:{name}"


def tasks(project: str) -> str:
    """Hash: task id → document."""
    return f"{{sos}}:tasks:{project}"


def live_tasks(project: str) -> str:
    """Sorted set: tasks that have not ended, by when they were given."""
    return f"{{sos}}:tasks-live:{project}"


def ended_tasks(project: str) -> str:
    """Sorted set: tasks that have ended, by when."""
    return f"{{sos}}:tasks-ended:{project}"


def notices(agent: str) -> str:
    """Hash: what an agent is to be told, and for some time what it was told."""
    return f"{{sos}}:notices:{agent}"


def channel(epoch: str, agent: str) -> str:
    """Where an agent's readers hear that there may be mail."""
    return f"{RING}{epoch}:{agent}"


def in_lua() -> str:
    """The names for the scripts, as the beginning of each."""
    fixed = [f"local {name} = KEYS[{place}]" for place, name in enumerate(FIXED, 1)]
    parts = [f"local {name} = '{ending}'" for name, ending in PARTS.items()]
    return "\n".join([*fixed, *parts, f"local TAG, STEP, RING, RANK = '{TAG}', '{STEP}', '{RING}', {RANK}", ""])
