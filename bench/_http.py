"""Shared: a server process with agents that hold tokens, and a load of keep-alive connections."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench._measure import cpu_seconds
from sos.core.access import record_of
from sos.model.agents import Joining
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.tokens import mint
from sos.stores.sqlite.store import SqliteStore


class Serving:
    """A server, the store that it serves, and the bus tokens of its agents."""

    def __init__(self, folder: str, store: SqliteStore, environment: dict[str, str], agents: int) -> None:
        now = Millis(time.time_ns() // 1_000_000)
        self.tokens: dict[str, str] = {}
        with store._database.write():  # noqa: SLF001  # thousands of agents, as one transaction
            for number in range(agents):
                joining = Joining(slug=Slug(f"a-{number}"), name=f"a-{number}", role="executor", label="x", project="demo")
                agent = store.agents.enrol(joining, now).agent
                token = mint("bus")
                store.tokens.add(record_of(token, agent.slug, agent.project, now))
                self.tokens[agent.slug] = token.text
        store.close()
        command = [sys.executable, "-m", "sos", "serve", "--json", "--port", "0"]
        begun = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        self.port = int(json.loads(self.process.stdout.readline())["url"].rpartition(":")[2])
        #: Seconds from the start to the first connection taken.
        self.start = time.perf_counter() - begun

    def memory(self) -> int:
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor(self) -> float:
        """Seconds of processor time so far."""
        return cpu_seconds(self.process.pid)

    def request(self, verb: str, path: str, agent: str, body: object = None) -> bytes:
        """A request as it goes over the wire."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.tokens[agent]}\r\n"
        kind = "Content-Type: application/json\r\n" if data else ""
        return f"{head}{kind}Content-Length: {len(data)}\r\n\r\n".encode() + data


@contextmanager
def serving(agents: int) -> Iterator[Serving]:
    """A server over SQLite, on the disk of the working directory."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=os.getcwd()) as folder:
        root = os.path.join(folder, ".sos")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SOS_", "CLAUDE"))}
        environment = {**kept, "HOME": folder, "SOS_HOME": root, "SOS_RATE": "0"}
        subprocess.run([sys.executable, "-m", "sos", "inbox"], env=environment, cwd=folder, check=True, capture_output=True)
        made = Serving(folder, SqliteStore(os.path.join(root, "sos.db"), os.path.join(root, "run")), environment, agents)
        try:
            yield made
        finally:
            made.process.terminate()
            made.process.wait(30)
            assert made.process.stdout is not None
            made.process.stdout.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer with a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(head[9:12]), await reader.readexactly(int(length.partition(b":")[2]))


async def load(port: int, clients: int, each: int, make: Callable[[int, int], bytes]) -> tuple[float, list[float]]:
    """`clients` connections that ask `each` times: requests per second, and the time of each. `make`: client, place → request."""
    times: list[float] = []

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place in range(each):
            data = make(number, place)
            begun = time.perf_counter()
            writer.write(data)
            status, body = await answer(reader)
            times.append(time.perf_counter() - begun)
            if status != 200:
                raise SystemExit(f"{status}: {body!r}")
        writer.close()
        await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return clients * each / (time.perf_counter() - begun), times
