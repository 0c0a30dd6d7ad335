"""Who a token is: the one check between a token in hand and an identity."""

from __future__ import annotations

from sos.model.errors import InvalidInput, ScopeMissing, TokenExpired, TokenRefused, TokenRevoked
from sos.model.names import OPERATOR
from sos.model.tokens import AGENT_SCOPES, GRANTED, TokenRecord, parse_token, require_kind, scopes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Agent
    from sos.model.names import Slug
    from sos.model.times import Millis
    from sos.model.tokens import KnownToken, Service, Token
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


def embedded_scopes(record: TokenRecord) -> tuple[str, ...]:
    """What a bus token allows where the store is in the same process: all that the agent's three tokens do, unless narrowed."""
    whole = all(scope in record.scopes for scope in AGENT_SCOPES["bus"])
    others = (*AGENT_SCOPES["registry"], *AGENT_SCOPES["squad"]) if whole else ("peers:read",)
    return (*record.scopes, *others)


def tool_scopes(record: TokenRecord) -> tuple[str, ...]:
    """What a bus token allows beside its own scopes where an agent's tools are called with it alone: `/mcp`."""
    return ("peers:read", "tasks:project") if is_whole(record) else ("peers:read",)


def is_whole(record: TokenRecord) -> bool:
    """Whether a token carries all that its kind does without being granted anything: nobody narrowed it."""
    return all(scope in record.scopes for scope in AGENT_SCOPES[record.service] if scope not in GRANTED)


def grantable(store: Store, agent: Agent, service: Service, *, embedded: bool) -> tuple[str, ...]:
    """What a new token of an agent may carry: what its own tokens for that service do, else what each agent is given.

    Embedded, every agent may send to any project; over a server the operator grants that.
    """
    most = scopes_of(service, operator=agent.slug == OPERATOR)
    if embedded or agent.slug == OPERATOR:
        return most
    live = [record for record in store.tokens.of(agent.slug) if record.service == service and record.revoked_at is None]
    held = {scope for record in live for scope in record.scopes}
    return tuple(scope for scope in most if (scope in held if held else scope not in GRANTED))


def allow(scopes: tuple[str, ...], *wanted: str) -> None:
    """Refuse what none of these scopes is for. Raises ScopeMissing."""
    if not any(scope in scopes for scope in wanted):
        raise ScopeMissing(f"the token has not the scope {' or '.join(wanted)}; it has {', '.join(scopes) or 'none'}")


def allow_all(scopes: tuple[str, ...]) -> None:
    """Refuse a token that was narrowed: it changes nothing of its agent beyond what its scopes name. Raises ScopeMissing."""
    missing = [scope for scope in AGENT_SCOPES["bus"] if scope not in scopes]
    if missing:
        raise ScopeMissing(f"this needs a whole token; the one given has not {', '.join(missing)}")


def record_of(
    token: Token | KnownToken,
    agent: Slug,
    project: str,
    now: Millis,
    expires_at: Millis | None = None,
    scopes: Sequence[str] | None = None,
) -> TokenRecord:
    """What the store keeps of a token for an agent; `scopes`: narrower than all that it may have. Raises InvalidInput."""
    most = scopes_of(token.service, operator=agent == OPERATOR)
    unknown = [scope for scope in scopes or () if scope not in most]
    if unknown:
        raise InvalidInput(f"a {token.service} token of {agent} has no scope {unknown[0]!a}", next_step=f"use {', '.join(most)}")
    return TokenRecord(
        key_id=token.key_id,
        digest=token.digest,
        service=token.service,
        agent=agent,
        project=project,
        scopes=most if scopes is None else tuple(dict.fromkeys(scopes)),
        created_at=now,
        expires_at=expires_at,
    )


def _same(left: bytes, right: bytes) -> bool:
    # Digests of 256 random bits: equal time all the same, one accumulated comparison over every byte.
    difference = len(left) ^ len(right)
    for one, other in zip(left, right, strict=False):
        difference |= one ^ other
    return difference == 0
