"""Shared: a world with agents, times of whole processes taken in turn, and one way to print a ratio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sos.model.addresses import inbox_address
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.parcels import Parcel
from sos.model.times import Millis
from sos.stores.sqlite.store import SqliteStore

SESSION = "5a12d4d5-0000-4000-8000-000000000001"
BODY = "x" * 228
"""The body that the storage and speed goals are about, in bytes."""


class Place:
    """A home with agents `aa` and `bb`, Claude Code connected for `bb`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.root = os.path.join(folder, ".sos")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SOS_", "CLAUDE"))}
        self.environment = {**kept, "HOME": folder, "CLAUDE_CODE_SESSION_ID": SESSION}

    def sos(self, *words: str) -> None:
        """Run a command in a terminal outside the session."""
        environment = {key: value for key, value in self.environment.items() if key != "CLAUDE_CODE_SESSION_ID"}
        subprocess.run([sys.executable, "-m", "sos", *words], env=environment, cwd=self.folder, check=True, capture_output=True)

    def hook(self, event: str, transcript: str = "") -> bytes:
        """Run the installed hook line once; what it printed."""
        told = {"session_id": SESSION, "hook_event_name": event, "cwd": self.folder, "transcript_path": transcript}
        done = subprocess.run(["/bin/sh", "-c", self.line(event)], env=self.environment, cwd=self.folder, check=True,
                              input=json.dumps(told).encode(), capture_output=True)  # fmt: skip
        return done.stdout

    def line(self, event: str) -> str:
        """The installed shell line of an event."""
        with open(os.path.join(self.folder, ".claude", "skills", "sos", "hooks", "hooks.json"), encoding="utf-8") as file:
            return str(json.load(file)["hooks"][event][0]["hooks"][0]["command"])

    def store(self) -> SqliteStore:
        """The store, opened in this process."""
        return SqliteStore(os.path.join(self.root, "sos.db"), os.path.join(self.root, "run"))


@contextmanager
def place() -> Iterator[Place]:
    """A fresh place, on the disk of the working directory: /tmp may be memory, and memory syncs for nothing."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=os.getcwd()) as folder:
        made = Place(folder)
        made.sos("join", "--name", "aa", "--project", "demo")
        made.sos("join", "--name", "bb", "--project", "demo")
        made.sos("connect", "claude", "--as", "bb", "--dir", folder)
        yield made


def parcel(to: str = "bb", text: str = BODY) -> Parcel:
    """A message from `aa`."""
    now = Millis(time.time_ns() // 1_000_000)
    draft = Draft(id=new_id(now), to=to, text=text)
    return Parcel(draft=draft, sender="aa", recipients=(to,), project="demo", address=inbox_address(Slug(to), "demo"),
                  assurance="same-user", sent_at=now)  # fmt: skip


def in_turn(rounds: int, *actions: Callable[[], object]) -> list[list[float]]:
    """Seconds of each action, taken in turn so that a drifting machine drifts for all of them. One warm-up each."""
    times: list[list[float]] = [[] for _ in actions]
    for number in range(rounds + 1):
        for place_, action in zip(times, actions, strict=True):
            begun = time.perf_counter()
            action()
            if number:
                place_.append(time.perf_counter() - begun)
    return times


def quantile(times: Sequence[float], part: float) -> float:
    """A quantile of some seconds, in milliseconds."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000


def fdatasync(folder: str, count: int) -> list[float]:
    """Seconds of `count` overwrites of 4 KiB with fdatasync: what this disk can do at best."""
    path = os.path.join(folder, "sync")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, 1 << 20)
    os.fsync(descriptor)
    times = []
    for number in range(count):
        begun = time.perf_counter()
        os.pwrite(descriptor, b"x" * 4096, number % 256 * 4096)
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - begun)
    os.close(descriptor)
    return times


def say(what: str, value: float, limit: str, goal: float, *, at_least: bool = False) -> None:
    """One line: the ratio, the limit it is a ratio to, and whether the goal is reached."""
    reached = value >= goal if at_least else value <= goal
    sign = "≥" if at_least else "≤"
    print(f"{what}: {value:.2f} × {limit}   goal {sign} {goal}   {'reached' if reached else 'MISSED'}", flush=True)


def private_bytes(process: int) -> int:
    """Memory that would be free without this process: what it shares with others is not counted (smaps_rollup, Linux)."""
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
        sizes = dict(line.split(":", 1) for line in file if ":" in line and line.startswith(("Private", "Pss")))
    return sum(int(sizes[key].split()[0]) for key in ("Private_Clean", "Private_Dirty")) * 1024


def cpu_seconds(process: int) -> float:
    """Processor time of a process so far."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
