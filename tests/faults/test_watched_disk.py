"""The watchdog on a disk that really fills up: one alert for each edge, in the agent's hook too, and its ballast in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import tools

REPOSITORY = Path(__file__).parent.parent.parent
MOUNTED = 'mount -t tmpfs -o size=2000m,mode=700 none "$1" && exec "$2" -m tests.faults.watched_disk "$1"'
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


@pytest.mark.promise("DISK-001", "DISK-002", "DISK-003")
def test_a_disk_that_fills_up_rings_once_at_each_edge_and_leaves_room_for_help(tmp_path: Path) -> None:
    tools.find("unshare")
    if subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False, capture_output=True).returncode:
        tools.not_allowed("mount a small disk (tests/unit/test_disk.py has the levels without one)")
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", MOUNTED, "sh", str(tmp_path), sys.executable],
        cwd=REPOSITORY, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    steps: dict[str, Any] = json.loads(done.stdout)
    looks = {name: json.loads(steps[name]["out"]) for name in ("well", "warning", "still", "critical", "full", "again")}
    mine = {name: next(each for each in look["file_systems"] if each["id"] == str(tmp_path)) for name, look in looks.items()}
    assert {name: each["level"] for name, each in mine.items()} == {
        "well": "ok", "warning": "warning", "still": "warning", "critical": "critical", "full": "critical", "again": "ok"
    }  # fmt: skip
    rung = {name: [alert for alert in look["alerts"] if f"disk: {tmp_path} " in alert] for name, look in looks.items()}
    assert {name: len(alerts) for name, alerts in rung.items()} == {
        "well": 0, "warning": 1, "still": 0, "critical": 1, "full": 0, "again": 1
    }  # fmt: skip
    assert [steps[name]["code"] for name in ("warning", "still", "critical", "full")] == [1, 1, 1, 1]

    # Each agent is told at its next prompt, once.
    for name, told in (("warning", steps["warned"]), ("critical", steps["rung"])):
        assert rung[name][0] in told[0]
        assert told[1] is None
    assert rung["again"][0] in steps["over"]
    assert [line.partition(" ")[2] for line in steps["log"].splitlines() if str(tmp_path) in line][:3] == [
        rung["warning"][0], rung["critical"][0], rung["again"][0]
    ]  # fmt: skip

    # What is said at critical, and in which order.
    words = steps["words"]["out"].splitlines()
    assert words[0] == "Stop debugging the agent: free space first."
    assert next(line for line in words[1:] if line.startswith("critical ")).split()[1] == str(tmp_path)
    where = words.index(
        next(line for line in words if line.startswith(f"Where it went, of the places that SOS knows on {tmp_path}"))
    )
    assert words[where + 1].endswith(f"  {tmp_path}/big")
    assert any(line.startswith("To see more: du -x") for line in words[where + 1 :])

    # The ballast: there in good days, given up at critical, made again after the alarm only.
    assert [steps[name]["ballast"] for name in ("first", "well", "warning", "still", "critical", "full", "again", "later")] == [
        False, True, True, True, False, False, False, True
    ]  # fmt: skip
    assert steps["critical"]["free"] > 32 << 20
    assert "could not be written down" in steps["full"]["err"]

    # A write that finds no room makes the watchdog look at once.
    failure = steps["failure"]
    assert (failure["code"], failure["ballast"]) == (1, False)
    assert f"sos: disk: {tmp_path} is critical since " in failure["err"]
    elsewhere = steps["elsewhere"]
    assert (elsewhere["code"], elsewhere["out"][:16]) == (75, "queued, not sent")
    assert f"sos: disk: {tmp_path}/other is critical since " in elsewhere["err"]

    # Inodes count as bytes do; and where nothing can be written, no space is to be freed.
    words = steps["inodes"]["out"].splitlines()
    assert words[0] == "Stop debugging the agent: free space first."
    assert f"  950 inodes  {tmp_path}/few/many" in steps["inodes"]["out"]
    assert f"disk: {tmp_path}/few is critical since " in steps["inodes"]["err"]
    assert words[-1].startswith("To see more: du -x --inodes ")
    sealed = steps["sealed"]
    assert (sealed["code"], sealed["out"].splitlines()[0]) == (1, "Stop debugging the agent: mend the disk first.")
    assert "it is mounted read-only: nothing can be written. Stop debugging, mend the disk first" in sealed["err"]
    assert "this look could not be written down" in sealed["err"]
