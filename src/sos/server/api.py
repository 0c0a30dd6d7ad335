"""The operations of model/operations.py over HTTP, as one ASGI application."""

from __future__ import annotations

import asyncio
import os
import traceback
from urllib.parse import parse_qsl

from sos.core import enrolling, tokens
from sos.model import wire
from sos.model.errors import InvalidInput, SosError
from sos.model.operations import EXPIRES_HEADER, MAX_BODY, MAX_WAIT, OPERATIONS
from sos.model.plain import made, plain
from sos.server import log
from sos.server.callers import Callers, source_of
from sos.server.lots import Outbound
from sos.server.problems import JSON, PROBLEM, Refused, of_error, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from starlette.types import Receive, Scope, Send

    from sos.core.connection import LocalConnection
    from sos.model.operations import Operation
    from sos.model.tokens import Service, TokenRecord
    from sos.ports import Clock, Store
    from sos.server.hub import Hub
    from sos.server.lots import Lots
    from sos.server.metrics import Metrics
    from sos.server.problems import Headers

_EXPIRES = EXPIRES_HEADER.lower().encode()
SENDS = frozenset(("send", "reply", "broadcast"))
"""Operations that end in one parcel, which is stored with others."""
MAX_DRAINED = 16 * MAX_BODY
MAX_LIST = 1000
"""Entries that one request lists at most."""


class Api:
    """`/v1/…` for the services that this process is."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        hub: Hub,
        lots: Lots,
        metrics: Metrics,
        callers: Callers,
        services: Sequence[Service],
    ) -> None:
        self._store = store
        self._clock = clock
        self._hub = hub
        self._metrics = metrics
        self._callers = callers
        self._lots = lots
        self._routes: dict[str, dict[str, Operation]] = {}
        for each in OPERATIONS:
            # Who invites and who is invited asks the registry.
            if each.service in services or (each.service in {"join", "admin"} and "registry" in services):
                self._routes.setdefault(each.path, {})[each.verb] = each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = dict(scope["headers"])
        request = _request_id(headers)
        named = "unknown"
        extra: Headers = ()
        try:
            operation = self._operation(scope["method"], scope["path"])
            named = operation.name
            arguments = await self._arguments(operation, scope, headers, receive)
            with self._metrics.timed(named):
                result, record = await self._answer(operation, headers, source_of(scope), arguments)
            status, body, kind = 200, wire.dumps(plain(result)).encode(), JSON
            if record.expires_at is not None:
                extra = [(_EXPIRES, b"%d" % record.expires_at)]
        except Refused as refused:
            status, kind, extra = refused.status, PROBLEM, refused.headers
            body = problem(status, refused.code, str(refused), "see /openapi.json", request)
        except SosError as error:
            self._metrics.refused(error)
            status, body, extra = of_error(error, request)
            kind = PROBLEM
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  # a defect of ours must not end the server, nor be silent
            log.say("defect", request=request, operation=named, trace="".join(traceback.format_exception(error)))
            status, kind = 500, PROBLEM
            body = problem(status, "defect", "a defect of SOS; the server's log has its trace", "sos guide", request)
        self._metrics.count(named, status)
        if status >= 500:
            log.say("failed", request=request, operation=named, status=status)
        await _reply(send, status, kind, body, request, extra)

    def _operation(self, verb: str, path: str) -> Operation:
        found = self._routes.get(path)
        if found is None:
            raise Refused(404, "unknown_route", "there is no such route here")
        if verb not in found:
            allowed = ", ".join(found).encode()
            raise Refused(405, "method_not_allowed", f"this route takes {', '.join(found)}", [(b"allow", allowed)])
        return found[verb]

    async def _arguments(
        self, operation: Operation, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> dict[str, Any]:
        if operation.verb == "GET":
            given = _query(operation, scope["query_string"])
        else:
            if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
                raise Refused(415, "wrong_content_type", "the body must be application/json")
            given = wire.loads(await _body(receive))
            if not isinstance(given, dict):
                raise InvalidInput("the body must be a JSON object", next_step="see /openapi.json")
        unknown = sorted(given.keys() - operation.arguments.keys())
        if unknown:
            raise InvalidInput(f"{operation.name} takes no {unknown[0][:60]!a}", next_step="see /openapi.json")
        missing = [each for each in operation.arguments if each not in given and each not in operation.defaults]
        if missing:
            raise InvalidInput(f"{operation.name} needs {missing[0]}", next_step="see /openapi.json")
        found = {each: made(kind, given[each], each) for each, kind in operation.arguments.items() if each in given}
        if not 0 < found.get("limit", 1) <= MAX_LIST:
            raise InvalidInput(f"a limit is 1 to {MAX_LIST:,}")
        return {**operation.defaults, **found}

    async def _answer(
        self, operation: Operation, headers: dict[bytes, bytes], source: str, arguments: dict[str, Any]
    ) -> tuple[Any, TokenRecord]:
        """What was asked for, and the token that was shown."""
        if operation.name == "wait":
            connection, record = await self._lots.do(lambda: self._connection(operation, headers, source))
            return await self._wait(connection, arguments["seconds"]), record
        return await self._lots.do(lambda: self._run(operation, headers, source, arguments))  # type: ignore[no-any-return]

    def _connection(self, operation: Operation, headers: dict[bytes, bytes], source: str) -> tuple[LocalConnection, TokenRecord]:
        record = self._callers.record(operation.service, headers, source)
        return self._callers.connection(record, headers), record

    def _run(
        self, operation: Operation, headers: dict[bytes, bytes], source: str, arguments: dict[str, Any]
    ) -> tuple[Any, TokenRecord]:
        if operation.service == "join":
            record = self._callers.record("join", headers, source)
            return enrolling.invited(self._store, record, **arguments, now=self._clock.now()), record
        connection, record = self._connection(operation, headers, source)
        if operation.name in SENDS:
            return Outbound(getattr(connection, f"{operation.name}_parcel")(**arguments), record)
        if operation.name == "look":
            tokens.warn(self._store, record, self._clock.now())
        return getattr(connection, operation.name)(**arguments), record

    async def _wait(self, connection: LocalConnection, seconds: float) -> bool:
        if not 0 <= seconds <= MAX_WAIT:
            raise InvalidInput(f"one request waits at most {MAX_WAIT:g} s", next_step="wait for less, and ask again")
        with self._hub.waiter(connection.me.slug) as rung:
            if await self._lots.do(lambda: connection.count("unread")):
                return True
            try:
                async with asyncio.timeout(seconds):
                    await rung.wait()
            except TimeoutError:
                return False
            return True


class ClientGone(Exception):
    """Whoever asked has closed the connection."""


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if 0 < len(given) <= 64 and given.replace("-", "").isalnum() and given.isascii() else os.urandom(8).hex()


def _query(operation: Operation, query: bytes) -> dict[str, Any]:
    """Arguments of a query, as JSON would have them. Raises InvalidInput."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=MAX_LIST
        )
    except ValueError as error:
        raise InvalidInput(f"the query cannot be read: {error}", next_step="see /openapi.json") from error
    found: dict[str, Any] = {name: [] for name, kind in operation.arguments.items() if kind.startswith("list[")}
    for name, text in pairs:
        kind = operation.arguments.get(name, "str")
        if kind.startswith("list["):
            found[name].append(text)
        elif name in found:
            raise InvalidInput(f"{name[:60]!a} stands twice in the query", next_step="see /openapi.json")
        else:
            found[name] = _from_text(kind, text)
    return found


def _from_text(kind: str, text: str) -> Any:
    if kind in {"int", "float"}:
        try:
            return wire.loads(text)
        except InvalidInput:
            return text  # refused with its place
    return text


async def _body(receive: Receive) -> bytes:
    """The body. One that is too long is read on for a while, since who still sends does not hear that it is refused."""
    parts: list[bytes] = []
    total, more = 0, True
    while more and total <= MAX_DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        total += len(part)
        if total <= MAX_BODY:
            parts.append(part)
        more = message.get("more_body", False)
    if total > MAX_BODY:
        raise Refused(413, "body_too_long", f"a request has at most {MAX_BODY:,} bytes", [(b"connection", b"close")])
    return b"".join(parts)


async def _reply(send: Send, status: int, kind: bytes, body: bytes, request: str, extra: Headers) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request.encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
