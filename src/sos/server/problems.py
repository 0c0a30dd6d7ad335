"""Our errors as HTTP: a status, and a problem document (RFC 9457) with our code and the next step."""

from __future__ import annotations

from sos.model import wire
from sos.model.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    SosError,
    StorageFull,
    StoreUnreachable,
    TextTooLong,
    Unauthenticated,
    UnreadableJson,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Headers = Sequence[tuple[bytes, bytes]]

JSON, PROBLEM = b"application/json", b"application/problem+json"
_STATUS: tuple[tuple[type[SosError], int], ...] = (
    (UnreadableJson, 400),
    (TextTooLong, 413),
    (InvalidInput, 422),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (StorageFull, 507),
    (RateLimited, 429),
    (StoreUnreachable, 503),
    (SosError, 500),
)
"""The first that fits counts."""


class Refused(Exception):
    """A request that HTTP itself has a status for, before anything of ours is asked."""

    def __init__(self, status: int, code: str, detail: str, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers


def status_of(error: SosError) -> int:
    """The HTTP status of one of our errors."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def problem(status: int, code: str, detail: str, next_step: str, request: str) -> bytes:
    """A problem document. `request`: the id that the server's log has for it."""
    made = {
        "type": f"urn:sos:error:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
        "next": next_step,
        "request": request,
    }
    return wire.dumps(made).encode()


def of_error(error: SosError, request: str) -> tuple[int, bytes, Headers]:
    """Status, document and headers for one of our errors."""
    status = status_of(error)
    headers: list[tuple[bytes, bytes]] = []
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="sos"'))
    if status in {429, 503}:
        headers.append((b"retry-after", b"1"))
    return status, problem(status, error.code, error.message, error.next_step, request), headers
