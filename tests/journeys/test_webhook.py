"""The sentinel's webhook: off unless it is set, told what the operator is told and nothing more, and never led elsewhere."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sos.core.sentinel import Telling
from sos.model.errors import InvalidInput, StoreUnreachable
from sos.model.ids import new_id
from sos.model.times import MINUTE, Millis
from sos.wiring.webhook import Webhook
from tests.breakages.patient import Patient

TELLING = Telling(id=new_id(Millis(1)), way="webhook", to="operator", about="bb", at=Millis(1), text="bb hears nothing")


class Listener:
    """A service on this machine that answers as a test says, and keeps what came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, dict[str, str], Any]] = []
        self.status, self.location = 204, ""
        listener = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.came.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(listener.status)
                if listener.location:
                    self.send_header("Location", listener.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: what came is kept."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/told?by=sos"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.mark.promise("SENTINEL-006")
def test_what_the_operator_is_told_is_posted_once_and_again_where_it_failed(tmp_path: Path, listener: Listener) -> None:
    patient = Patient(tmp_path / "home")
    extra = {"SOS_WEBHOOK": listener.url, "SOS_WEBHOOK_PRIVATE": "yes"}
    patient.shell.extra.update(extra)
    try:
        patient.send(before=40 * MINUTE)
        (patient.root / "bin" / "sos-hook").write_text("#!/bin/sh\nexit 0\n")
        listener.status = 503
        rounds = [patient.shell.run("sentinel", "--once", "--json").json for _ in range(3)]
        assert [(each["way"], each["to"]) for each in rounds[2]["told"]] == [("message", "operator")]
        assert "answered 503" in rounds[2]["failures"][0]
        listener.status = 200
        (again,) = patient.shell.run("sentinel", "--once", "--json").json["told"]
        assert again["way"] == "webhook"
        assert patient.shell.run("sentinel", "--once", "--json").json["told"] == []
    finally:
        patient.close()
    assert len({said["id"] for _, _, said in listener.came}) == 1
    path, headers, said = listener.came[-1]
    assert (path, headers["Idempotency-Key"]) == ("/told?by=sos", said["id"])
    assert (said["agent"], sorted(said)) == ("bb", ["agent", "at", "id", "text"])
    assert said["text"].startswith("bb hears nothing: mail waits for it since ")


@pytest.mark.promise("SENTINEL-006")
@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "ftp://example.org/x", "https:///x", "https://a:b@example.org/", "https://example.org/\n", "x",
     "https://example.org:99999/"],
)  # fmt: skip
def test_what_is_no_url_of_a_service_with_tls_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="SOS_WEBHOOK"):
        Webhook(url, private=False)


def resolves(*places: str) -> Callable[..., list[Any]]:
    return lambda _host, port, **_more: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in places]


@pytest.mark.promise("SENTINEL-006")
@pytest.mark.parametrize(
    "place",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1",
     "fe80::1%1", "fd00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"],
)  # fmt: skip
def test_nothing_goes_to_an_address_that_is_not_public(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolves(place))
    monkeypatch.setattr(socket, "create_connection", lambda *_words, **_more: pytest.fail("it was spoken to"))
    with pytest.raises(StoreUnreachable, match="no public address"):
        Webhook("https://example.org/x", private=False).tell(TELLING)


@pytest.mark.promise("SENTINEL-006")
def test_the_metadata_of_a_cloud_is_out_of_reach_also_where_private_networks_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolves("169.254.169.254"))
    with pytest.raises(StoreUnreachable, match="no public address"):
        Webhook("http://example.org/x", private=True).tell(TELLING)


@pytest.mark.promise("SENTINEL-006")
def test_it_speaks_to_the_address_that_was_checked_and_asks_no_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[object] = []
    answers = iter([resolves("127.0.0.9", "93.184.216.34"), resolves("127.0.0.1")])

    def connect(place: object, **_more: object) -> None:
        spoken.append(place)
        raise ConnectionRefusedError("closed")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **more: next(answers)(*words, **more))
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(StoreUnreachable, match="does not answer"):
        Webhook("https://example.org/x", private=False).tell(TELLING)
    assert spoken == [("93.184.216.34", 443)]


@pytest.mark.promise("SENTINEL-006")
def test_a_redirect_is_not_followed(listener: Listener) -> None:
    listener.status, listener.location = 307, "http://127.0.0.1:1/elsewhere"
    with pytest.raises(StoreUnreachable, match="answered 307"):
        Webhook(listener.url, private=True).tell(TELLING)
    assert len(listener.came) == 1
