"""A step of the Redis store whose request or reply is lost, cut or held back: what was told holds, and nothing is done twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sos.model import transitions
from sos.model.errors import SosError
from sos.model.times import HOUR, Millis
from sos.stores.redis.store import RedisStore
from sos.testing.faults import acts
from sos.testing.faults.plan import Round
from sos.testing.faults.trials import Trials
from tests import redis_whole
from tests.faults.conftest import Recording
from tests.faults.steps import STEPS, After
from tests.proxy import Fault, Proxy
from tests.servers import BY_TURNS, Kind, RunningServer

ROUND = 25
"""Trials in one database."""
MANY = 800
"""So many trials come to everything that may happen."""
PATIENCE = 0.1
"""Seconds that a call may take: silence costs all of them."""
FAULTS: tuple[Fault, ...] = ("lost request", "lost reply", "half reply", "garbage", "lost reply", "half reply", "silence")
NAMES = ("send", "show", "handle", "handle")
SKIPPED = 4
"""Requests of a step before the one that is hurt: fewer than this."""


class Line:
    """A server, a store by a straight way, and one through a proxy that hurts it."""

    def __init__(self, kind: Kind, memory: Path, seed: int) -> None:
        (folder := memory / kind).mkdir()
        self.server = RunningServer(kind, folder=str(folder))
        self.proxy = Proxy(self.server.socket)
        self.chance = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.done = 0
        self.findings: list[str] = []

    def round(self) -> None:
        """A fresh database and its trials."""
        database = self.server.fresh()
        straight = RedisStore(self.server.url(database), create=True)
        acts.settle_in(straight)
        hurt = RedisStore(self.proxy.url(database), call_seconds=PATIENCE)
        client, trials = self.server.client(database, decode=False), Trials("", Round("kill", ROUND, 0))
        base = acts.now()
        for turn in range(ROUND):
            self._trial(trials, straight, hurt, Millis(base + turn * HOUR))
            try:
                redis_whole.check(client)
            except AssertionError as error:
                self.findings.append(f"an index is wrong: {error}")
            if self.findings:
                break
        self.seen["stale acks refused"] += trials.log.stale["refused"]
        hurt.close()
        straight.close()
        client.close()

    def _trial(self, trials: Trials, straight: RedisStore, hurt: RedisStore, at: Millis) -> None:
        name, fault = self.chance.choice(NAMES), self.chance.choice(FAULTS)
        leases: dict[str, int] = {}

        def say(kind: str, **facts: Any) -> None:
            trials.note({"kind": kind, **facts})
            if kind == "leased":
                leases[facts["id"]] = facts["fence"]

        if name != "send":
            STEPS["send"](say, straight, at, f"for {name} at {at}")
        skip = self.chance.randrange(SKIPPED)
        self.proxy.strike(fault, self.chance.choice((1, 1, 2, 20)), skip=skip, part=self.chance.random())
        try:
            STEPS[name](say, hurt, at, f"{name} at {at}")
            self.seen["answered"] += 1
        except SosError as error:
            self.seen[error.code] += 1
        struck = self.proxy.struck
        self.proxy.strike("none", 0)
        self.seen[fault] += bool(struck)
        after = After(trials, straight, lambda kind, **facts: None)
        after.go_on(at, leases)
        found = [f"{name}, {fault} after {skip}: {broken}" for broken in after.judged()]
        self.findings += found
        self.done += bool(struck)

    def close(self) -> None:
        self.proxy.close()
        self.server.remove()


def tried(kind: Kind, memory: Path, count: int, seed: int) -> Line:
    """Trials of a seed until a fault struck in `count` of them, or one broke something."""
    line = Line(kind, memory, seed)
    try:
        while line.done < count and not line.findings:
            line.round()
    finally:
        line.close()
    return line


@pytest.mark.promise("REDIS-005", "INBOX-001", "LEASE-002")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", BY_TURNS)
@pytest.mark.parametrize(
    "count",
    [pytest.param(50, id="few"), *(pytest.param(MANY, id=f"many-{part}", marks=pytest.mark.full) for part in range(2))],
)
def test_a_step_whose_reply_is_hurt_breaks_no_promise(kind: Kind, memory: Path, count: int, record: Recording) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    line = tried(kind, memory, count, seed)
    record(
        "a reply of Redis that is lost, cut short or never comes",
        trials=line.done, broken=bool(line.findings), late=line.seen["stale acks refused"],
        note=f"seed {seed}: {dict(line.seen)}",
    )  # fmt: skip
    assert line.findings == [], f"seed {seed}"
    wanted = ("answered", "lost reply") if count < MANY else (*FAULTS, "answered", "store_unreachable", "stale acks refused")
    assert all(line.seen[name] for name in wanted), line.seen


@pytest.mark.promise("FAULT-003")
def test_a_planted_defect_is_found_by_the_same_trials(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No fence check."""
    rules: dict[Any, Any] = transitions._RULES
    real = rules[transitions.Ack]
    monkeypatch.setitem(rules, transitions.Ack, lambda m, d, a: real(m, d, a.replace(fence=None)))
    assert any(": stale: " in text for text in tried("valkey", memory, 300, 7).findings)
