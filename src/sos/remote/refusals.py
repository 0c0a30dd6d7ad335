"""What a server's refusal is here: the very error that it stands for."""

from __future__ import annotations

from sos.model import errors, wire
from sos.model.errors import InvalidInput, SosError, StoreError, StoreUnreachable


def away(url: str, why: str) -> StoreUnreachable:
    """The error of a server that cannot be reached, or that is none of ours."""
    step = f"curl {url}/healthz   (whether it runs and is ours; what was to be sent waits: sos outbox)"
    return StoreUnreachable(f"{url} {why}", next_step=step)


def refusal(url: str, status: int, body: bytes) -> SosError:
    """The error that a problem document (RFC 9457) of ours stands for; what is none of ours is a server that cannot serve."""
    try:
        problem = wire.loads(body)
        code, said, step = (str(problem[field]) for field in ("code", "detail", "next"))
    except (InvalidInput, KeyError, TypeError):
        return away(url, f"answered with status {status}, and not as SOS does")
    known = _CODES.get(code)
    if known is None:
        return (
            StoreUnreachable(f"{url}: {said}", next_step=step) if status >= 500 else StoreError(f"{url}: {said}", next_step=step)
        )
    return known(said, next_step=step)


def _codes(error: type[SosError]) -> dict[str, type[SosError]]:
    found = {error.code: error}
    for each in error.__subclasses__():
        found |= _codes(each)
    return found


_CODES = _codes(errors.SosError)
