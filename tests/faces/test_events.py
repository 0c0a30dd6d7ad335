"""Waiting by server-sent events: mail is told as it comes, and a stream ends with its token, its server or its client."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sos.core.access import CLOCK_SKEW
from sos.model.names import Slug
from sos.model.tokens import mint
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World
from tests.faces.served import Served, served

Told = tuple[str, dict[str, object]]


class Stream:
    """An open stream; `next` is the next event that it tells."""

    def __init__(self, server: Served, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self.connection.request("GET", "/v1/inbox/events", headers={"Authorization": f"Bearer {token}"})
        self.answer = self.connection.getresponse()

    def next(self) -> Told | None:
        event = ""
        while line := self.answer.readline().decode():
            if line.startswith("event: "):
                event = line[7:].strip()
            elif line.startswith("data: "):
                return event, json.loads(line[6:])
        return None


@contextmanager
def stream(server: Served, token: str) -> Iterator[Stream]:
    made = Stream(server, token)
    yield made
    made.connection.close()


@pytest.fixture
def server() -> Iterator[Served]:
    with served(World(MemoryStore())) as made:
        yield made


def parked(server: Served) -> float:
    lines = server.ask("GET", "/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.startswith("sos_parked_clients ")).split()[1])


def until(parked_clients: float, server: Served) -> None:
    ends = time.monotonic() + 10
    while parked(server) != parked_clients and time.monotonic() < ends:
        time.sleep(0.01)
    assert parked(server) == parked_clients


@pytest.mark.promise("SERVER-006")
def test_mail_is_told_at_once_and_as_it_comes_and_nothing_of_what_it_says(server: Served) -> None:
    server.world.send("secret words")
    with stream(server, server.token(slug="bb")) as made, stream(server, server.token(slug="aa")) as other:
        assert (made.answer.status, made.answer.headers["content-type"]) == (200, "text/event-stream")
        assert made.next() == ("mail", {"unread": 1})
        assert other.next() == ("mail", {"unread": 0})
        until(2, server)
        server.world.send("more")
        assert made.next() == ("mail", {"unread": 2})
        draft = {"id": "01a00000-0000-7000-8000-0000000000aa", "to": "bb", "text": "x"}
        answered = server.ask("POST", "/v1/messages", {"draft": draft}, token=server.token(slug="aa"))
        told = made.next()
        while told == ("mail", {"unread": 2}):  # a ring that came while it counted is looked into once more
            told = made.next()
        assert (answered.status, told) == (200, ("mail", {"unread": 3}))
    until(0, server)


@pytest.mark.promise("TOKEN-010", "TOKEN-009")
def test_a_stream_and_a_wait_of_a_revoked_token_end_within_a_second(server: Served) -> None:
    token, other = server.token(slug="bb"), server.token(slug="bb")
    answers: list[int] = []

    def waits() -> None:
        answers.append(server.ask("GET", "/v1/inbox/wait?seconds=20", token=token).status)
        answers.append(server.ask("GET", "/v1/inbox/wait?seconds=20", token=token).status)

    waiter = threading.Thread(target=waits)
    with stream(server, token) as revoked, stream(server, other) as kept:
        assert revoked.next() == kept.next() == ("mail", {"unread": 0})
        waiter.start()
        until(3, server)
        begun = time.monotonic()
        assert server.ask("POST", "/v1/tokens/revoke", {"key": token[8:18]}, token=server.token("registry", "bb")).json is True
        told = revoked.next()
        assert told is not None
        assert (told[0], told[1]["code"], revoked.next()) == ("end", "token_revoked", None)
        waiter.join(10)
        assert time.monotonic() - begun < 1
        assert answers == [200, 401]
        server.world.send("for the other")
        assert ("mail", {"unread": 1}) in (kept.next(), kept.next())


@pytest.mark.promise("TOKEN-010")
def test_a_stream_ends_when_its_token_expires(server: Served) -> None:
    token = mint("bus")
    store, now = server.world.store, server.world.clock.now()

    text = server.token(slug="bb")
    record = next(each for each in store.tokens.of(Slug("bb")) if each.key_id == text[8:18])
    store.tokens.add(record.replace(key_id=token.key_id, digest=token.digest, expires_at=now - CLOCK_SKEW + 200))
    with stream(server, token.text) as made:
        assert made.next() == ("mail", {"unread": 0})
        server.world.clock.tick(1000)
        told = made.next()
        assert told is not None
        assert (told[0], told[1]["code"]) == ("end", "token_expired")


@pytest.mark.promise("SERVER-006")
def test_a_stopping_server_says_so() -> None:
    with served(World(MemoryStore())) as server:
        made = Stream(server, server.token(slug="bb"))
        assert made.next() == ("mail", {"unread": 0})
    assert made.next() == ("end", {"code": "stopping", "next": "connect again"})
    made.connection.close()


@pytest.mark.promise("SERVER-006")
def test_what_opens_no_stream_is_refused(server: Served) -> None:
    assert server.ask("POST", "/v1/inbox/events", {}, token=server.token()).status == 405
    for token, status in ((None, 401), (server.token("squad"), 401), ("sos_bus_x", 401)):
        refused = server.ask("GET", "/v1/inbox/events", token=token)
        assert (refused.status, refused.headers["content-type"]) == (status, "application/problem+json")
    text = server.token()
    server.world.store.tokens.rescope(text[8:18], ("send:project",))
    assert server.ask("GET", "/v1/inbox/events", token=text).json["code"] == "scope_missing"
    assert parked(server) == 0
