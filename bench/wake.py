"""From a send to a waiting reader in another process: how much later than the commit the reader has the message in its hands."""

from __future__ import annotations

import subprocess
import sys
import time

from bench._measure import parcel, place, quantile, say
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.transitions import Ack

ROUNDS = 500
READER = """
import sys, time
from sos.model.names import Slug
from sos.stores.sqlite.store import SqliteStore
store, last = SqliteStore(sys.argv[1] + "/sos.db", sys.argv[1] + "/run"), 0
print("ready", flush=True)
while True:
    if store.wait(Slug("bb"), 60):
        found = [entry for entry in store.mail.entries(Slug("bb"), "unread", 10) if entry.message.seq > last]
        if found:
            last = found[-1].message.seq
            print(last, time.monotonic(), flush=True)
            sys.stdin.readline()  # until it is acked: a wait ends at once while something is unread
"""


def main() -> None:
    """Measure, one message at a time, the reader asleep."""
    with place() as made:
        store = made.store()
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, made.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdout.readline()
        after_commit: list[float] = []
        whole: list[float] = []
        for _ in range(ROUNDS):
            time.sleep(0.01)  # the reader sleeps by then
            begun = time.monotonic()
            sent = store.mail.post([parcel()])[0].message
            committed = time.monotonic()
            number, woken = reader.stdout.readline().split()
            if int(number) != sent.seq:
                raise SystemExit(f"the reader got {number} and not {sent.seq}")
            after_commit.append(float(woken) - committed)
            whole.append(float(woken) - begun)
            store.mail.apply(Slug("bb"), [(sent.seq, Ack(at=Millis(sent.sent_at)))])
            reader.stdin.write("\n")
            reader.stdin.flush()
        reader.kill()
        reader.wait()
        say("send to a waiting reader, after the commit, p99 in ms", quantile(after_commit, 0.99), "1 ms", 1)
        print(f"  from before the commit: p50 {quantile(whole, 0.5):.2f} ms, p99 {quantile(whole, 0.99):.2f} ms")


if __name__ == "__main__":
    main()
