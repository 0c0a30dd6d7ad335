"""No inodes, a read-only disk, no file descriptors: named errors, nothing half done, and all is well when the limit is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tools
from tests.faults.conftest import Recording
from tests.shell import Json, Shell

REPOSITORY = Path(__file__).parent.parent.parent
SESSION = "5a12d4d5-0000-4000-8000-000000000001"
MOUNTED = 'mount -t tmpfs -o size=24m,nr_inodes=$4,mode=700 none "$1" && exec "$2" -m tests.faults.small_limits "$1" "$3"'
INODES = {"inodes": "400", "readonly": "100000"}


def named(step: Json) -> bool:
    """An answer of ours: it worked, or it says what is wrong and what is next."""
    if "Traceback" in step["err"] or step["code"] not in {0, 1, 75}:
        return False
    made = json.loads(step["out"])
    return step["code"] == 0 or bool(made.get("error") and made.get("next")) or bool(made.get("queued")) or "steps" in made


@pytest.mark.promise("CLI-009", "GUIDE-003", "INBOX-001", "JOIN-002")
@pytest.mark.parametrize("limit", ["inodes", "readonly"])
def test_a_disk_at_its_limit_is_said_and_nothing_is_lost(tmp_path: Path, limit: str, record: Recording) -> None:
    if os.geteuid() != 0:
        tools.not_allowed(f"make a disk of its own ({limit}): that needs root")
    mount = [tools.find("unshare"), "-m", "mount", "-t", "tmpfs", "none", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        tools.not_allowed(f"mount a small disk ({limit})")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", MOUNTED, "sh", str(tmp_path), sys.executable, limit, INODES[limit]],
        cwd=REPOSITORY, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    steps: Json = json.loads(done.stdout)
    for name in ("send", "inbox", "ack", "join", "send again"):
        assert named(steps[name]), (name, steps[name])
    assert steps["guide"]["code"] == 0
    assert steps["hook"] is not None, "silence"
    assert all(identifier in steps["hook"] for identifier in steps["ids"]) or "bus unreachable since" in steps["hook"]
    assert all(step["ok"] for step in steps["join again"]["steps"])
    assert {"number 0", "number 1", "number 2", "after it"} <= set(steps["recent"])
    told = steps["send"]["code"] == 0 or json.loads(steps["send"]["out"]).get("queued")
    assert not told or steps["recent"].count("under the limit") == 1
    record(f"steps on a disk at its limit ({limit})", trials=6)


@pytest.mark.promise("CLI-009", "HOOK-001")
@pytest.mark.parametrize("descriptors", [5, 6, 7, 8, 10, 12])
def test_a_process_without_file_descriptors_says_so(home: Path, descriptors: int, record: Recording) -> None:
    shell = Shell(home)
    for name in ("aa", "bb"):
        shell.join(name)
    shell.connect("bb")
    shell.event("SessionStart", SESSION, source="startup")
    shell.json("send", "--as", "aa", "bb", "before")
    limited = ["sh", "-c", f'ulimit -n {descriptors}; exec "$0" -m sos "$@"', sys.executable]
    told = json.dumps({"session_id": SESSION, "hook_event_name": "UserPromptSubmit", "cwd": str(home)})
    for words in (["send", "--as", "aa", "--json", "bb", "hello"], ["inbox", "--as", "bb", "--json"]):
        ran = subprocess.run([*limited, *words], cwd=home, capture_output=True, check=False, text=True)
        assert named({"code": ran.returncode, "out": ran.stdout, "err": ran.stderr}), (words, ran)
    environment = {**os.environ, "CLAUDE_CODE_SESSION_ID": SESSION}
    words = [*limited, "hook", "claude", "UserPromptSubmit"]
    hook = subprocess.run(words, cwd=home, env=environment, input=told, capture_output=True, check=False, text=True)
    assert hook.returncode == 0, hook
    assert "a defect of SOS" not in hook.stdout, hook
    assert "| before" in hook.stdout or "bus unreachable since" in hook.stdout, hook
    record("commands and hooks without file descriptors", trials=3)
