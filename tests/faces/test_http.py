"""What HTTP itself refuses, and how: problems with our codes, foreign hosts, limits, and what a server says of itself."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from sos.model.errors import RateLimited, StoreUnreachable
from sos.model.operations import MAX_BODY, OPERATIONS
from sos.model.tokens import SERVICES, mint
from sos.remote.connection import HttpConnection
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World
from tests.faces.served import Answer, Served, served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.tokens import Service


@pytest.fixture
def server() -> Iterator[Served]:
    with served(World(MemoryStore())) as made:
        yield made


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer
    problem = answer.json
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert problem["detail"]
    assert problem["next"]


@pytest.mark.promise("SERVER-004")
def test_a_refusal_is_a_problem_with_a_code_and_the_next_step(server: Served) -> None:
    token = server.token()
    ask = server.ask
    refused(ask("GET", "/v1/nothing", token=token), 404, "unknown_route")
    refused(ask("DELETE", "/v1/messages", token=token), 405, "method_not_allowed")
    refused(ask("GET", "/v1/messages", token=token), 405, "method_not_allowed")
    refused(ask("POST", "/v1/messages", b"{}", token=token, Content_Type="text/plain"), 415, "wrong_content_type")
    refused(ask("POST", "/v1/messages", b"{", token=token), 400, "unreadable_json")
    refused(ask("POST", "/v1/messages", b'{"draft": 1, "draft": 2}', token=token), 400, "unreadable_json")
    refused(ask("POST", "/v1/messages", b"[" * 100_000, token=token), 400, "unreadable_json")
    refused(ask("POST", "/v1/messages", [], token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/messages", {"draft": {}}, token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/messages", {"draft": {"id": "x", "to": "bb", "text": "x"}}, token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/inbox/ack", {"ids": [1]}, token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/inbox/ack", {"ids": [], "more": 1}, token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/inbox/shown", {"shown": [2**70], "damaged": []}, token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/inbox/ack", b'{"ids": ["\\ud800"]}', token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox?view=all&limit=1", token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox?view=unread&limit=0", token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox?view=unread&limit=1&limit=2", token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox?view=unread", token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox?%ff", token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox/wait?seconds=3600", token=token), 422, "invalid_input")
    refused(ask("GET", "/v1/inbox/wait?seconds=NaN", token=token), 422, "invalid_input")
    refused(ask("POST", "/v1/messages", b"x" * (MAX_BODY + 1), token=token), 413, "body_too_long")
    text = {"id": "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693", "to": "bb", "text": "x" * 70_000}
    refused(ask("POST", "/v1/messages", {"draft": text}, token=token), 413, "text_too_long")


@pytest.mark.promise("TOKEN-004", "SERVER-008")
def test_every_route_asks_for_its_own_services_token_on_loopback_too(server: Served) -> None:
    kinds: list[Service] = ["bus", "registry", "squad", "admin"]
    tokens = {service: server.token(service, "operator" if service == "admin" else "aa") for service in kinds}
    for operation in OPERATIONS:
        body: dict[str, object] | None = {} if operation.verb == "POST" else None
        needed = {name: "x" for name in operation.arguments if name not in operation.defaults}
        # The arguments are read first: what is no request of ours is refused before the store is asked for a token.
        for service, token in tokens.items():
            if service == operation.service:
                continue
            answer = server.ask(operation.verb, operation.path, body, token=token)
            if not needed:
                refused(answer, 401, "token_wrong_kind")
            assert answer.status in {401, 422}
    for path in ("/v1/me", "/v1/peers", "/v1/skills"):
        refused(server.ask("GET", path), 401, "token_refused")
        refused(server.ask("GET", path, token="garbage"), 401, "token_damaged")
        refused(server.ask("GET", path, Authorization="Basic eDp4"), 401, "token_refused")
    refused(server.ask("GET", "/v1/me", token=mint(SERVICES["bus"]).text), 401, "token_refused")
    assert server.ask("GET", "/v1/me").headers["www-authenticate"] == 'Bearer realm="sos"'


@pytest.mark.promise("SERVER-008")
def test_a_page_of_another_host_asks_nothing(server: Served) -> None:
    token = server.token()
    assert server.ask("GET", "/v1/me", token=token).status == 200
    for host in ("evil.example", "evil.example:7690", "127.0.0.1.evil.example", "", "[::1].evil"):
        refused(server.ask("GET", "/v1/me", token=token, Host=host), 421, "wrong_host")
        refused(server.ask("GET", "/healthz", Host=host), 421, "wrong_host")
    for origin in ("http://evil.example", "null", "https://localhost.evil.example"):
        refused(server.ask("GET", "/v1/me", token=token, Origin=origin), 403, "wrong_origin")
    answer = server.ask("GET", "/v1/me", token=token, Origin=f"http://localhost:{server.port}", Host="localhost")
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_head_that_is_too_long_is_refused(server: Served) -> None:
    refused(server.ask("GET", "/healthz", X="y" * 40_000), 431, "head_too_long")


@pytest.mark.promise("SERVER-007")
def test_a_server_says_how_it_is(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.ask("GET", "/healthz").status == 200
    ready = server.ask("GET", "/readyz")
    assert (ready.status, ready.json["durability"]) == (200, "memory")
    server.ask("GET", "/v1/me", token=server.token())
    server.ask("GET", "/v1/nothing")
    metrics = server.ask("GET", "/metrics").body.decode()
    assert 'sos_requests_total{operation="myself",status="200"} 1.0' in metrics
    assert 'sos_requests_total{operation="unknown",status="404"} 1.0' in metrics
    assert "sos_parked_clients 0.0" in metrics

    def away() -> int:
        raise StoreUnreachable("the store is away")

    monkeypatch.setattr(server.world.store.mail, "head", away)
    ready = server.ask("GET", "/readyz")
    assert (ready.status, ready.json["code"]) == (503, "store_unreachable")
    assert server.ask("GET", "/healthz").status == 200
    answer = server.ask("GET", "/v1/me", token=server.token())
    refused(answer, 503, "store_unreachable")
    assert answer.headers["retry-after"] == "1"


def test_a_defect_is_a_problem_and_stands_in_the_log_without_ending_the_server(
    server: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    token = server.token()
    monkeypatch.setattr(server.world.store.mail, "head", lambda: 1 // 0)
    answer = server.ask("GET", "/v1/me", token=token, X_Request_Id="abc-1")
    refused(answer, 500, "defect")
    assert (answer.json["request"], answer.headers["x-request-id"]) == ("abc-1", "abc-1")
    assert server.ask("GET", "/healthz").status == 200
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (defect,) = [line for line in logged if line["event"] == "defect"]
    assert defect["request"] == "abc-1"
    assert "ZeroDivisionError" in defect["trace"]
    assert token not in json.dumps(logged)


@pytest.mark.promise("SERVER-001")
def test_a_process_of_one_service_has_no_other_routes() -> None:
    with served(World(MemoryStore()), ["bus"]) as server:
        assert server.ask("GET", "/v1/me", token=server.token()).status == 200
        refused(server.ask("GET", "/v1/peers", token=server.token("registry")), 404, "unknown_route")
        assert {tag for path in server.ask("GET", "/openapi.json").json["paths"].values() for each in path.values()
                for tag in each["tags"]} == {"bus"}  # fmt: skip


@pytest.mark.promise("TOKEN-009")
def test_a_revoked_token_opens_nothing_at_the_next_request(server: Served) -> None:
    token = server.token()
    assert server.ask("GET", "/v1/me", token=token).status == 200
    assert server.world.store.tokens.revoke(token[8:18], server.world.clock.now())
    refused(server.ask("GET", "/v1/me", token=token), 401, "token_revoked")


def test_one_token_is_answered_so_often_and_no_more_and_others_are() -> None:
    world = World(MemoryStore())
    with served(world, rate=20) as server:
        token, other = server.token(), server.token(slug="bb")
        answers = [server.ask("GET", "/v1/me", token=token) for _ in range(60)]
        assert {answer.status for answer in answers[:40]} == {200}
        refused = [answer for answer in answers if answer.status != 200]
        assert refused
        assert {(each.status, each.json["code"], each.headers["retry-after"]) for each in refused} == {(429, "rate_limited", "1")}
        assert server.ask("GET", "/v1/me", token=other).status == 200
        connection = HttpConnection({"bus": server.url}, {"bus": token}, world.clock)
        with pytest.raises(RateLimited):
            all(connection.count("unread") == 0 for _ in range(200))
        connection.close()
        time.sleep(0.2)
        assert server.ask("GET", "/v1/me", token=token).status == 200


def guess_on(server: Served) -> None:
    for _ in range(50):
        server.ask("GET", "/v1/me", token=mint("bus").text)


@pytest.mark.parametrize("rate", [1000, 0])
def test_who_guesses_tokens_is_soon_refused_unheard_and_whose_token_was_good_is_not(rate: int) -> None:
    world = World(MemoryStore())
    with served(world, rate=rate) as server:
        token = server.token()
        assert server.ask("GET", "/v1/me", token=token).status == 200
        guesses = [server.ask("GET", "/v1/me", token=mint("bus").text).status for _ in range(150)]
        assert set(guesses[:100]) == {401}
        assert 429 in guesses
        assert server.ask("GET", "/v1/me", token=token).status == 200
        # Each tenth of a second one more is heard, which a slow machine takes for one request: so others go on guessing.
        flood = [threading.Thread(target=guess_on, args=(server,)) for _ in range(4)]
        for thread in flood:
            thread.start()
        assert 429 in {server.ask("GET", "/v1/me", token=server.token(slug="bb")).status for _ in range(20)}
        for thread in flood:
            thread.join()
        assert 429 in {server.ask("GET", "/v1/me").status for _ in range(200)}


def test_many_wait_at_once_and_each_is_woken_by_its_own_mail(server: Served) -> None:
    for number in range(20):
        server.world.enrol(f"w-{number}")
    tokens = [server.token(slug=f"w-{number}") for number in range(20)]
    woken: dict[int, bool] = {}

    def waits(number: int) -> None:
        woken[number] = server.ask("GET", "/v1/inbox/wait?seconds=10", token=tokens[number]).json

    threads = [threading.Thread(target=waits, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + 10
    while "sos_parked_clients 20.0" not in server.ask("GET", "/metrics").body.decode() and time.monotonic() < ends:
        time.sleep(0.02)
    for number in range(20):
        server.world.send(to=f"w-{number}")
    for thread in threads:
        thread.join(20)
    assert woken == dict.fromkeys(range(20), True)


@pytest.mark.promise("SERVER-005")
def test_a_write_again_after_a_lost_answer_has_one_effect(server: Served) -> None:
    token = server.token()
    draft = {"id": "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693", "to": "bb", "text": "once"}
    first = server.ask("POST", "/v1/messages", {"draft": draft}, token=token).json
    again = server.ask("POST", "/v1/messages", {"draft": draft}, token=token).json
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert server.world.texts() == ["once"]
    refused(server.ask("POST", "/v1/messages", {"draft": {**draft, "text": "other"}}, token=token), 409, "id_conflict")
