"""What is refused before anything else looks at a request: foreign hosts and origins, and heads that are too long.

A page in a browser can make its visitor's machine ask a server on loopback (DNS rebinding). Such a request names the page's own
host, or carries its origin: both are checked, tokens or not.
"""

from __future__ import annotations

from sos.server.problems import PROBLEM, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
MAX_HEAD = 32 * 1024
MAX_HEADERS = 100


class Guard:
    """Passes on what names one of `hosts`, and comes from no page of another."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        why = self._refused(scope["headers"]) if scope["type"] == "http" else None
        if why is None:
            await self._app(scope, receive, send)
            return
        status, code, detail = why
        body = problem(status, code, detail, "sos serve --help   (--allow-host names another host)", "")
        headers = [(b"content-type", PROBLEM), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refused(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, str, str] | None:
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEAD:
            return 431, "head_too_long", f"a request has at most {MAX_HEADERS} headers of {MAX_HEAD:,} bytes together"
        named = [value.decode("latin-1") for name, value in headers if name == b"host"]
        if len(named) != 1 or _host(named[0]) not in self._hosts:
            return 421, "wrong_host", "this server does not go by that name"
        for name, value in headers:
            if name == b"origin" and _host(value.decode("latin-1").partition("://")[2]) not in self._hosts:
                return 403, "wrong_origin", "no page of another host asks this server anything"
        return None


def _host(authority: str) -> str:
    host, found, port = authority.rpartition(":")
    return (host if found and port.isdigit() else authority).lower()
