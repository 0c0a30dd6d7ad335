"""On Redis: an inbox read, and the wake of a waiting reader in another process, at 100,000 agents against 10."""

from __future__ import annotations

import subprocess
import sys
import time

from bench._measure import in_turn, parcel, quantile, say
from bench._redis import Place, place, populate
from sos.model.names import Slug
from sos.model.transitions import Ack
from sos.stores.redis.store import RedisStore

FEW, MANY = 10, 100_000
READ, WOKEN = Slug("a-0"), Slug("a-1")
READER = """
import sys, time
from sos.model.names import Slug
from sos.stores.redis.store import RedisStore
store = RedisStore(sys.argv[1])
print("ready", flush=True)
while True:
    if store.wait(Slug(sys.argv[2]), 60) and store.mail.entries(Slug(sys.argv[2]), "unread", 10):
        print(time.monotonic(), flush=True)
        sys.stdin.readline()  # until it is acked: a wait ends at once while something is unread
"""


class Ground:
    """A database with so many agents: one has ten messages, another waits in a process of its own."""

    def __init__(self, made: Place, database: int, agents: int) -> None:
        self.store: RedisStore = made.store(database)
        populate(self.store, agents)
        self.store.mail.post([parcel(READ) for _ in range(10)])
        words = [sys.executable, "-c", READER, f"unix://{made.socket}?db={database}", WOKEN]
        self.reader = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()

    def _line(self) -> str:
        assert self.reader.stdout is not None
        return self.reader.stdout.readline()

    def read(self) -> None:
        """What a hook asks first."""
        if len(self.store.mail.entries(READ, "due", 64)) != 10:
            raise SystemExit("ten messages were sent")

    def wake(self) -> float:
        """Seconds from the end of a send to the reader with the message in its hands."""
        time.sleep(0.01)  # the reader sleeps by then
        sent = self.store.mail.post([parcel(WOKEN)])[0].message
        committed = time.monotonic()
        taken = float(self._line()) - committed
        self.store.mail.apply(WOKEN, [(sent.seq, Ack(at=sent.sent_at))])
        assert self.reader.stdin is not None
        self.reader.stdin.write("\n")
        self.reader.stdin.flush()
        return taken

    def close(self) -> None:
        """End the reader."""
        self.reader.kill()
        self.reader.wait()
        self.store.close()


def main() -> None:
    """Measure, one and the other in turn."""
    with place("--appendonly", "no") as made:
        few, many = Ground(made, 0, FEW), Ground(made, 1, MANY)
        alone, beside = in_turn(2000, few.read, many.read)
        say(f"inbox read at {MANY:,} agents", quantile(beside, 0.5) / quantile(alone, 0.5), f"at {FEW}", 1.2)
        waked = [(few.wake(), many.wake()) for _ in range(300)]
        near, far = ([seconds for seconds, _ in waked], [seconds for _, seconds in waked])
        say(f"wake at {MANY:,} agents", quantile(far, 0.5) / quantile(near, 0.5), f"at {FEW}", 1.2)
        print(f"  read {quantile(alone, 0.5):.3f} and {quantile(beside, 0.5):.3f} ms, wake {quantile(near, 0.5):.3f} and"
              f" {quantile(far, 0.5):.3f} ms after the receipt")  # fmt: skip
        few.close()
        many.close()


if __name__ == "__main__":
    main()
