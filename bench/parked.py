"""10,000 agents whose clients wait at one server process: memory, idle processor, one wake, and a broadcast to all of them."""

from __future__ import annotations

import asyncio
import json
import time

from bench._http import Serving, answer, serving
from bench._measure import BODY, quantile, say
from sos.model.ids import new_id
from sos.model.times import Millis

CLIENTS = 10_000
AT_ONCE = 200
"""Connections that are being made at the same time."""
IDLE_SECONDS = 20
WAKES = 200
SENDER = "a-0"


class Client:
    """One stream of events, and one connection to read the mail with."""

    def __init__(self, made: Serving, number: int) -> None:
        self.made = made
        self.agent = f"a-{number}"

    async def park(self) -> None:
        """Open the stream, and take its first event."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.made.port, limit=4096)
        self.writer.write(self.made.request("GET", "/v1/inbox/events", self.agent))
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise SystemExit(f"{self.agent}: {head!r}")
        await self.woken()

    async def woken(self) -> int:
        """Wait for the next event of mail; how many messages are unread."""
        while not (line := await self.reader.readline()).startswith(b"data: "):
            if not line:
                raise SystemExit(f"{self.agent}: the stream ended")
        return int(json.loads(line[6:])["unread"])


class Asking:
    """A connection that asks."""

    def __init__(self, made: Serving) -> None:
        self.made = made

    async def ask(self, verb: str, path: str, agent: str, body: object = None) -> object:
        """One request."""
        if not hasattr(self, "reader"):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.made.port, limit=1 << 20)
        self.writer.write(self.made.request(verb, path, agent, body))
        status, data = await answer(self.reader)
        if status != 200:
            raise SystemExit(f"{path}: {status} {data!r}")
        return json.loads(data)


def draft(to: str = "") -> dict[str, object]:
    """A message."""
    return {"draft": {"id": new_id(Millis(time.time_ns() // 1_000_000)), "to": to, "text": BODY}}


async def wakes(clients: list[Client], asking: Asking) -> list[float]:
    """Seconds from a send by one client to the event at another, one at a time, all others parked."""
    times = []
    for number in range(WAKES):
        client = clients[1 + number * 37 % (CLIENTS - 1)]
        begun = time.perf_counter()
        _, unread = await asyncio.gather(asking.ask("POST", "/v1/messages", SENDER, draft(client.agent)), client.woken())
        times.append(time.perf_counter() - begun)
        if unread < 1:
            raise SystemExit(f"{client.agent} was woken for nothing")
    return times


async def broadcast(clients: list[Client], made: Serving, asking: Asking) -> tuple[float, float]:
    """Seconds from a broadcast until all were woken, and until all have read it."""
    readers = [Asking(made) for _ in range(64)]
    for reader in readers:
        await reader.ask("GET", "/v1/me", SENDER)
    queue: asyncio.Queue[Client] = asyncio.Queue()
    woken_at: list[float] = []

    async def wait(client: Client) -> None:
        await client.woken()
        woken_at.append(time.perf_counter())
        queue.put_nowait(client)

    async def read(reader: Asking) -> None:
        while True:
            client = await queue.get()
            found = await reader.ask("GET", "/v1/inbox/messages", client.agent)
            if not isinstance(found, list) or found[-1]["message"]["text"] != BODY:
                raise SystemExit(f"{client.agent} read something else")
            queue.task_done()

    begun = time.perf_counter()
    tasks = [asyncio.create_task(read(reader)) for reader in readers]
    waits = [asyncio.create_task(wait(client)) for client in clients[1:]]
    body = draft()
    await asking.ask("POST", "/v1/broadcasts", SENDER, {**body, "squad": None})
    await asyncio.gather(*waits)
    await queue.join()
    ended = time.perf_counter()
    for task in tasks:
        task.cancel()
    return max(woken_at) - begun, ended - begun


async def measure(made: Serving) -> None:
    """All of it, on one set of parked clients."""
    asking = Asking(made)
    await asking.ask("GET", "/v1/me", SENDER)
    before = made.memory()
    clients = [Client(made, number) for number in range(CLIENTS)]
    for place in range(0, CLIENTS, AT_ONCE):
        await asyncio.gather(*(client.park() for client in clients[place : place + AT_ONCE]))
    each = (made.memory() - before) / CLIENTS / 1000
    say("memory of a parked client in kB", each, "1 kB", 20)
    await asyncio.sleep(2)
    busy, begun = made.processor(), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    share = (made.processor() - busy) / (time.perf_counter() - begun) * 100
    say(f"processor with {CLIENTS:,} parked clients in %", share, "1 %", 1)
    say("one wake, p99 in ms", quantile(await wakes(clients, asking), 0.99), "1 ms", 10)
    woken, read = await broadcast(clients, made, asking)
    say("a broadcast to all, woken and read, in s", read, "1 s", 2)
    print(f"  all woken after {woken:.2f} s; the server has {made.memory() / 1e6:.0f} MB")


def main() -> None:
    """Measure."""
    with serving(CLIENTS) as made:
        asyncio.run(measure(made))


if __name__ == "__main__":
    main()
