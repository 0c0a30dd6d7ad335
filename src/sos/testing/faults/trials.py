"""The trials of each kind: make a fresh store, break something, and let the judge look."""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import dataclass, field

from sos.model.errors import SosError
from sos.model.ids import MessageId, new_id
from sos.model.times import DAY, HOUR, MINUTE, SECOND, Millis
from sos.testing.faults import acts, torn
from sos.testing.faults.children import Child
from sos.testing.faults.plan import Round
from sos.testing.oracle import Broken, Log, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

STEPS = (SECOND, MINUTE, HOUR, DAY, 30 * DAY, 3650 * DAY)


@dataclass(slots=True)
class Trials:
    """One round: its store, its log, what was tried, and what was found."""

    folder: str
    round: Round
    log: Log = field(default_factory=Log)
    done: int = 0
    broken: list[Broken] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str]:
        """Paths of the store and of its rings."""
        return os.path.join(self.folder, "sos.db"), os.path.join(self.folder, "run")

    def run(self) -> Iterator[None]:
        """Make the trials; yields after each, so that the caller can say how far it is."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with_agents = acts.opened(*self.place, create=True)
        acts.settle_in(with_agents)
        with_agents.close()
        try:
            for _ in _KINDS[self.round.kind](self, random.Random(self.round.seed)):
                self.done += 1
                yield
            self._judge()
        finally:
            self.stop()

    def stop(self) -> None:
        """Leave no process behind."""
        for child in self.children:
            child.end(kill=True)
        self.children.clear()

    def start(self, act: Callable[..., None], *arguments: Any) -> Child:
        """A process of this round."""
        child = Child(act, *self.place, *arguments)
        self.children.append(child)
        return child

    def end(self, child: Child, *, kill: bool = False) -> None:
        """Let it end, or kill it, and write down what it said."""
        self.children.remove(child)
        for said in child.end(kill=kill):
            self.note(said)

    def note(self, said: dict[str, Any]) -> None:
        """What a process was told goes into the log."""
        match said["kind"]:
            case "begin":
                self.log.begin(said["sender"], [said["to"]], said["id"], said["text"])
            case "told":
                self.log.told(said["sender"], said["id"])
            case "show":
                self.log.show(acts.CONTEXT, said["sender"], said["id"], said["text"], said["body"])
            case "acked":
                self.log.ack(said["agent"], said["sender"], said["id"])
            case "took":
                self.log.effect(acts.HANDLER, said["sender"], said["id"])
            case "ack":
                self.log.stale_ack(accepted=said["accepted"])
            case "failed":
                self.log.fail(said["error"])

    def _judge(self) -> None:
        """Show and handle the rest, then ask what is broken."""
        self.end(self.start(acts.read, "last", True))
        self.end(self.start(acts.handle, "last", True))
        store = acts.opened(*self.place)
        for writer in acts.WRITERS:
            for entry in store.mail.entries(writer, "recent", 1_000_000):  # type: ignore[arg-type]  # a slug of ours
                if entry.message.kind == "reply" and entry.message.in_reply_to:
                    self.log.effect(acts.HANDLER, writer, entry.message.in_reply_to)
        self.broken += judge(store, self.log, drained=[acts.CONTEXT, acts.HANDLER])
        store.close()


def killed(trials: Trials, chance: random.Random) -> Iterator[None]:
    """Two writers, a reader and a handler at once, each killed at a moment of its own."""
    for number in range(0, trials.round.trials, 4):
        children = [
            *(trials.start(acts.write, sender, f"round {number}") for sender in acts.WRITERS),
            trials.start(acts.read, f"reader {number}", False),
            trials.start(acts.handle, f"handler {number}", False),
        ]
        children[0].hear("told")
        chance.shuffle(children)
        for child in children:
            time.sleep(chance.random() * 0.012)  # the moment of the kill is the trial's input, not a wait for something
            trials.end(child, kill=True)
            yield


def frozen(trials: Trials, chance: random.Random) -> Iterator[None]:
    """A handler leases and is stopped; its lease lapses, another one finishes the work; the first wakes and acknowledges."""
    for number in range(trials.round.trials):
        sent = trials.start(_send_to_handler, f"frozen {number}")
        trials.end(sent)
        holder = trials.start(acts.hold, 1)
        holder.stands()
        other = trials.start(acts.handle, f"other {number}", True)
        trials.end(other)
        holder.go_on()
        trials.end(holder)
        yield


def _send_to_handler(say: Any, path: str, run: str, text: str) -> None:
    store, made = acts.opened(path, run), acts.parcel("aa", acts.HANDLER, text)
    say("begin", sender="aa", to=acts.HANDLER, id=made.draft.id, text=text)
    store.mail.post([made])
    say("told", sender="aa", id=made.draft.id)


def readers(trials: Trials, chance: random.Random) -> Iterator[None]:
    """Two bodies lease from one inbox at the same time: no message goes to both."""
    for number in range(trials.round.trials):
        for each in range(3):
            trials.end(trials.start(_send_to_handler, f"shared {number}/{each}"))
        both = [trials.start(acts.take, name) for name in ("one", "two")]
        for child in both:
            trials.end(child)
        yield


def clock(trials: Trials, chance: random.Random) -> Iterator[None]:
    """Time jumps while a lease is held: nothing unread goes, and an ack of a lost lease is refused."""
    store = acts.opened(*trials.place)
    for number in range(trials.round.trials):
        at = Millis(acts.now() + chance.choice((-1, 1)) * chance.choice(STEPS) * chance.randrange(3))
        made = acts.parcel("aa", acts.HANDLER, f"clock {number}").replace(sent_at=at)
        trials.log.begin("aa", [acts.HANDLER], made.draft.id, made.draft.text)
        store.mail.post([made])
        trials.log.told("aa", made.draft.id)
        (entry,) = store.mail.lease(acts.HANDLER, "one", 1, Millis(at + MINUTE), at)
        stepped = Millis(at + chance.choice((-1, 1)) * chance.choice(STEPS))
        store.mail.tick(stepped)
        again = store.mail.lease(acts.HANDLER, "two", 1, Millis(stepped + MINUTE), stepped)
        for holder, lost in [(entry, bool(again)), *((each, False) for each in again)]:
            _acknowledge(trials, store, holder, stepped, lost=lost)
        yield
    store.close()


def _acknowledge(trials: Trials, store: Any, holder: Any, at: Millis, *, lost: bool) -> None:
    from sos.model.errors import StaleFence
    from sos.model.transitions import Ack

    try:
        store.mail.apply(acts.HANDLER, [(holder.message.seq, Ack(at=at, fence=holder.delivery.fence))])
    except StaleFence:
        if lost:
            trials.log.stale_ack(accepted=False)
        return
    if lost:
        trials.log.stale_ack(accepted=True)
    else:
        trials.log.ack(acts.HANDLER, "aa", holder.message.id)


def twice(trials: Trials, chance: random.Random) -> Iterator[None]:
    """A sender is killed before it knows, and sends again under the same id, also beside another that does the same."""
    for number in range(trials.round.trials):
        identifier, text = new_id(acts.now()), f"twice {number}"
        first = trials.start(acts.send_one, "aa", identifier, text)
        first.hear("begin")
        time.sleep(chance.random() * 0.006)  # the moment of the kill is the trial's input
        trials.end(first, kill=True)
        for child in [trials.start(acts.send_one, "aa", identifier, text) for _ in range(2)]:
            trials.end(child)
        _refuse_other(trials, identifier)
        yield


def _refuse_other(trials: Trials, identifier: MessageId) -> None:
    """Another text under a known id is refused, and nothing of it is stored."""
    store = acts.opened(*trials.place)
    try:
        store.mail.post([acts.parcel("aa", acts.CONTEXT, "another text", identifier)])
    except SosError:
        return
    finally:
        store.close()
    trials.broken.append(Broken("doubled", f"{identifier} was taken a second time with another text"))


def files(trials: Trials, chance: random.Random) -> Iterator[None]:
    """Copies of the store's files, cut or changed at a random place: refused, or set aside, never a wrong text."""
    sent = torn.fill(trials.place, trials.log)
    for _ in range(trials.round.trials):
        trials.broken += torn.trial(trials.place, sent, chance)
        yield


_KINDS: dict[str, Callable[[Trials, random.Random], Iterator[None]]] = {
    "kill": killed,
    "frozen": frozen,
    "readers": readers,
    "clock": clock,
    "twice": twice,
    "torn": files,
}
