"""A proxy between a client and a server, for what networks do: a reply that is lost, half of one, silence, a reset."""

from __future__ import annotations

import socket
import threading
from typing import Literal

Fault = Literal["none", "lost reply", "half reply", "silence", "garbage"]


class Proxy:
    """Listens on a port of its own. `fault` strikes the next request that holds `word`, `times` times."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.fault: Fault = "none"
        self.word = b"EVALSHA"
        self.times = 0
        self.struck = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: int) -> str:
        """Where clients connect to."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/{database}"

    def strike(self, fault: Fault, times: int = 1, word: bytes = b"EVALSHA") -> None:
        """Arm the proxy."""
        self.fault, self.times, self.word, self.struck = fault, times, word, 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._upstream)
            self._held += [client, server]
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """One request and its reply at a time: our client never has two in flight on one connection."""
        try:
            while request := client.recv(1 << 20):
                hit = self.times > 0 and self.word in request
                server.sendall(request)
                reply = server.recv(1 << 20)
                if not hit:
                    client.sendall(reply)
                    continue
                self.times -= 1
                self.struck += 1
                if self.fault == "silence":
                    continue
                if self.fault != "lost reply":
                    client.sendall(reply[: len(reply) // 2] if self.fault == "half reply" else b"?\xff nonsense\r\n")
                break
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def close(self) -> None:
        """Close everything."""
        self._listener.close()
        for each in self._held:
            each.close()
