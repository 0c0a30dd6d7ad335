"""HTTP/1.1 for one server: requests with one deadline each, over connections that stay open.

`http.client` costs a command three bare starts of Python, and its timeout counts for each read anew: a server that sends a byte a
second holds its caller for ever. What is here is the part of RFC 9112 that our own server and the proxies before it need.
Redirects are refused: they would carry a token elsewhere.
"""

from __future__ import annotations

import socket
import time
from _thread import allocate_lock

from sos.model.errors import InvalidInput
from sos.model.record import Record
from sos.model.redaction import redacted
from sos.remote.refusals import away

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_HEAD = 64 * 1024
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer: a page of whole messages is the largest."""
_PART = 64 * 1024
_STALE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)
_PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Answer(Record):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Closed(Exception):
    """The other side closed a connection before it answered anything."""


def quoted(text: str) -> str:
    """A text as part of a query (RFC 3986)."""
    return "".join(letter if letter in _PLAIN else "".join(f"%{byte:02X}" for byte in letter.encode()) for letter in text)


class Server:
    """One server by its URL. Threads may share it. Raises InvalidInput for what is no URL of a server."""

    def __init__(self, url: str) -> None:
        scheme, found, rest = url.partition("://")
        authority, _, path = rest.partition("/")
        self.url = redacted(url)
        self._tls = scheme == "https"
        host, port = _place(authority, 443 if self._tls else 80)
        if not found or scheme not in {"http", "https"} or not host or "@" in authority or "?" in rest or "#" in rest:
            raise InvalidInput(f"{self.url} is not the URL of a server", next_step="write it like https://sos.example.org")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidInput("the URL of a server is printable ASCII", next_step="write it like https://sos.example.org")
        self._place = (host, port)
        self._authority = authority
        self._prefix = f"/{path}".rstrip("/")
        self._lock = allocate_lock()
        self._idle: list[_Line] = []
        self._keeps = True

    def request(self, verb: str, target: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """One request; `seconds` for all of it. Raises StoreUnreachable: what a request changed is not known then.

        Where a connection that was open before turns out to be closed, the request is made once more: each of ours may be made
        twice.
        """
        ends = time.monotonic() + seconds
        lines = [f"{verb} {self._prefix}{target} HTTP/1.1", f"Host: {self._authority}", *map(": ".join, headers.items())]
        if body or verb == "POST":
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join([*lines, "", ""]).encode("ascii") + body
        try:
            with self._lock:
                line = self._idle.pop() if self._idle else None
            if line is not None:
                try:
                    return self._exchange(line, data, ends)
                except (Closed, *_STALE):
                    pass
            return self._exchange(_Line(self._place, ends, tls=self._tls), data, ends)
        except TimeoutError:
            raise away(self.url, f"did not answer within {seconds:g} s") from None
        except Closed:
            raise away(self.url, "closed the connection without an answer") from None
        except OSError as error:
            raise away(self.url, f"cannot be reached: {error.strerror or error}") from error
        except (ValueError, IndexError) as error:
            raise away(self.url, f"does not speak HTTP: {error}") from error

    def _exchange(self, line: _Line, data: bytes, ends: float) -> Answer:
        try:
            line.send(data, ends)
            answer, reusable = line.answer(ends)
        except BaseException:
            line.close()
            raise
        with self._lock:
            kept = reusable and self._keeps
            if kept:
                self._idle.append(line)
        if not kept:
            line.close()
        return answer

    def close(self) -> None:
        """Close what is idle, and keep nothing open from now on."""
        with self._lock:
            lines, self._idle, self._keeps = self._idle, [], False
        for line in lines:
            line.close()


class _Line:
    """One connection and what was read ahead of it."""

    def __init__(self, place: tuple[str, int], ends: float, *, tls: bool) -> None:
        self._socket: socket.socket = socket.create_connection(place, timeout=_left(ends))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ahead = b""
        if tls:
            import ssl  # 20 ms that plain HTTP does without

            self._socket.settimeout(_left(ends))
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=place[0])

    def send(self, data: bytes, ends: float) -> None:
        self._socket.settimeout(_left(ends))
        self._socket.sendall(data)

    def answer(self, ends: float) -> tuple[Answer, bool]:
        """The answer, and whether another request may follow it."""
        while True:
            head = self._until(b"\r\n\r\n", ends).decode("latin-1").split("\r\n")
            version, status, *_ = head[0].split(" ", 2)
            if version not in {"HTTP/1.1", "HTTP/1.0"} or not (status.isdigit() and len(status) == 3):
                raise ValueError(f"it begins with {head[0][:40]!a}")
            if not status.startswith("1"):  # a proxy may say 100 or 103 first
                break
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body, framed = self._body(int(status), headers, ends)
        reusable = framed and version == "HTTP/1.1" and headers.get("connection", "").lower() != "close" and not self._ahead
        return Answer(status=int(status), headers=headers, body=body), reusable

    def _body(self, status: int, headers: dict[str, str], ends: float) -> tuple[bytes, bool]:
        if status in {204, 304}:
            return b"", True
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks(ends), True
        if "content-length" in headers:
            return self._exactly(_length(headers["content-length"], 10), ends), True
        parts = [self._ahead]
        while part := self._receive(ends):
            parts.append(part)
            _length(str(sum(map(len, parts))), 10)
        self._ahead = b""
        return b"".join(parts), False

    def _chunks(self, ends: float) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            size = _length(self._until(b"\r\n", ends).decode("latin-1").partition(";")[0].strip(), 16)
            total += size
            if total > MAX_ANSWER:
                raise ValueError("its answer is too long")
            if size == 0:
                while self._until(b"\r\n", ends):  # trailers end with an empty line
                    pass
                return b"".join(parts)
            parts.append(self._exactly(size, ends))
            if self._exactly(2, ends) != b"\r\n":
                raise ValueError("a chunk is longer than it says")

    def _until(self, mark: bytes, ends: float) -> bytes:
        while (place := self._ahead.find(mark)) < 0:
            if len(self._ahead) > MAX_HEAD:
                raise ValueError("its head is too long")
            part = self._receive(ends)
            if not part and not self._ahead:
                raise Closed
            if not part:
                raise ValueError("its answer is cut off")
            self._ahead += part
        found, self._ahead = self._ahead[:place], self._ahead[place + len(mark) :]
        return found

    def _exactly(self, size: int, ends: float) -> bytes:
        parts, missing = [self._ahead[:size]], size - len(self._ahead)
        self._ahead = self._ahead[size:]
        while missing > 0:
            part = self._receive(ends)
            if not part:
                raise ValueError("its answer is cut off")
            parts.append(part[:missing])
            self._ahead = part[missing:]
            missing -= len(part)
        return b"".join(parts)

    def _receive(self, ends: float) -> bytes:
        self._socket.settimeout(_left(ends))
        return self._socket.recv(_PART)

    def close(self) -> None:
        self._socket.close()


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _length(text: str, base: int) -> int:
    value = int(text, base) if text.isalnum() and text.isascii() else -1
    if not 0 <= value <= MAX_ANSWER:
        raise ValueError(f"its answer is said to have {text[:20]!a} bytes")
    return value


def _place(authority: str, usual: int) -> tuple[str, int]:
    host, found, port = authority.rpartition(":")
    if not found or authority.endswith("]"):
        return authority.strip("[]"), usual
    return host.strip("[]"), int(port) if port.isdigit() and port.isascii() and 0 < int(port) < 65536 else 0
