"""Who a token is: the one check between a token in hand and an identity."""

from __future__ import annotations

from sos.model.errors import TokenExpired, TokenRefused, TokenRevoked
from sos.model.tokens import AGENT_SCOPES, TokenRecord, parse_token, require_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.names import Slug
    from sos.model.times import Millis
    from sos.model.tokens import Service, Token
    from sos.ports import Store

CLOCK_SKEW = 60_000
"""Milliseconds that an expiry forgives: clocks differ."""


def identify(store: Store, text: str, service: Service, now: Millis) -> TokenRecord:
    """The record behind a token. Raises TokenDamaged, TokenWrongKind, TokenRefused, TokenRevoked, TokenExpired."""
    token = parse_token(text)
    require_kind(token, service)
    record = store.tokens.by_key(token.key_id)
    if record is None or not _same(record.digest, token.digest):
        raise TokenRefused(
            f"the {service} token {token.key_id} is not known to this store",
            next_step="join again: sos join --name NAME",
        )
    if record.revoked_at is not None:
        raise TokenRevoked(f"the {service} token {token.key_id} was revoked")
    if record.expires_at is not None and record.expires_at + CLOCK_SKEW < now:
        raise TokenExpired(f"the {service} token {token.key_id} has expired")
    return record


def record_of(token: Token, agent: Slug, project: str, now: Millis, expires_at: Millis | None = None) -> TokenRecord:
    """What the store keeps of a token for an agent."""
    return TokenRecord(
        key_id=token.key_id,
        digest=token.digest,
        service=token.service,
        agent=agent,
        project=project,
        scopes=AGENT_SCOPES[token.service],
        created_at=now,
        expires_at=expires_at,
    )


def _same(left: bytes, right: bytes) -> bool:
    # Digests of 256 random bits: equal time all the same, one accumulated comparison over every byte.
    difference = len(left) ^ len(right)
    for one, other in zip(left, right, strict=False):
        difference |= one ^ other
    return difference == 0
