"""From a send to a handler that waits, through the server: two clients in processes of their own, one message at a time."""

from __future__ import annotations

import subprocess
import sys
import time

from bench._http import serving
from bench._measure import BODY, quantile, say
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.times import Millis
from sos.remote.connection import HttpConnection
from sos.wiring.local import SystemClock

ROUNDS = 300
READER = """
import sys, time
from sos.remote.connection import HttpConnection
from sos.wiring.local import SystemClock
connection = HttpConnection({"bus": sys.argv[1]}, {"bus": sys.stdin.readline().strip()}, SystemClock())
connection.count("unread")
print("ready", flush=True)
while True:
    if connection.wait(20):
        (entry,) = connection.read([])
        print(entry.message.id, time.monotonic(), flush=True)  # here a handler would begin
        connection.ack([entry.message.id])
        print("acked", flush=True)
"""


def main() -> None:
    """Measure."""
    with serving(2) as made:
        url = f"http://127.0.0.1:{made.port}"
        reader = subprocess.Popen([sys.executable, "-c", READER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(made.tokens["a-1"] + "\n")
        reader.stdin.flush()
        reader.stdout.readline()
        sender = HttpConnection({"bus": url}, {"bus": made.tokens["a-0"]}, SystemClock())
        whole: list[float] = []
        sends: list[float] = []
        for _ in range(ROUNDS):
            time.sleep(0.02)  # the reader is parked by then
            begun = time.monotonic()
            draft = Draft(id=new_id(Millis(time.time_ns() // 1_000_000)), to="a-1", text=BODY)
            sender.send(draft)
            sends.append(time.monotonic() - begun)
            identifier, at = reader.stdout.readline().split()
            if identifier != draft.id:
                raise SystemExit(f"the reader got {identifier} and not {draft.id}")
            whole.append(float(at) - begun)
            reader.stdout.readline()
        reader.kill()
        reader.wait()
        sender.close()
        say("send to handler through the server, p99 in ms", quantile(whole, 0.99), "1 ms", 10)
        print(f"  p50 {quantile(whole, 0.5):.2f} ms; the send itself p50 {quantile(sends, 0.5):.2f} ms (its receipt comes later)")


if __name__ == "__main__":
    main()
