"""A step of the store, killed or refused by its disk at any of its changes: what was told holds, and no work is done twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.faults.conftest import Recording

REPOSITORY = Path(__file__).parent.parent.parent
MANY = 2000
"""So many trials come to everything that may happen."""
ROWS = {
    "kill": "kill -9 at a change, in one step of the store",
    "disk": "a full or failing disk, in one step of the store",
}


def ran(memory: Path, folder: Path, count: int, seed: int, *defect: str) -> dict[str, Any]:
    """What that many trials of a seed found. A store that was broken stays in the folder."""
    library = folder / "failing.so"
    source = Path(__file__).with_name("failing.c")
    subprocess.run([tools.compiler(), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    words = [sys.executable, "-m", "tests.faults.steps", str(memory), str(count), str(seed), *defect]
    done = subprocess.run(
        words, cwd=REPOSITORY, env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    for kept in memory.glob("broken-*"):
        shutil.copytree(kept, folder / kept.name)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.promise("INBOX-001", "INBOX-002", "LEASE-002", "SQLITE-008", "FAULT-004")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "count",
    [pytest.param(120, id="few"), *(pytest.param(MANY, id=f"many-{part}", marks=pytest.mark.full) for part in range(4))],
)
def test_a_step_hurt_at_a_change_breaks_no_promise(memory: Path, tmp_path: Path, count: int, record: Recording) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    found = ran(memory, tmp_path, count, seed)
    for fault, row in ROWS.items():
        record(row, trials=found["trials"][fault], broken=found["broken"][fault], late=found["late"][fault], note=f"seed {seed}")
    assert found["findings"] == [], f"seed {seed}, stores in {tmp_path}"
    assert sum(found["trials"].values()) >= count
    wanted = ("told", "store_unreachable") if count < MANY else ("acked", "leased", "show", "storage_full", "store_unreachable")
    assert all(found["seen"].get(name) for name in wanted), found["seen"]


@pytest.mark.promise("FAULT-003")
@pytest.mark.parametrize(("defect", "rule"), [("commit", "lost"), ("fence", "stale")])
def test_a_planted_defect_is_found_by_the_same_trials(memory: Path, tmp_path: Path, defect: str, rule: str) -> None:
    found = ran(memory, tmp_path, 300, 7, defect)
    assert any(f": {rule}: " in text for text in found["findings"]), found
