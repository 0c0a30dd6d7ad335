"""The SDK: from a send to a handler in another idle process, messages handled a second, and what an idle agent takes."""

from __future__ import annotations

import subprocess
import sys
import time

from bench._measure import Place, cpu_seconds, parcel, place, private_bytes, quantile, say
from sos.model.names import Slug
from sos.model.times import MINUTE, Millis
from sos.model.transitions import Ack

ROUNDS = 300
MANY = 6000
SENDERS = 8
"""Of one sender the messages are handled one after the other."""
IDLE_SECONDS = 20
WORKER = """
import sys, time
from sos.sdk import Agent

agent = Agent(name="bb", concurrency=8)

@agent.on_message
def handle(message):
    if message.text != "quick":
        print(message.id, time.monotonic(), flush=True)

agent.start()
"""


def main() -> None:
    """Measure."""
    with place() as made:
        store = made.store()
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=made.environment, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        late: list[float] = []
        for _ in range(ROUNDS):
            time.sleep(0.02)
            sent = store.mail.post([parcel()])[0].message
            committed = time.monotonic()
            identifier, at = worker.stdout.readline().split()
            if identifier != sent.id:
                raise SystemExit(f"the handler got {identifier} and not {sent.id}")
            late.append(float(at) - committed)
        say("send to an SDK handler, after the commit, p99 in ms", quantile(late[10:], 0.99), "1 ms", 1)
        print(f"  p50 {quantile(late[10:], 0.5):.2f} ms")
        time.sleep(1)
        before = cpu_seconds(worker.pid)
        time.sleep(IDLE_SECONDS)
        share = (cpu_seconds(worker.pid) - before) / IDLE_SECONDS * 100
        say("processor of an idle agent in %", share, "1 %", 0.2)
        say("memory of an idle agent in MB", private_bytes(worker.pid) / (1 << 20), "1 MB", 30)
        worker.terminate()
        worker.wait(20)
        ended, taken = handled(made), floor(made)
        say("messages handled a second by one process, in thousands", ended / 1000, "1,000", 3, at_least=True)
        print(f"  {ended / taken:.2f} of what one thread without the SDK takes and ends, one commit for each")


def handled(made: Place) -> float:
    """Messages that a process of the SDK handles a second, its start included."""
    store = made.store()
    store.mail.post([parcel(text="quick").replace(sender=f"s-{number % SENDERS}") for number in range(MANY)])
    begun = time.monotonic()
    busy = subprocess.Popen([sys.executable, "-c", WORKER], env=made.environment)
    while store.mail.count(Slug("bb"), "unread"):
        time.sleep(0.01)
    rate = MANY / (time.monotonic() - begun)
    busy.terminate()
    busy.wait(20)
    store.close()
    return rate


def floor(made: Place) -> float:
    """Messages that one thread takes and ends a second at the store itself: `SENDERS` in a lease, one after the other."""
    store, bb, count = made.store(), Slug("bb"), MANY // 4
    store.mail.post([parcel(text="quick").replace(sender=f"s-{number % SENDERS}") for number in range(count)])
    begun = time.monotonic()
    while entries := store.mail.lease(bb, "bench", SENDERS, Millis(now() + MINUTE), now(), []):
        for entry in entries:
            store.mail.conclude(bb, [(entry.message.seq, Ack(at=now(), body="bench", fence=entry.delivery.fence))], [])
    rate = count / (time.monotonic() - begun)
    store.close()
    return rate


def now() -> Millis:
    """By the system's clock."""
    return Millis(time.time_ns() // 1_000_000)


if __name__ == "__main__":
    main()
