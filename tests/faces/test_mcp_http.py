"""MCP at `/mcp`: the official client in both eras, whoever shows no token, and the same table of tools as on stdio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from sos.model.names import Slug
from sos.model.times import Millis
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World
from sos.tools.protocol import ERROR
from sos.tools.table import TOOLS
from tests.faces.failures import failure
from tests.faces.served import Served, served
from tests.faces.test_mcp_stdio import text_of

Era = Literal["legacy", "auto"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with served(world) as made:
        yield made


def as_client(server: Served, token: str, era: Era, work: Callable[[Client], Awaitable[None]]) -> None:
    """Let the official client work with `/mcp` under a token."""

    async def run() -> None:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as asking,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=asking), mode=era) as client,
        ):
            await work(client)

    asyncio.run(run())


@pytest.mark.promise("MCP-004", "MCP-005")
@pytest.mark.parametrize("era", ["legacy", "auto"])
def test_the_official_client_sends_reads_and_answers(server: Served, era: Era) -> None:
    async def sends(client: Client) -> None:
        sent = await client.call_tool("send", {"to": "bb", "text": "please\u202e review", "request": True, "deadline": "5m"})
        assert (sent.is_error, sent.structured_content["recipients"]) == (False, ["bb"])
        wrong = await client.call_tool("send", {"to": "nobody", "text": "x"})
        assert (wrong.is_error, failure(wrong)["error"]) == (True, "unknown_agent")
        assert failure(wrong)["next"] == "sos peers"
        peers = (await client.call_tool("peers", {})).structured_content["peers"]
        assert "bb" in [peer["slug"] for peer in peers]

    async def reads(client: Client) -> None:
        listed = (await client.call_tool("inbox", {})).structured_content
        (entry,) = listed["entries"]
        assert (listed["unread"], entry["text"], entry["assurance"]) == (1, "please\\u{202e} review", "token")
        read = await client.call_tool("read", {})
        assert "| please\\u{202e} review" in text_of(read.content[0])
        assert "request from aa (token)" in text_of(read.content[0])
        assert (await client.call_tool("inbox", {})).structured_content["unread"] == 0
        assert (await client.call_tool("reply", {"id": entry["id"], "text": "done"})).structured_content["recipients"] == ["aa"]
        (task,) = (await client.call_tool("tasks", {"do": "add", "title": "look"})).structured_content["tasks"]
        (claimed,) = (await client.call_tool("tasks", {"do": "claim", "id": task["id"]})).structured_content["tasks"]
        assert (claimed["owner"], claimed["fence"]) == ("bb", 1)
        story = (await client.call_tool("trace", {"id": entry["id"]})).structured_content
        assert [fact["kind"] for fact in story["deliveries"][0]["facts"]] == ["accepted", "stored", "surfaced", "replied"]

    as_client(server, server.token(slug="aa"), era, sends)
    as_client(server, server.token(slug="bb"), era, reads)
    assert [entry.message.text for entry in server.world.entries(agent="aa")] == ["done"]


@pytest.mark.promise("MCP-002", "MCP-005")
@pytest.mark.parametrize("era", ["legacy", "auto"])
def test_a_fresh_agent_is_told_its_four_answers_and_finds_tools_guide_and_inbox(server: Served, era: Era) -> None:
    async def looks(client: Client) -> None:
        told = client.instructions or ""
        for part in (
            "Who am I? aa (aa)",
            "Where is my inbox? ",
            "What can I do? ",
            "What do I do when stuck? sos://guide, while",
        ):
            assert part in told
        tools = (await client.list_tools()).tools
        described = {tool.name: tool.described() for tool in TOOLS}
        assert [tool.name for tool in tools] == list(described)
        assert all(tool.input_schema == described[tool.name]["inputSchema"] for tool in tools)
        assert all(tool.output_schema == described[tool.name]["outputSchema"] for tool in tools)
        assert {str(each.uri) for each in (await client.list_resources()).resources} == {"sos://guide", "sos://inbox"}
        assert "# Recovery guide of aa" in text_of((await client.read_resource("sos://guide")).contents[0])
        inbox = json.loads(text_of((await client.read_resource("sos://inbox")).contents[0]))
        assert inbox == {"agent": "aa", "unread": 0, "entries": []}

    as_client(server, server.token(), era, looks)


@pytest.mark.promise("MCP-003")
def test_only_what_the_token_permits_is_listed_and_called(server: Served) -> None:
    token = server.token()
    record = server.world.store.tokens.of(Slug("aa"))[-1]
    narrow = record.replace(scopes=("send:project",))
    server.world.store.tokens._state.tokens[record.key_id] = narrow  # type: ignore[attr-defined]  # of the memory store

    async def works(client: Client) -> None:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["send", "peers", "whoami", "skills", "doctor"]
        assert failure(await client.call_tool("read", {}))["error"] == "scope_missing"

    as_client(server, token, "auto", works)


@pytest.mark.promise("MCP-001")
def test_the_doctor_says_what_the_server_sees_and_what_it_does_not(server: Served) -> None:
    async def works(client: Client) -> None:
        found = (await client.call_tool("doctor", {})).structured_content
        assert "sees neither machine nor runtime" in found["place"]
        assert [(each["rung"], each["code"]) for each in found["findings"]] == [("identity", "not_onboarded")]  # no canary yet
        assert not found["well"]

    as_client(server, server.token(), "auto", works)


@pytest.mark.promise("MCP-006")
@pytest.mark.parametrize("service", [None, "registry", "squad"])
def test_without_a_bus_token_it_answers_401_and_where_to_ask(server: Served, service: Any) -> None:
    token = None if service is None else server.token(service)
    answer = server.ask("POST", "/mcp", INITIALIZE, token=token, Accept="application/json, text/event-stream")
    assert answer.status == 401
    asked = answer.headers["www-authenticate"]
    assert asked == f'Bearer resource_metadata="{server.url}/.well-known/oauth-protected-resource/mcp"'
    said = server.ask("GET", asked.partition('"')[2].rstrip('"').removeprefix(server.url)).json
    assert (said["resource"], said["bearer_methods_supported"]) == (f"{server.url}/mcp", ["header"])
    assert "inbox:self" in said["scopes_supported"]


@pytest.mark.promise("MCP-006", "TOKEN-009")
def test_a_revoked_token_ends_with_the_next_request(server: Served) -> None:
    token = server.token()
    key = server.world.store.tokens.of(Slug("aa"))[-1].key_id

    async def works(client: Client) -> None:
        assert not (await client.call_tool("whoami", {})).is_error
        server.world.store.tokens.revoke(key, Millis(server.world.clock.now()))
        with pytest.raises(Exception, match=r"401|revoked|Unauthorized|[Ee]rror"):
            await client.call_tool("whoami", {})

    as_client(server, token, "auto", works)
    answer = server.ask("POST", "/mcp", INITIALIZE, token=token, Accept="application/json, text/event-stream")
    assert (answer.status, answer.json["code"]) == (401, "token_revoked")


def test_mean_requests_get_errors_and_the_server_goes_on(server: Served) -> None:
    token, accept = server.token(), "application/json, text/event-stream"
    for verb in ("GET", "DELETE"):
        refused = server.ask(verb, "/mcp", token=token, Accept=accept)
        assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert server.ask("POST", "/mcp", b"not json", token=token, Accept=accept).status == 400
    assert server.ask("POST", "/mcp", b"[" * 10_000, token=token, Accept=accept).status == 400
    assert server.ask("POST", "/mcp", INITIALIZE, token=token, Accept="text/html").status == 406
    assert server.ask("POST", "/mcp", b"x" * (2 << 20), token=token, Accept=accept).status == 413
    assert server.ask("POST", "/mcp", INITIALIZE, token=token, Accept=accept, Host="evil.example").status == 421
    assert server.ask("POST", "/mcp", INITIALIZE, token=token, Accept=accept, Origin="http://evil.example").status == 403
    wrong = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "send", "arguments": {"to": 1, "text": "x"}}}
    refused = server.ask("POST", "/mcp", wrong, token=token, Accept=accept, MCP_Protocol_Version="2025-11-25").json
    assert refused["result"]["_meta"][ERROR]["error"] == "invalid_input"
    unknown = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "shell", "arguments": {}}}
    assert (
        server.ask("POST", "/mcp", unknown, token=token, Accept=accept, MCP_Protocol_Version="2025-11-25").json["error"]["code"]
        == -32602
    )
    assert server.ask("POST", "/mcp", INITIALIZE, token=token, Accept=accept).status == 200
