"""Durable sends over HTTP by 64 clients over SQLite, against the same server's no-op."""

from __future__ import annotations

import asyncio
import time

from bench._http import load, serving
from bench._measure import BODY, quantile, say
from sos.model.ids import new_id
from sos.model.times import Millis

CLIENTS = 64
EACH = 100
ROUNDS = 5


def main() -> None:
    """Five rounds, each way in turn; the medians are compared."""
    with serving(CLIENTS) as made:

        def send(client: int, _: int) -> bytes:
            draft = {"id": new_id(Millis(time.time_ns() // 1_000_000)), "to": f"a-{(client + 1) % CLIENTS}", "text": BODY}
            return made.request("POST", "/v1/messages", f"a-{client}", {"draft": draft})

        def nothing(client: int, _: int) -> bytes:
            return made.request("GET", "/healthz", f"a-{client}")

        sends, nothings, times = [], [], []
        for _ in range(ROUNDS):
            nothings.append(asyncio.run(load(made.port, CLIENTS, EACH, nothing))[0])
            rate, took = asyncio.run(load(made.port, CLIENTS, EACH, send))
            sends.append(rate)
            times += took
        middle, floor = sorted(sends)[ROUNDS // 2], sorted(nothings)[ROUNDS // 2]
        say("durable sends, 64 clients, SQLite", middle / floor, "the same server's no-op", 0.40, at_least=True)
        print(f"  {middle:,.0f} sends per second (goal: 5,000 reported), no-op {floor:,.0f}, p99 {quantile(times, 0.99):.1f} ms")
        print(f"  ready after {made.start:.2f} s (goal 1.5), {made.memory() / 1e6:.0f} MB (goal 120)")


if __name__ == "__main__":
    main()
