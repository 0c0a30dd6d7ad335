"""64 writer processes on one store: the slowest against the mean, and the slowest sends."""

from __future__ import annotations

import json
import subprocess
import sys

from bench._measure import place, quantile, say

SECONDS = 5
EDGE = 0.5
"""Seconds at both ends that are not counted: there 64 interpreters on a few cores meet their first send, or their end."""
WRITER = f"""
import json, sys, time
from bench._measure import parcel
from sos.stores.sqlite.store import SqliteStore
store = SqliteStore(sys.argv[1] + "/sos.db", sys.argv[1] + "/run", lock_seconds=30)
print("ready", flush=True)
sys.stdin.readline()
times, first, now = [], time.monotonic() + {EDGE}, 0
while now < first + {SECONDS + EDGE}:
    made, begun = parcel(to=sys.argv[2]), time.monotonic()
    store.mail.post([made])
    now = time.monotonic()
    if first <= begun < first + {SECONDS}:
        times.append(now - begun)
print(json.dumps(times), flush=True)
"""


def main(count: int = 64) -> None:
    """Measure."""
    with place() as made:
        names = [f"agent-{number}" for number in range(count)]
        for name in names:
            made.sos("join", "--name", name, "--project", "demo")
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, made.root, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for name in names
        ]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        times = [json.loads(writer.communicate()[0]) for writer in writers]
        counts = [len(each) for each in times]
        every = [seconds for each in times for seconds in each]
        say(f"{count} writers, slowest", min(counts) / (sum(counts) / count), "the mean", 0.5, at_least=True)
        say(f"{count} writers, p99 in ms", quantile(every, 0.99), "1 ms", 150)
        print(f"  {sum(counts) / SECONDS:,.0f} sends per second in all, longest {quantile(every, 1):.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
