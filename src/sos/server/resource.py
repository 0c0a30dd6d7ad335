"""`/mcp` as an OAuth resource server (RFC 9728): a bus token is the bearer token, and who shows none hears where to ask.

There is no authorization server; `sos join` and `sos token` make the tokens. The official SDK takes a second and 35 MB: it is
loaded for the first who shows a token.
"""

from __future__ import annotations

import asyncio
import importlib
import os

from starlette.responses import JSONResponse

from sos.core.access import tool_scopes
from sos.model.errors import SosError
from sos.model.tokens import AGENT_SCOPES
from sos.server.callers import source_of
from sos.server.problems import PROBLEM, of_error, problem
from sos.tools import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Executor

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sos.core.connection import LocalConnection
    from sos.ports import Clock
    from sos.server.callers import Callers
    from sos.server.mcp import McpFace
    from sos.server.metrics import Metrics

PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"


class McpResource:
    """The ASGI application at `/mcp`; `close` ends it."""

    def __init__(self, callers: Callers, clock: Clock, workers: Executor, metrics: Metrics) -> None:
        self._callers = callers
        self._clock = clock
        self._workers = workers
        self._metrics = metrics
        self._loading = asyncio.Lock()
        self._face: McpFace | None = None
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            # A stream of notifications would stay open for ever, and nothing would ever come on it.
            body = problem(405, "method_not_allowed", f"{PATH} takes POST", "see docs/how-to/server.md", "")
            await _answer(send, 405, body, [(b"allow", b"POST")])
            return
        try:
            connection = await asyncio.get_running_loop().run_in_executor(
                self._workers, self._connection, headers, source_of(scope)
            )
        except SosError as error:
            await self._refuse(error, scope, send)
            return
        await (await self._loaded()).answer(connection, scope, receive, send)

    def _connection(self, headers: dict[bytes, bytes], source: str) -> LocalConnection:
        record = self._callers.record("bus", headers, source)
        return self._callers.connection(record, headers, own=True, also=tool_scopes(record))

    async def _refuse(self, error: SosError, scope: Scope, send: Send) -> None:
        status, body, headers = of_error(error, os.urandom(8).hex())
        asked = f'Bearer resource_metadata="{_origin(scope)}{METADATA}{PATH}"'
        kept = [pair for pair in headers if pair[0] != b"www-authenticate"]
        told = [(b"www-authenticate", asked.encode("latin-1"))] if status == 401 else []
        self._metrics.count("mcp", status)
        await _answer(send, status, body, [*kept, *told])

    async def metadata(self, request: Request) -> JSONResponse:
        """What an OAuth client asks before it shows a token."""
        return JSONResponse(
            {
                "resource": _origin(request.scope) + PATH,
                "resource_name": protocol.TITLE,
                "bearer_methods_supported": ["header"],
                "scopes_supported": list(AGENT_SCOPES["bus"]),
            }
        )

    async def _loaded(self) -> McpFace:
        async with self._loading:
            if self._face is None:
                module = await asyncio.to_thread(importlib.import_module, "sos.server.mcp")
                face: McpFace = module.McpFace(self._clock, self._workers, self._metrics)
                begun = asyncio.Event()
                self._running = asyncio.create_task(self._run(face, begun))
                await begun.wait()
                self._face = face
            return self._face

    async def _run(self, face: McpFace, begun: asyncio.Event) -> None:
        async with face.running():
            begun.set()
            await self._ended.wait()

    async def close(self) -> None:
        """End what runs."""
        self._ended.set()
        if self._running is not None:
            await self._running


async def _answer(send: Send, status: int, body: bytes, more: list[tuple[bytes, bytes]]) -> None:
    head = [(b"content-type", PROBLEM), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _origin(scope: Scope) -> str:
    """Where the client says that it is asking: the Host header, which the guard has checked."""
    headers = dict(scope["headers"])
    scheme = headers.get(b"x-forwarded-proto", scope.get("scheme", "http").encode()).decode("latin-1")
    return f"{'https' if scheme == 'https' else 'http'}://{headers.get(b'host', b'').decode('latin-1')}"
