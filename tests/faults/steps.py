"""Single steps of the store, each hurt at its n-th change of a file: killed there, or told that the disk is full or failing.

`python -m tests.faults.steps FOLDER TRIALS SEED [DEFECT]`, with failing.c preloaded; prints one JSON object. Each trial forks a
process that is hurt and a second one that goes on where the disk is well again, reads everything, and judges.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from sos.model.errors import SosError, StaleFence
from sos.model.ids import MessageId
from sos.model.messages import Message
from sos.model.names import Slug
from sos.model.times import HOUR, MINUTE, Millis
from sos.model.transitions import Ack, Surface
from sos.ports import Store
from sos.stores.sqlite.database import Database
from sos.testing.faults import acts
from sos.testing.faults.children import Say
from sos.testing.faults.plan import Round
from sos.testing.faults.trials import Trials
from sos.testing.oracle import Broken, judge
from tests.faults.controls import no_fence, wrap

ROUND = 25
"""Trials in one store."""
ENOUGH = 5
"""Findings after which no more is tried."""
LEASE = 1000
"""Milliseconds of a lease, on the trials' own clock."""
COLD = 0.3
"""The share of trials in which the opening of the store is hurt too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the n-th change comes to. `error` 0: kill -9; `stay`: every change after it fails too; `half`: a write is torn."""

    name: str
    error: int
    stay: bool = False
    half: bool = False


def a_failed_commit_is_none(patch: pytest.MonkeyPatch) -> None:
    """A receipt although the commit has failed."""

    def read(real: Any, database: Database, sql: str, values: Any = ()) -> Any:
        try:
            return real(database, sql, values)
        except SosError:
            if sql != "COMMIT":
                raise
            return []

    wrap(patch, Database, "read", read)


SWEPT = 0.2
"""The share of trials before which the folder of rings and quiet files is removed, as a cleaner of /run would."""
DEFECTS = {"commit": a_failed_commit_is_none, "fence": no_fence}
"""For negative controls."""
FAULTS = [
    *(Fault("kill", 0, half=half) for half in (False, True)),
    *(
        Fault("disk", error, stay, half)
        for error in (errno.ENOSPC, errno.EIO)
        for stay in (False, True)
        for half in (False, True)
    ),
]


def send(say: Say, store: Store, at: Millis, text: str) -> None:
    """To the reader and the handler."""
    for sender, to in zip(acts.WRITERS, (acts.CONTEXT, acts.HANDLER), strict=True):
        made = acts.parcel(sender, to, text)
        say("begin", sender=sender, to=to, id=made.draft.id, text=text)
        store.mail.post([made])
        say("told", sender=sender, id=made.draft.id)


def show(say: Say, store: Store, at: Millis, text: str) -> None:
    """As a hook run; then the first of what was shown is acknowledged."""
    body = store.agents.body("reader")
    assert body is not None
    entries = store.mail.entries(acts.CONTEXT, "unread", 100)
    for entry in entries:
        say("show", sender=entry.message.sender, id=entry.message.id, text=entry.message.text, body="reader")
    mark = Surface(at=at, body="reader", turn=at // HOUR)
    store.mail.settle(body, mark.turn, [(entry.message.seq, mark) for entry in entries])
    for entry in entries[:1]:
        store.mail.apply(acts.CONTEXT, [(entry.message.seq, Ack(at=at))])
        say("acked", agent=acts.CONTEXT, sender=entry.message.sender, id=entry.message.id)


def answer(say: Say, store: Store, message: Message) -> None:
    """A handler's effect: one reply under an id of its own, which closes the message."""
    made = acts.parcel(acts.HANDLER, message.sender, f"done: {message.id}", acts.answer_id(message.id), message.id)
    say("begin", sender=acts.HANDLER, to=message.sender, id=made.draft.id, text=made.draft.text)
    store.mail.post([made])
    say("told", sender=acts.HANDLER, id=made.draft.id)
    say("acked", agent=acts.HANDLER, sender=message.sender, id=message.id)


def handle(say: Say, store: Store, at: Millis, text: str) -> None:
    """Lease, and answer."""
    store.mail.tick(at)
    for entry in store.mail.lease(acts.HANDLER, "first", 2, Millis(at + LEASE), at):
        say("leased", id=entry.message.id, fence=entry.delivery.fence)
        answer(say, store, entry.message)


def end(say: Say, store: Store, at: Millis, text: str) -> None:
    """Lease several, and end them at once: those that share a commit are each there whole or not at all."""
    store.mail.tick(at)
    entries = store.mail.lease(acts.HANDLER, "first", 4, Millis(at + LEASE), at)
    made = []
    for entry in entries:
        message = entry.message
        say("leased", id=message.id, fence=entry.delivery.fence)
        made.append(acts.parcel(acts.HANDLER, message.sender, f"done: {message.id}", acts.answer_id(message.id), message.id))
        say("begin", sender=acts.HANDLER, to=message.sender, id=made[-1].draft.id, text=made[-1].draft.text)
    with ThreadPoolExecutor(4) as pool:
        acks = [[(entry.message.seq, Ack(at=at, fence=entry.delivery.fence))] for entry in entries]
        ends = [pool.submit(store.mail.conclude, acts.HANDLER, ack, [each]) for ack, each in zip(acks, made, strict=True)]
    for entry, parcel, ended in zip(entries, made, ends, strict=True):
        try:
            ended.result()
        except SosError as error:
            say("refused", code=error.code)
        else:
            say("told", sender=acts.HANDLER, id=parcel.draft.id)
            say("acked", agent=acts.HANDLER, sender=entry.message.sender, id=entry.message.id)


def leave(say: Say, store: Store, at: Millis, text: str) -> None:
    """Send, and close the store as its last user: the log goes into the file."""
    send(say, store, at, text)
    store.close()


STEPS: dict[str, Callable[[Say, Store, Millis, str], None]] = {
    "send": send,
    "show": show,
    "handle": handle,
    "end": end,
    "leave": leave,
}


def hurt(say: Say, path: str, run: str, name: str, at: Millis, text: str, place: int, fault: Fault, cold: bool) -> None:
    """One step, hurt at its `place`th change; `cold`: the opening of the store is part of it."""
    library = ctypes.CDLL(None)
    root = os.path.dirname(path).encode()
    store = acts.opened(path, run)
    for number in range({"show": 1, "handle": 1, "end": 3}.get(name, 0)):
        send(say, store, Millis(at + number), f"for {text} {number}")
    if cold:
        store.close()
    library.trial_arm(root, place, fault.error, fault.stay, fault.half)
    try:
        STEPS[name](say, acts.opened(path, run) if cold else store, at, text)
    except SosError as error:
        say("refused", code=error.code)
    seen, struck = library.trial_seen(), library.trial_struck()
    library.trial_arm(b"/nowhere", 0, 0, 0, 0)
    say("over", seen=seen, struck=struck)


@dataclass(slots=True)
class After:
    """The disk is well: what was begun is made again, all is shown and handled, and the judge reads everything."""

    trials: Trials
    store: Store
    tell: Say

    def say(self, kind: str, **facts: Any) -> None:
        """To the parent and to the log that is judged here."""
        self.tell(kind, **facts)
        self.trials.note({"kind": kind, **facts})

    def go_on(self, at: Millis, leases: dict[str, int]) -> None:
        for (sender, identifier), sent in list(self.trials.log.sent.items()):
            if sent.told is None and sender != acts.HANDLER:
                self.store.mail.post([acts.parcel(sender, sent.recipients[0], sent.text, MessageId(identifier))])
                self.say("told", sender=sender, id=identifier)
        show(self.say, self.store, at, "")
        for _ in range(5):
            at = Millis(at + MINUTE)
            self.store.mail.tick(at)
            for entry in self.store.mail.lease(acts.HANDLER, "second", 100, Millis(at + MINUTE), at):
                if entry.message.id in leases:
                    self._refuse(entry.message.seq, at, leases[entry.message.id])
                answer(self.say, self.store, entry.message)
            if not self.store.mail.count(acts.HANDLER, "unread"):
                return

    def _refuse(self, number: int, at: Millis, fence: int) -> None:
        """Who held the lease before acknowledges now."""
        try:
            self.store.mail.apply(acts.HANDLER, [(number, Ack(at=at, fence=fence))])
        except StaleFence:
            self.say("ack", accepted=False)
        else:
            self.say("ack", accepted=True)

    def judged(self) -> Iterator[Broken]:
        log = self.trials.log
        log.effects.clear()
        for writer in acts.WRITERS:
            for entry in self.store.mail.entries(Slug(writer), "recent", 10_000):
                if entry.message.kind == "reply" and entry.message.in_reply_to:
                    log.effect(acts.HANDLER, writer, entry.message.in_reply_to)
        for key, sent in log.sent.items():
            if sent.told is not None and sent.recipients == (acts.HANDLER,) and not log.effects[acts.HANDLER, key]:
                yield Broken("effect", f"{key[1]} had no effect")
        yield from judge(self.store, log, drained=[acts.CONTEXT, acts.HANDLER])


def after(say: Say, path: str, run: str, trials: Trials, at: Millis, leases: dict[str, int]) -> None:
    """The second process of a trial."""
    made = After(trials, acts.opened(path, run), say)
    made.go_on(at, leases)
    for broken in made.judged():
        say("broken", rule=broken.rule, text=broken.text)


@dataclass(slots=True)
class Result:
    """What was tried, and what was found."""

    trials: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        return {
            "trials": self.trials,
            "broken": self.broken,
            "late": self.late,
            "seen": self.seen,
            "findings": self.findings,
        }


class Stepping:
    """All trials of one seed."""

    def __init__(self, folder: str, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.limits: dict[tuple[str, bool], int] = {}
        self.result = Result()

    def round(self, number: int) -> None:
        """A fresh store, and its trials; after a finding it is kept, and the round is over."""
        trials = Trials(os.path.join(self.folder, "store"), Round("kill", ROUND, 0))
        shutil.rmtree(trials.folder, ignore_errors=True)
        store = acts.opened(*trials.place, create=True)
        acts.settle_in(store)
        store.close()
        base = acts.now()
        for turn in range(ROUND):
            at = Millis(base + turn * HOUR)
            if not all(self.trial(trials, name, at) for name in [self.chance.choice(list(STEPS))]):
                os.rename(trials.folder, os.path.join(self.folder, f"broken-{number}"))
                return

    def trial(self, trials: Trials, name: str, at: Millis) -> bool:
        """One step hurt, and what it left; False where that is not what was promised."""
        fault = self.chance.choice(FAULTS)
        cold = self.chance.random() < COLD
        if self.chance.random() < SWEPT:
            shutil.rmtree(trials.place[1], ignore_errors=True)
        place = self.chance.randint(1, self.limits.get((name, cold), 1000))
        text = f"{name} at {at} " + "x" * self.chance.choice((10, 900, 9000))
        said = self._run(trials, hurt, name, at, text, place, fault, cold)
        over = [each for each in said if each["kind"] == "over"]
        struck = over[0]["struck"] if over else 1
        if over and not struck:
            self.limits[name, cold] = over[0]["seen"]
        self.result.seen.update(each.get("code", each["kind"]) for each in said)
        leases = {each["id"]: each["fence"] for each in said if each["kind"] == "leased"}
        left = self._run(trials, after, trials, at, leases)
        found = [f"{each['rule']}: {each['text']}" for each in left if each["kind"] == "broken"]
        found += [f"failed: {text}" for text in trials.log.failed]
        if not over and fault.error:
            found.append("failed: a process that nobody killed is gone")
        self.result.late[fault.name] += sum(each["kind"] == "ack" for each in left)
        self.result.trials[fault.name] += bool(struck)
        self.result.broken[fault.name] += bool(found)
        self.result.findings += [f"{name}, {fault} at change {place}: {text}" for text in found]
        return not found

    def _run(self, trials: Trials, act: Callable[..., None], *arguments: Any) -> list[dict[str, Any]]:
        child = trials.start(act, *arguments)
        trials.end(child)
        return child.said


def main(folder: str, count: int, seed: int, defect: str = "") -> None:
    """`count` trials in which a fault struck, or less where enough was found."""
    stepping = Stepping(folder, seed)
    with pytest.MonkeyPatch.context() as patch:
        if defect:
            DEFECTS[defect](patch)
        for number in range(count * 3 // ROUND + 3):
            if stepping.result.trials.total() >= count or len(stepping.result.findings) >= ENOUGH:
                break
            stepping.round(number)
    print(json.dumps(stepping.result.fields()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
