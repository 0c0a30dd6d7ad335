"""Power cuts of the store alone, thousands a minute: after every kind of transaction and checkpoint, torn and dropped sectors.

The recorder (disk.py) plays what a real process asked of the kernel: writes, syncs, renames, entries of directories. A power cut
by a VFS inside SQLite would see the writes of the database alone and none of the syncs of Python's own: there is none beside it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sos.model.errors import SosError, StaleFence
from sos.model.times import HOUR, Millis
from sos.model.transitions import Ack
from sos.stores.sqlite.store import SqliteStore
from sos.testing.faults import acts
from sos.testing.faults.plan import Round
from sos.testing.faults.trials import Trials
from sos.testing.oracle import Broken, Rule, judge
from tests.faults import disk
from tests.faults.conftest import Recording
from tests.faults.disk import MODES, Disk, Record
from tests.faults.test_power import log_is_not_synced

MANY, PARTS = 88_000, 8
"""Cuts of a full run, and the tests that share them."""


def recorded(root: Path, tmp_path: Path, seed: int) -> list[Record]:
    recorder = disk.library(tmp_path)
    preload = {"LD_PRELOAD": str(recorder), "SOS_RECORD_ROOT": str(root), "SOS_RECORD_LOG": str(tmp_path / "log")}
    words = [sys.executable, "-m", "tests.faults.mailroom", str(root), str(seed)]
    place = Path(__file__).parent.parent.parent
    subprocess.run(words, env={**os.environ, **preload, "SOS_RECORD_TAG": "1"}, cwd=place, check=True, capture_output=True)
    # The ballast holds nothing of value and would double what each trial writes.
    return [record for record in disk.records(tmp_path / "log") if "ballast" not in record.path]


@dataclass
class Told:
    """What the recorded process had told so far: its log, and the leases that it has not acknowledged yet."""

    trials: Trials
    leases: dict[str, int] = field(default_factory=dict)

    def note(self, said: dict[str, Any]) -> None:
        if said["kind"] == "leased":
            self.leases[said["id"]] = said["fence"]
        elif said["kind"] == "acked" and said["agent"] == acts.HANDLER:
            self.leases.pop(said["id"])
        self.trials.note(said)


def cut(root: Path, told: Told) -> tuple[list[Broken], int]:
    """Open what is left and hold it against what was told so far; what is broken, and how many lost leases were tried."""
    try:
        store = acts.opened(str(root / "sos.db"), str(root / "run"))
    except SosError as error:
        return [Broken("lost", f"the store does not open: {error.message}")], 0
    try:
        broken = judge(store, told.trials.log)
        late, tried = leases(store, told)
        return broken + late, tried
    except SosError as error:
        return [Broken("lost", f"the store cannot be read: {error.message}")], 0
    finally:
        store.close()


def leases(store: SqliteStore, told: Told) -> tuple[list[Broken], int]:
    """After all leases have lapsed another handler takes what is open: nothing that was done, and the late acks are refused."""
    at, tried = Millis(acts.now() + HOUR), 0
    store.mail.tick(at)
    broken = []
    for entry in store.mail.lease(acts.HANDLER, "after the cut", 3, Millis(at + HOUR), at):
        identifier = entry.message.id
        if (acts.HANDLER, (entry.message.sender, identifier)) in told.trials.log.acked:
            broken.append(Broken("effect", f"{identifier} was done, and is given again"))
        if identifier in told.leases:
            tried += 1
            try:
                store.mail.apply(acts.HANDLER, [(entry.message.seq, Ack(at=at, fence=told.leases[identifier]))])
                broken.append(Broken("stale", f"the late ack of {identifier} was accepted"))
            except StaleFence:
                pass
    return broken, tried


def trials(
    found: list[Record], root: Path, count: int, seed: int, syncs: Callable[[str], bool]
) -> tuple[int, dict[Rule, int], int]:
    """Cut the power `count` times after the agents have joined.

    How many cuts broke anything, how many broke each rule, and how many lost leases were tried.
    """
    chance, told = random.Random(seed), Told(Trials(str(root), Round("kill", count, seed)))
    ready = next(place for place, record in enumerate(found) if record.kind == "1")
    played, made = Disk(root), dict[Rule, int]()
    cuts = sorted(chance.randrange(ready + 1, len(found)) for _ in range(count))
    done = bad = stale = 0
    for place in cuts:
        while done <= place:
            played.lying, played.syncs = done > ready, syncs
            if found[done].kind == "1":
                told.note(json.loads(found[done].data))
            else:
                played.play(found[done])
            done += 1
        played.rebuild(chance.choice(MODES), chance)
        broken, tried = cut(root, told)
        stale += tried
        bad += bool(broken)
        for rule in {each.rule for each in broken}:
            made[rule] = made.get(rule, 0) + 1
    return bad, made, stale


@pytest.fixture
def root(memory: Path) -> Path:
    (made := memory / "store").mkdir(mode=0o700)
    return made


@pytest.mark.promise("INBOX-001", "INBOX-002", "LEASE-002")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "count",
    [
        *(pytest.param(150, id=f"few-{part}") for part in range(2)),
        *(pytest.param(MANY // PARTS, id=f"many-{part}", marks=pytest.mark.full) for part in range(PARTS)),
    ],
)
def test_a_cut_during_any_transaction_breaks_nothing(root: Path, tmp_path: Path, count: int, record: Recording) -> None:
    seed = int.from_bytes(os.urandom(4), "big") | 1
    found = recorded(root, tmp_path, seed)
    assert sum(record.kind in "Sd" for record in found) > 300, "too little was synced to be a store's work"
    assert sum(record.kind == "W" and record.path.endswith("sos.db") for record in found) > 50, "no checkpoint"
    bad, broken, stale = trials(found, root, count, seed, lambda path: True)
    record("power cuts of the store", trials=count, broken=bad, late=stale, note=f"seed {seed}")
    assert broken == {}, f"seed {seed}"
    assert stale > count / 4, "too few lost leases were tried"
    _, control, _ = trials(found, root, 50, seed, log_is_not_synced)
    assert control.get("lost", 0) > 4, "the negative control: a log that is not synced loses nothing?"
    assert control.get("effect", 0) > 1, "the negative control: what is undone has no second effect?"
