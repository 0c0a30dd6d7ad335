"""Every cell of operation × token × scopes × project, over HTTP, MCP and in the core: who may, may; others learn nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from sos.core.access import tool_scopes
from sos.core.connection import LocalConnection
from sos.model.errors import SosError
from sos.model.names import Slug
from sos.model.operations import OPERATIONS, SESSION_HEADER, Operation
from sos.model.plain import made, plain
from sos.model.rights import OWN, RIGHTS
from sos.model.tokens import SERVICES
from sos.server import callers
from sos.tools.protocol import ERROR
from sos.tools.table import TOOLS
from tests.faces.authorization import TARGETED, Json, Two, arguments
from tests.faces.served import Served, served

pytestmark = pytest.mark.promise("TOKEN-015", "TOKEN-014", "TOKEN-004")
CALLERS = ("aa", "cc")
WHICH = ("own", "foreign", "absent")
SPOILED = {"unknown": "token_refused", "damaged": "token_damaged", "revoked": "token_revoked", "expired": "token_expired"}
ACCEPT = "application/json, text/event-stream"
AGAIN = "01a00000-0000-7000-8000-0000000000aa"


def permitted(name: str, scopes: tuple[str, ...]) -> bool:
    return all(set(group) & set(scopes) for group in RIGHTS[name])


def targets(name: str) -> tuple[str, ...]:
    return WHICH if name in TARGETED else WHICH[:1]


class Asking:
    """One connection to a served world that stays open; counts what it asks."""

    def __init__(self, server: Served, two: Two) -> None:
        self.two = two
        self.cells = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    def ask(self, verb: str, path: str, token: str | None, body: Json, accept: str = "application/json") -> tuple[int, Any]:
        self.cells += 1
        headers = {SESSION_HEADER: "-", "Accept": accept} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        data = None
        if verb == "GET":
            pairs = [(key, each) for key, value in body.items() for each in (value if isinstance(value, list) else [value])]
            path += "?" + "&".join(f"{key}={each}" for key, each in pairs) if pairs else ""
        else:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        self._connection.request(verb, path, data, headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def operation(self, operation: Operation, token: str | None, me: str, which: str) -> tuple[int, Any]:
        return self.ask(operation.verb, operation.path, token, arguments(operation.name, me, self.two.target(me, which)))

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    patch = pytest.MonkeyPatch()
    patch.setattr(callers, "REFUSALS", 0)  # thousands of wrong tokens come from one address
    two = Two()
    with served(two.world) as server:
        made = Asking(server, two)
        yield made
        made.close()
    patch.undo()


@pytest.fixture(autouse=True)
def _restored(asking: Asking) -> None:
    asking.two.restore()


def test_the_table_names_every_operation() -> None:
    assert RIGHTS.keys() == {operation.name for operation in OPERATIONS}
    assert RIGHTS.keys() >= OWN


def test_over_http_no_other_kind_of_token_opens_anything(asking: Asking) -> None:
    two = asking.two
    for operation in OPERATIONS:
        for me in CALLERS:
            for which in targets(operation.name):
                for service in SERVICES:
                    whole = max((each for each in two.tokens if each[:2] == (me, service)), key=lambda each: len(each[2]))
                    if service != operation.service:
                        status, said = asking.operation(operation, two.tokens[whole].text, me, which)
                        assert (status, said["code"]) == (401, "token_wrong_kind"), (operation.name, service)
                for how, code in (
                    ("unknown", "token_refused"),
                    ("damaged", "token_damaged"),
                    ("revoked", "token_revoked"),
                    ("expired", "token_expired"),
                ):
                    status, said = asking.operation(operation, two.spoiled[me, operation.service, how], me, which)
                    assert (status, said["code"]) == (401, code), (operation.name, how)
                assert asking.operation(operation, None, me, which)[0] == 401
    assert two.is_unchanged()
    assert asking.cells >= 1500


def test_over_http_each_set_of_scopes_opens_what_the_table_says_and_nothing_else(asking: Asking) -> None:
    two, before = asking.two, asking.cells
    for operation in OPERATIONS:
        for (me, service, scopes), token in two.tokens.items():
            if service != operation.service or (me == "operator") != (service == "admin"):
                continue
            for which in targets(operation.name):
                status, said = asking.operation(operation, token.text, me, which)
                cell = (operation.name, me, scopes, which, status, said)
                if permitted(operation.name, scopes):
                    assert status < 500, cell
                    assert status != 429, cell
                    assert status != 401 or said["code"] in {"nobody_here", "wrong_agent"}, cell
                    assert not (status == 403 and said["code"] == "scope_missing" and which == "own"), cell
                    two.restore()
                else:
                    assert (status, said["code"]) == (403, "scope_missing"), cell
                    assert two.is_unchanged(), cell
    assert asking.cells - before >= 1200


def test_over_http_what_is_anothers_is_answered_as_what_is_not_there(asking: Asking) -> None:
    two = asking.two
    for operation in OPERATIONS:
        if operation.name not in TARGETED:
            continue
        for (me, service, scopes), token in two.tokens.items():
            if service != operation.service or me not in CALLERS or "send:any-project" in scopes:
                continue
            answers = []
            for which in ("foreign", "absent"):
                status, said = asking.operation(operation, token.text, me, which)
                said = {key: value for key, value in said.items() if key != "request"} if isinstance(said, dict) else said
                answers.append((status, two.target(me, which).hidden(json.dumps(said))))
                two.restore()
            assert answers[0] == answers[1], (operation.name, me, scopes)


def test_in_the_core_each_set_of_scopes_and_each_body_may_what_the_table_says(asking: Asking) -> None:
    two, world, cells = asking.two, asking.two.world, 0
    for operation in OPERATIONS:
        if operation.service == "join":
            continue
        for me, service, scopes in two.tokens:
            if service != operation.service or (me == "operator") != (service == "admin"):
                continue
            agent = world.store.agents.agent(Slug(me))
            assert agent is not None
            for own in (True, False):
                connection = LocalConnection(world.store, agent, world.clock, scopes=scopes, own=own, assurance="token")
                for which in targets(operation.name):
                    given = arguments(operation.name, me, two.target(me, which))
                    values = operation.defaults | {name: made(operation.arguments[name], value) for name, value in given.items()}
                    code = _code(partial(getattr(connection, operation.name), **values))
                    cell = (operation.name, me, scopes, own, which, code)
                    cells += 1
                    if not permitted(operation.name, scopes):
                        assert code == "scope_missing", cell
                        assert two.is_unchanged(), cell
                    elif operation.name in OWN and not own:
                        assert code == "forbidden", cell
                        assert two.is_unchanged(), cell
                    else:
                        assert not (code == "scope_missing" and which == "own"), cell
                        two.restore()
    assert cells >= 2400


def _code(ask: Any) -> str:
    try:
        plain(ask())
    except SosError as error:
        return error.code
    return "ok"


def calls(name: str, two: Two, me: str, which: str) -> list[Json]:
    """What a tool is called with."""
    target = two.target(me, which)
    tasks = [{"do": "show"}, {"do": "claim"}, {"do": "done"}, {"do": "cancel"}]
    made: dict[str, list[Json]] = {
        "send": [{"to": target.slug, "text": "x", "id": AGAIN}],
        "read": [{"ids": [target.message]}],
        "reply": [{"id": target.message, "text": "x"}],
        "ack": [{"ids": [target.message]}],
        "broadcast": [{"text": "x", "squad": target.squad, "id": AGAIN}],
        "tasks": [{**each, "id": target.task} for each in tasks] + [{"do": "add", "title": "x", "for": target.slug, "id": AGAIN}],
        "trace": [{"id": target.message}],
    }
    return made.get(name, [{}] if which == "own" else [])


def tool(asking: Asking, token: str | None, name: str, given: Json) -> tuple[int, Any]:
    """One call of a tool over `/mcp`."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": given}}
    return asking.ask("POST", "/mcp", token, body, ACCEPT)


def test_over_mcp_each_set_of_scopes_opens_what_the_table_says_and_nothing_else(asking: Asking) -> None:
    two, before = asking.two, asking.cells
    for me, service, scopes in two.tokens:
        if service != "bus" or me not in CALLERS:
            continue
        token = two.tokens[me, service, scopes]
        record = two.world.store.tokens.by_key(token.key_id)
        assert record is not None
        held = (*scopes, *tool_scopes(record))
        listed = asking.ask("POST", "/mcp", token.text, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, ACCEPT)[1]["result"]
        may = {each.name: all(permitted(operation, held) for operation in each.operations) for each in TOOLS}
        assert [each["name"] for each in listed["tools"]] == [name for name in may if may[name]], (me, scopes)
        for name in may:
            answers: dict[str, list[tuple[int, str]]] = {}
            for which in WHICH:
                for given in calls(name, two, me, which):
                    status, said = tool(asking, token.text, name, given)
                    result = said["result"].get("structuredContent") or said["result"]["_meta"][ERROR]
                    cell = (name, me, scopes, which, given, status, said)
                    assert status == 200, cell
                    if may[name]:
                        assert not (result.get("error") == "scope_missing" and which == "own"), cell
                        two.restore()
                    else:
                        assert result["error"] == "scope_missing", cell
                        assert two.is_unchanged(), cell
                    answers.setdefault(which, []).append((status, two.target(me, which).hidden(json.dumps(said))))
            if "send:any-project" not in scopes:
                assert answers.get("foreign") == answers.get("absent"), (name, me, scopes)
    assert asking.cells - before >= 900


def test_over_mcp_no_other_token_opens_anything(asking: Asking) -> None:
    two = asking.two
    for me in CALLERS:
        shown = [token.text for (slug, service, _), token in two.tokens.items() if slug == me and service != "bus"]
        shown += [text for (slug, _, _), text in two.spoiled.items() if slug == me]
        for token in (*shown, None):
            for each in TOOLS:
                for given in calls(each.name, two, me, "own"):
                    status, said = tool(asking, token, each.name, given)
                    assert (status, said["status"]) == (401, 401), (each.name, said)
    assert two.is_unchanged()
