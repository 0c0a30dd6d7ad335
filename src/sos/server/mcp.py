"""The tools over MCP's streamable HTTP, by the official SDK: each request for itself, so any process may answer it."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from sos import __version__
from sos.core import readiness, rendering
from sos.model.errors import GuideTampered, SosError
from sos.model.operations import MAX_BODY
from sos.recovery import guide
from sos.server import log
from sos.tools import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import Executor

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp_types import CallToolRequestParams, PaginatedRequestParams, ReadResourceRequestParams
    from starlette.types import Receive, Scope, Send

    from sos.core.connection import LocalConnection
    from sos.model.agents import Agent
    from sos.model.deliveries import Entry
    from sos.model.errors import StoreUnreachable
    from sos.model.work import Sending
    from sos.ports import Clock
    from sos.server.metrics import Metrics

    Context = ServerRequestContext[Any, Any]
    Json = dict[str, Any]

_BEGINNING = frozenset(("initialize", "server/discover"))
_HERE = f"{protocol.GUIDE}, while this server answers"
"""Where the guide is for an agent that came this way: nobody knows whether it is installed where the agent runs."""


class Call:
    """One request: who asks, what the agent is told at the beginning, and what is to be done once the answer was sent."""

    def __init__(self, connection: LocalConnection) -> None:
        self.connection = connection
        self.instructions: str | None = None
        self.after: Callable[[], None] | None = None


_CALL: ContextVar[Call] = ContextVar("sos-mcp-call")


class McpFace:
    """Answers between the beginning and the end of `running`."""

    def __init__(self, clock: Clock, workers: Executor, metrics: Metrics) -> None:
        self._clock = clock
        self._workers = workers
        self._metrics = metrics
        server = _Server(
            "sos",
            version=__version__,
            title=protocol.TITLE,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )
        server.middleware = [self._begin]
        self._manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True, max_request_body_size=MAX_BODY)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the end of the block."""
        async with self._manager.run():
            yield

    async def answer(self, connection: LocalConnection, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of an agent."""
        call = Call(connection)
        set_before = _CALL.set(call)
        try:
            await self._manager.handle_request(scope, receive, send)
        finally:
            _CALL.reset(set_before)
        if call.after is not None:
            try:
                await self._in_thread(call.after)
            except SosError as error:
                log.say("not_marked", error=error.code, message=error.message)  # it is shown again

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    # --- methods --------------------------------------------------------------------------------------------------------

    async def _begin(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Round every request: count it, give our errors their form, and have the four answers ready where they are asked."""
        call = _CALL.get()
        try:
            if ctx.method in _BEGINNING:
                call.instructions = await self._in_thread(lambda: protocol.instructions(call.connection, _HERE))
            result = await call_next(ctx)
        except SosError as error:
            self._metrics.count("mcp", 500)
            raise MCPError(INTERNAL_ERROR, error.message, {"code": error.code, "next": error.next_step}) from error
        self._metrics.count("mcp", 200)
        return result

    async def _list_tools(self, context: Context, params: PaginatedRequestParams | None) -> Any:
        return _complete(protocol.listed(protocol.permitted(_CALL.get().connection.scopes)))

    async def _call_tool(self, context: Context, params: CallToolRequestParams) -> Any:
        tool, call = protocol.named(params.name), _CALL.get()
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name[:60]!a}")
        try:
            given = tool.checked(params.arguments or {})
            done = await self._in_thread(lambda: tool.call(lambda: call.connection, given, _Face(self._clock, call.connection)))
        except SosError as error:
            self._metrics.refused(error)
            return _complete(protocol.failed(error))
        call.after = done.after
        return _complete(protocol.called(done))

    async def _list_resources(self, context: Context, params: PaginatedRequestParams | None) -> Any:
        return _complete(protocol.resources())

    async def _list_templates(self, context: Context, params: PaginatedRequestParams | None) -> Any:
        return _complete(protocol.templates())

    async def _read_resource(self, context: Context, params: ReadResourceRequestParams) -> Any:
        uri, connection = str(params.uri), _CALL.get().connection
        if uri == protocol.GUIDE:
            return _complete(protocol.contents(uri, _guide(connection.me)))
        if uri == protocol.INBOX:
            text = await self._in_thread(lambda: protocol.inbox(connection, _Face(self._clock, connection)))
            return _complete(protocol.contents(uri, text))
        raise MCPError(INVALID_PARAMS, f"there is no resource {uri[:80]!a}", {"uri": uri[:200]})


class _Server(Server[Any]):
    """The SDK's, with instructions for whoever asks."""

    @property
    def instructions(self) -> str | None:
        """Those of the request that is being answered."""
        call = _CALL.get(None)
        return None if call is None else call.instructions

    @instructions.setter
    def instructions(self, value: str | None) -> None:
        """The SDK sets them once for all; ours are of each agent."""


class _Face:
    """What a tool asks of this face (`tools.tool.Face`)."""

    def __init__(self, clock: Clock, connection: LocalConnection) -> None:
        self._clock = clock
        self._connection = connection

    def escape(self, text: str) -> str:
        """See `tools.tool.Face`."""
        return rendering.escape(text)

    def whole(self, entry: Entry, reader: Agent) -> str:
        """See `tools.tool.Face`."""
        return rendering.fenced(entry, reader, self._clock.now(), os.urandom(16).hex())

    def guide(self, reader: Agent) -> str:
        """See `tools.tool.Face`."""
        return _HERE

    def examine(self) -> Json:
        """What the server knows of its agent; its machine and its runtime are seen by its own `sos doctor` alone."""
        findings = readiness.findings(self._connection.answers(_HERE))
        made = [{"rung": "identity", "agent": self._connection.slug, **each.fields(), "mendable": False} for each in findings]
        place = "the server, which sees neither machine nor runtime: sos doctor there"
        return {"place": place, "well": not made, "findings": made}

    def queue(self, given: Sending, error: StoreUnreachable) -> Json:
        """Nothing is kept here: the agent's own process does, where it has one."""
        raise error


def _complete(result: Json) -> Json:
    """As the era without a handshake wants it; the SDK leaves it out for the others."""
    return {**result, "resultType": "complete"}


def _guide(agent: Agent) -> str:
    try:
        return guide.fill({"slug": agent.slug, "name": agent.name, "project": agent.project})
    except GuideTampered as error:
        log.say("guide", message=error.message)
        return guide.SHORT
