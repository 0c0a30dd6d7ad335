"""`sos faults`: the same plan for a seed, nothing lost, the user's own store untouched, Ctrl-C clean, and a defect is found."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sos.testing.faults.plan import NAMES, plan
from sos.testing.oracle import RULES
from tests.faults.conftest import Recording
from tests.shell import Shell

pytestmark = pytest.mark.promise("FAULT-002")

MODULE = [sys.executable, "-m", "sos.testing.faults"]


def digests(root: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def test_a_seed_fixes_the_plan() -> None:
    assert plan(7, 1000) == plan(7, 1000) != plan(8, 1000)
    assert sum(each.trials for each in plan(7, 1000)) == 1000
    assert {each.kind for each in plan(7, 1)} == set(NAMES)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "trials",
    [pytest.param(120, id="few"), *(pytest.param(4000, id=f"many-{part}", marks=pytest.mark.full) for part in range(3))],
)
def test_nothing_is_lost_and_the_own_store_is_not_touched(home: Path, trials: int, record: Recording) -> None:
    shell = Shell(home)
    shell.join("aa")
    shell.json("send", "aa", "mine")
    before = digests(shell.root)
    ran = shell.run("faults", "--json", "--trials", str(trials))
    assert ran.code == 0, ran
    made = ran.json
    assert digests(shell.root) == before
    assert made["trials"] >= trials
    assert {each["id"] for each in made["faults"] if each["trials"]} == set(NAMES)
    assert made["rules"] == dict.fromkeys(RULES, 0)
    assert min(made["seen"].values()) > 0, "where nothing happened nothing was shown"
    for each in made["faults"]:
        # All late acks of the run, those of the clock steps included, stand in one row.
        late = made["seen"]["stale acks refused"] if each["id"] == "frozen" else 0
        record(NAMES[each["id"]], trials=each["trials"], late=late, note=f"seed {made['seed']}")


def test_stores_are_made_where_the_user_says(home: Path, tmp_path: Path) -> None:
    ran = subprocess.run([*MODULE, "--trials", "6", "--seed", "3", "--store", str(tmp_path)], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b"seed 3" in ran.stdout
    assert list(tmp_path.iterdir()) == []
    assert not (home / ".sos" / "sos.db").exists()
    wrong = subprocess.run([*MODULE, "--store", str(tmp_path / "none")], capture_output=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"next: " in wrong.stderr


def living(group: int) -> list[str]:
    """What still runs of a process group: name and number of each process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            name, _, rest = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
            state, _, belongs = rest.split()[:3]
            if int(belongs) == group and state not in "ZX":
                found.append(f"{stat.parent.name}{name.partition('(')[2]}")
    return found


def test_ctrl_c_ends_it_with_the_table_of_what_was_done(tmp_path: Path) -> None:
    # Whatever runs in the background of a shell is told to ignore it, and hands that on.
    heeding = (
        "import signal, sys; from sos.testing.faults.__main__ import main;"
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", heeding, "--trials", "100000", "--json", "--store", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    ends = time.monotonic() + 30
    try:
        while not list(tmp_path.glob("*/store/sos.db.ballast")) and time.monotonic() < ends:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=30)
    finally:
        running.kill()
    assert (running.returncode, err) == (130, b"")
    made = json.loads(out)
    assert made["interrupted"] is True
    assert made["trials"] < 100_000
    assert list(tmp_path.iterdir()) == []
    ends = time.monotonic() + 10
    while left := living(running.pid):  # who is dead, and was not fetched yet by the process that inherited it, is no finding
        assert time.monotonic() < ends, left
        time.sleep(0.02)


def test_a_store_without_a_fence_check_is_found_and_kept(tmp_path: Path) -> None:
    defect = (
        "import sys; from sos.model import transitions as t; from sos.testing.faults.__main__ import main;"
        "real = t._ack; t._RULES[t.Ack] = lambda m, d, a: real(m, d, a.replace(fence=None)); sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", defect, "--trials", "60", "--seed", "5", "--store", str(tmp_path)]
    ran = subprocess.run(words, capture_output=True, check=False)
    assert ran.returncode == 1, ran
    assert b"acks of lost leases were accepted" in ran.stdout
    assert list(tmp_path.glob("sos-faults-*/broken-*/sos.db"))
