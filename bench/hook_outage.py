"""The hook while something is broken: how long its slowest run takes, and whether each run said so."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from bench._measure import Place, place, quantile, say

RUNS = 20
HOLDER = """
import sys
from sos.files import Lock
lock = Lock(sys.argv[1], 5)
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def stopped_holder(made: Place) -> Iterator[None]:
    """Another process took the lock of the store and was stopped."""
    lock = os.path.join(made.root, "sos.db.lock")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        holder.kill()
        holder.communicate()


@contextmanager
def store_gone(made: Place) -> Iterator[None]:
    """The store's file is away."""
    path = os.path.join(made.root, "sos.db")
    os.rename(path, path + ".away")
    try:
        yield
    finally:
        os.rename(path + ".away", path)


@contextmanager
def store_garbage(made: Place) -> Iterator[None]:
    """The store's file is something else."""
    path = os.path.join(made.root, "sos.db")
    kept = [name for name in os.listdir(made.root) if name.startswith("sos.db")]
    away = os.path.join(made.folder, "away")
    os.mkdir(away)
    for name in kept:
        shutil.move(os.path.join(made.root, name), away)
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(os.urandom(1 << 20))
    try:
        yield
    finally:
        for name in kept:
            shutil.move(os.path.join(away, name), os.path.join(made.root, name))
        os.rmdir(away)


OUTAGES: tuple[Callable[[Place], AbstractContextManager[None]], ...] = (stopped_holder, store_gone, store_garbage)


def main() -> None:
    """Measure each outage."""
    with place() as made:
        made.hook("SessionStart")
        for outage in OUTAGES:
            times, silent = [], 0
            with outage(made):
                for _ in range(RUNS):
                    begun = time.perf_counter()
                    printed = made.hook("UserPromptSubmit")
                    times.append(time.perf_counter() - begun)
                    silent += b"bus unreachable since" not in printed
            name = outage.__name__.replace("_", " ")
            say(f"hook, {name}: slowest in ms", quantile(times, 1), "1 ms", 400)
            say(f"hook, {name}: runs without a notice", silent, f"of {RUNS}", 0)


if __name__ == "__main__":
    main()
