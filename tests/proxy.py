"""A proxy between a client and a server, for what networks do: a request or reply that is lost, part of one, silence, a reset."""

from __future__ import annotations

import socket
import threading
from typing import Literal

Fault = Literal["none", "lost request", "lost reply", "half reply", "silence", "garbage"]


class Proxy:
    """Listens on a port of its own. `fault` strikes the next request that holds `word`, `times` times, after `skip` of them.

    `upstream`: a server's socket, or its host and port. `part`: how much of a half reply comes through, as a share of it.
    """

    def __init__(self, upstream: str | tuple[str, int]) -> None:
        self._upstream = upstream
        self._parted = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.fault: Fault = "none"
        self.word = b"EVALSHA"
        self.times = 0
        self.skip = 0
        self.part = 0.5
        self.struck = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return int(self._listener.getsockname()[1])

    def url(self, database: int) -> str:
        """The same, for a client of Redis."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def part_them(self, *, parted: bool) -> None:
        """Cut all connections, and refuse new ones until the two are together again."""
        self._parted = parted
        if parted:
            for each in self._held:
                _shut(each)

    def strike(self, fault: Fault, times: int = 1, word: bytes = b"EVALSHA", skip: int = 0, part: float = 0.5) -> None:
        """Arm the proxy."""
        self.fault, self.times, self.word, self.skip, self.part, self.struck = fault, times, word, skip, part, 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(client)  # before the look: whoever parts them meets this one there, or it sees that they are parted
            if self._parted:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX if isinstance(self._upstream, str) else socket.AF_INET)
            server.connect(self._upstream)
            self._held.append(server)
            way = _Way(self, client, server)
            threading.Thread(target=way.up, daemon=True).start()
            threading.Thread(target=way.down, daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        self._listener.close()
        for each in self._held:
            each.close()


class _Way:
    """One connection, both ways."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._hit = False

    def up(self) -> None:
        try:
            while request := self._client.recv(1 << 20):
                if self._proxy.times > 0 and self._proxy.word in request and not self._hit:
                    if self._proxy.skip:
                        self._proxy.skip -= 1
                    else:
                        self._proxy.times -= 1
                        self._hit = True
                        if self._proxy.fault == "lost request":
                            self._proxy.struck += 1
                            break
                self._server.sendall(request)
        except OSError:
            pass
        self._end()

    def down(self) -> None:
        try:
            while reply := self._server.recv(1 << 20):
                if not self._hit:
                    self._client.sendall(reply)
                    continue
                self._proxy.struck += 1
                if self._proxy.fault == "silence":
                    continue  # for as long as this connection lives
                if self._proxy.fault != "lost reply":
                    part = reply[: int(len(reply) * self._proxy.part)]
                    self._client.sendall(part if self._proxy.fault == "half reply" else b"?\xff nonsense\r\n")
                break
        except OSError:
            pass
        self._end()

    def _end(self) -> None:
        for each in (self._client, self._server):
            _shut(each)


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other end has gone already
