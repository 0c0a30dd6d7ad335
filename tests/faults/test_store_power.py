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
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sos.model.errors import SosError
from sos.testing.faults import acts
from sos.testing.faults.plan import Round
from sos.testing.faults.trials import Trials
from sos.testing.oracle import Broken, Rule, judge
from tests.faults import disk
from tests.faults.conftest import Recording
from tests.faults.disk import MODES, Disk, Record
from tests.faults.test_power import log_is_not_synced

Told = dict[int, list[dict[str, str]]]


def recorded(root: Path, tmp_path: Path, seed: int) -> list[Record]:
    recorder = disk.library(tmp_path)
    if recorder is None:
        pytest.skip("no C compiler: the recorder of this test cannot be built")
    preload = {"LD_PRELOAD": str(recorder), "SOS_RECORD_ROOT": str(root), "SOS_RECORD_LOG": str(tmp_path / "log")}
    words = [sys.executable, "-m", "tests.faults.mailroom", str(root), str(seed)]
    place = Path(__file__).parent.parent.parent
    subprocess.run(words, env={**os.environ, **preload, "SOS_RECORD_TAG": "1"}, cwd=place, check=True, capture_output=True)
    # The ballast holds nothing of value and would double what each trial writes.
    return [record for record in disk.records(tmp_path / "log") if "ballast" not in record.path]


def cut(root: Path, trials: Trials) -> list[Broken]:
    """Open what is left and hold it against what was told so far."""
    try:
        store = acts.opened(str(root / "sos.db"), str(root / "run"))
    except SosError as error:
        return [Broken("lost", f"the store does not open: {error.message}")]
    try:
        return judge(store, trials.log)
    except SosError as error:
        return [Broken("lost", f"the store cannot be read: {error.message}")]
    finally:
        store.close()


def trials(found: list[Record], root: Path, count: int, seed: int, syncs: Callable[[str], bool]) -> dict[Rule, int]:
    """Cut the power `count` times after the agents have joined; how often each rule was broken."""
    chance, told = random.Random(seed), Trials(str(root), Round("kill", count, seed))
    ready = next(place for place, record in enumerate(found) if record.kind == "1")
    played, made = Disk(root), dict[Rule, int]()
    cuts = sorted(chance.randrange(ready + 1, len(found)) for _ in range(count))
    done = 0
    for place in cuts:
        while done <= place:
            played.lying, played.syncs = done > ready, syncs
            if found[done].kind == "1":
                told.note(json.loads(found[done].data))
            else:
                played.play(found[done])
            done += 1
        played.rebuild(chance.choice(MODES), chance)
        for rule in {broken.rule for broken in cut(root, told)}:
            made[rule] = made.get(rule, 0) + 1
    return made


@pytest.fixture
def root() -> Iterator[Path]:
    """In memory where that can be: the disk whose power is cut is only played, and the real one would be waited for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        (made := Path(folder) / "store").mkdir(mode=0o700)
        yield made


@pytest.mark.promise("INBOX-001", "INBOX-002")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [pytest.param(300, id="few"), pytest.param(70_000, id="many", marks=pytest.mark.full)])
@pytest.mark.parametrize("half", [1, 2])
def test_a_cut_during_any_transaction_breaks_nothing(
    root: Path, tmp_path: Path, count: int, half: int, record: Recording
) -> None:
    seed = int.from_bytes(os.urandom(4), "big") | 1
    found = recorded(root, tmp_path, seed)
    assert sum(record.kind in "Sd" for record in found) > 300, "too little was synced to be a store's work"
    assert sum(record.kind == "W" and record.path.endswith("sos.db") for record in found) > 50, "no checkpoint"
    broken = trials(found, root, count // 2, seed, lambda path: True)
    record("power cuts of the store", trials=count // 2, broken=sum(broken.values()), note=f"seed {seed}")
    assert broken == {}, f"seed {seed}"
    control = trials(found, root, 40, seed, log_is_not_synced)
    assert control.get("lost", 0) > 4, "the negative control: a log that is not synced loses nothing?"
