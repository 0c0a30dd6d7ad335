"""One judge for all fault trials: what callers were told and agents were shown, held against what a store holds afterwards.

Whoever breaks things writes a `Log` while it does so, and asks `judge` at the end. It looks through the port alone, so that every
store can be judged. It does not guarantee that a fault happened: count your kills.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from sos.model.names import SYSTEM, Slug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sos.model.deliveries import Entry
    from sos.ports import Store

#: lost: a receipt was given, and the message is not there · invented: it is there, and nobody sent it · doubled: there twice ·
#: changed: another text or digest than was sent · hidden: marked as shown and never shown, or drained and never shown ·
#: order: of one sender, later before earlier · undone: an ack was confirmed, and does not stand · effect: a message's effect
#: happened twice · stale: an ack of a lost lease was accepted · failed: something ended with an error that has no name
Rule = Literal["lost", "invented", "doubled", "changed", "hidden", "order", "undone", "effect", "stale", "failed"]
RULES: tuple[Rule, ...] = ("lost", "invented", "doubled", "changed", "hidden", "order", "undone", "effect", "stale", "failed")
EVERYTHING = 1_000_000
"""Entries of one inbox that are looked at."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken rule, in words that name the message."""

    rule: Rule
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


#: A message: two senders may use one id.
Key = tuple[str, str]


@dataclass(slots=True)
class Sent:
    """One message that somebody began to send, and what became known of it. Moments are places in the log."""

    recipients: tuple[str, ...]
    text: str
    sha256: str
    begun: int
    told: int | None = None


@dataclass(slots=True)
class Shown:
    """One showing: to whom, in which body, of what."""

    agent: str
    body: str
    key: Key
    text: str


@dataclass(slots=True)
class Log:
    """What happened, as those saw it who were told. Write things down in the order in which they happened."""

    sent: dict[Key, Sent] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    acked: set[tuple[str, Key]] = field(default_factory=set)
    effects: Counter[tuple[str, Key]] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    moment: int = 0

    def begin(self, sender: str, recipients: Iterable[str], identifier: str, text: str, sha256: str = "") -> None:
        """A sender begins to send; the same message again is the same attempt. `sha256`: the draft's digest, if known."""
        self.moment += 1
        self.sent.setdefault((sender, identifier), Sent(tuple(recipients), text, sha256, self.moment))

    def told(self, sender: str, identifier: str) -> None:
        """The sender holds a durable receipt."""
        self.moment += 1
        found = self.sent[sender, identifier]
        found.told = found.told or self.moment

    def show(self, agent: str, sender: str, identifier: str, text: str, body: str = "") -> None:
        """A message stood in what an agent's body was given to read, flushed."""
        self.shown.append(Shown(agent, body, (sender, identifier), text))

    def ack(self, agent: str, sender: str, identifier: str) -> None:
        """An ack was confirmed to the agent."""
        self.acked.add((agent, (sender, identifier)))

    def effect(self, agent: str, sender: str, identifier: str) -> None:
        """What a handler does for a message was done."""
        self.effects[agent, (sender, identifier)] += 1

    def stale_ack(self, *, accepted: bool) -> None:
        """Somebody acknowledged under a lease that it had lost, and was refused or not."""
        self.stale["accepted" if accepted else "refused"] += 1

    def fail(self, error: str) -> None:
        """A process of the trial ended with an error that it should have named, or not have had."""
        self.failed.append(error)

    def counts(self) -> dict[str, int]:
        """How much happened: zeroes mean something only beside these."""
        return {
            "sends": len(self.sent),
            "receipts": sum(each.told is not None for each in self.sent.values()),
            "shown": len(self.shown),
            "acks": len(self.acked),
            "effects": self.effects.total(),
            "stale acks refused": self.stale["refused"],
        }

    @property
    def agents(self) -> list[str]:
        """Everybody to whom something was sent."""
        return sorted({slug for sent in self.sent.values() for slug in sent.recipients})


def judge(store: Store, log: Log, *, drained: Collection[str] = ()) -> list[Broken]:
    """Every rule that the store and the log break. `drained`: agents to whom by now all must have been shown, or ended."""
    held = {agent: store.mail.entries(Slug(agent), "recent", EVERYTHING)[::-1] for agent in log.agents}
    found = list(_kept(log, held))
    for agent, entries in held.items():
        ours = [entry for entry in entries if entry.message.sender != SYSTEM or entry.damaged]
        found += _sound(log, agent, ours)
        found += _seen(log, agent, ours, agent in drained)
        found += _order(log, agent, ours)
    found += [
        Broken("effect", f"{key[1]} had {count} effects in {agent}") for (agent, key), count in log.effects.items() if count > 1
    ]
    if log.stale["accepted"]:
        found.append(Broken("stale", f"{log.stale['accepted']} acks of lost leases were accepted"))
    return found + [Broken("failed", text) for text in log.failed]


def _key(entry: Entry) -> Key:
    return entry.message.sender, str(entry.message.id)


def _kept(log: Log, held: dict[str, list[Entry]]) -> Iterator[Broken]:
    """Told ⊆ stored, and acks stay."""
    there = {agent: {_key(entry): entry for entry in entries} for agent, entries in held.items()}
    for key, sent in log.sent.items():
        for agent in sent.recipients:
            if sent.told is not None and key not in there[agent]:
                yield Broken("lost", f"{key[1]} from {key[0]} has a receipt and is not in the inbox of {agent}")
    for agent, key in sorted(log.acked):
        entry = there[agent].get(key)
        if entry is None or not entry.delivery.answered:
            yield Broken("undone", f"the ack of {key[1]} by {agent} was confirmed and does not stand")


def _sound(log: Log, agent: str, entries: list[Entry]) -> Iterator[Broken]:
    """Stored ⊆ attempted, once each, unchanged."""
    for key, count in Counter(map(_key, entries)).items():
        if count > 1:
            yield Broken("doubled", f"{key[1]} stands {count} times in the inbox of {agent}")
    for entry in entries:
        key, message = _key(entry), entry.message
        sent = log.sent.get(key)
        if entry.damaged:
            yield Broken("changed", f"no. {message.seq} of {agent} does not fit its checksum")
        elif sent is None or agent not in sent.recipients:
            yield Broken("invented", f"nobody sent {key[1]} to {agent}: {message.text[:40]!r}")
        elif message.text != sent.text or (sent.sha256 and message.sha256 != sent.sha256):
            yield Broken("changed", f"{key[1]} of {agent} is not what was sent: {message.text[:40]!r}")


def _seen(log: Log, agent: str, entries: list[Entry], drained: bool) -> Iterator[Broken]:
    """What is marked was shown before, as often as it is marked; what was shown was sent."""
    shown = [each for each in log.shown if each.agent == agent]
    times = Counter(each.key for each in shown)
    for entry in entries:
        key, delivery = _key(entry), entry.delivery
        if delivery.shown > times[key]:
            yield Broken("hidden", f"{key[1]} is marked as shown {delivery.shown} times to {agent}, and was shown {times[key]}")
        elif drained and not times[key] and not delivery.ended and not delivery.answered:
            yield Broken("hidden", f"{key[1]} was never shown to {agent}")
    for each in shown:
        sent = log.sent.get(each.key)
        if sent is None or sent.text != each.text:
            yield Broken("changed", f"{agent} was shown what nobody sent: {each.text[:40]!r}")


def _order(log: Log, agent: str, entries: list[Entry]) -> Iterator[Broken]:
    """Of one sender: what began after a receipt stands behind it, and a body sees it behind it, within its class."""
    numbers = {_key(entry): (entry.delivery.rank, entry.message.seq) for entry in entries}
    last: dict[str, int] = {}
    told = sorted((moment, place, key) for key, sent in log.sent.items() if key in numbers for place, moment in _moments(sent))
    for _, place, key in told:
        sender, seq = key[0], numbers[key][1]
        if place == "told":
            last[sender] = max(last.get(sender, 0), seq)
        elif seq < last.get(sender, 0):
            yield Broken("order", f"{key[1]} of {sender} began after a receipt for no. {last[sender]} and is no. {seq}")
    first: dict[tuple[str, str, int], int] = {}
    for body, key in dict.fromkeys((each.body, each.key) for each in log.shown if each.agent == agent):
        if key not in numbers:
            continue
        rank, seq = numbers[key]
        before = first.get((body, key[0], rank), 0)
        if seq < before:
            yield Broken("order", f"no. {seq} of {key[0]} was shown to {agent} after no. {before}")
        first[body, key[0], rank] = max(before, seq)


def _moments(sent: Sent) -> list[tuple[str, int]]:
    return [("begun", sent.begun), *([("told", sent.told)] if sent.told is not None else [])]
