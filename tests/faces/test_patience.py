"""Clients that send slowly, or without end, are let go; those that wait are not."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from sos.server import patience
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World
from tests.faces.served import Served, served

pytestmark = pytest.mark.promise("SERVER-014")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.5)
    with served(World(MemoryStore())) as made:
        yield made


def all_of(line: socket.socket) -> bytes:
    found = b""
    try:
        while part := line.recv(65536):
            found += part
    except ConnectionError:
        pass
    return found


def head(token: str, length: int) -> bytes:
    return (
        f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_a_head_that_never_ends_is_not_waited_for(server: Served, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(sent)
        answer = all_of(line)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_slow"


def drip(line: socket.socket, seconds: float) -> None:
    """Send a byte now and then."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        line.sendall(b"a")
        time.sleep(0.05)


def test_a_head_that_comes_byte_by_byte_ends_at_the_same_time(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        with pytest.raises(ConnectionError):
            drip(line, 10)


def test_a_body_that_never_ends_is_not_waited_for_and_stores_nothing(server: Served) -> None:
    token = server.token()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(head(token, 1000) + b'{"draft": {')
        assert b" 408 " in all_of(line)[:20]
    assert server.world.texts() == []
    assert server.ask("GET", "/v1/me", token=token).status == 200


def flood(line: socket.socket) -> None:
    """Five megabytes of headers."""
    for number in range(5_000):
        line.sendall(f"X-{number}: {'a' * 1000}\r\n".encode())


def test_a_head_without_end_is_refused_before_it_fills_the_memory(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        with pytest.raises(ConnectionError):
            flood(line)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(b"GET /" + b"a" * 100_000)
        assert all_of(line).startswith(b"HTTP/1.1 431 ")


def test_who_waits_for_an_answer_is_left_in_peace(server: Served) -> None:
    token = server.token(slug="bb")
    begun = time.monotonic()
    assert server.ask("GET", "/v1/inbox/wait?seconds=1.5", token=token).json is False
    assert time.monotonic() - begun > 1.4
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        asked = f"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for _ in range(3):
            line.sendall(asked)
            assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.8)  # between two requests of one connection
