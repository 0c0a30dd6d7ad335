"""Shared by what measures the Redis store: a server of its own on the disk of the working directory, synced at each write."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from bench._measure import BODY
from sos.model.agents import Joining
from sos.model.names import Slug
from sos.model.times import Millis
from sos.stores.redis.store import RedisStore


class Place:
    """A running server."""

    def __init__(self, folder: str, *settings: str) -> None:
        self.socket = os.path.join(folder, "s")
        program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        if program is None:
            raise SystemExit("this measures against redis-benchmark, so it needs Debian's redis-tools")
        base = ["--port", "0", "--unixsocket", self.socket, "--dir", folder, "--save", "", *settings]
        self.process = subprocess.Popen(["redis-server", *base], executable=program, stdout=subprocess.DEVNULL)
        while not self._answers():
            time.sleep(0.01)

    def client(self, database: int = 0) -> redis.Redis:
        """A bare client, its retries as they come."""
        return redis.Redis(unix_socket_path=self.socket, db=database)

    def store(self, database: int) -> RedisStore:
        """A store in a database of its own."""
        return RedisStore(f"unix://{self.socket}?db={database}", create=True)

    def benchmark(self, requests: int) -> float:
        """XADD per second of `redis-benchmark -c 50 -P 1` with bodies as large as ours."""
        words = ["redis-benchmark", "-s", self.socket, "-n", str(requests), "-c", "50", "-P", "1", "-r", "1000", "--csv"]
        said = subprocess.run(
            [*words, "XADD", "plain:__rand_int__", "*", "text", BODY], capture_output=True, text=True, check=True
        )
        return float(said.stdout.strip().splitlines()[-1].split('","')[1])

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.ConnectionError:
            return False


@contextmanager
def place(*settings: str) -> Iterator[Place]:
    """A fresh server; /tmp may be memory, and memory syncs for nothing."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=os.getcwd()) as folder:
        made = Place(folder, *settings)
        try:
            yield made
        finally:
            made.process.kill()
            made.process.wait()


def populate(store: RedisStore, count: int) -> None:
    """`aa`, and agents `a-0`, `a-1`, …"""
    for slug in ("aa", *(f"a-{number}" for number in range(count))):
        joining = Joining(slug=Slug(slug), name=slug, role="executor", label="coder", project="demo")
        store.agents.enrol(joining, Millis(1_795_000_000_000))
