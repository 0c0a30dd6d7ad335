"""What is done with tokens that exist: adding, revoking, granting."""

from __future__ import annotations

from sos.core.access import grantable, is_whole, record_of
from sos.core.sending import unknown
from sos.model.errors import Conflict, InvalidInput, NotFound, ScopeMissing
from sos.model.findings import Notice
from sos.model.names import OPERATOR, address_name
from sos.model.times import HOUR, Millis, iso
from sos.model.tokens import AGENT_SCOPES, GRANTED, LIFE, WARNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Agent
    from sos.model.tokens import KnownToken, TokenRecord
    from sos.ports import Store


def add(store: Store, me: Agent, token: KnownToken, scopes: Sequence[str] | None, now: Millis, *, embedded: bool) -> None:
    """Make a token count as this agent's, with these scopes of those that it has a right to; with all of them where None.

    Over a server it lives for 30 days; the operator's live on: the server that it is at home with made them.

    Raises InvalidInput for a scope that is none, ScopeMissing for one that it has no right to, Conflict where the token is
    another's or was revoked.
    """
    known = store.tokens.by_key(token.key_id)
    if known is not None and (known.agent != me.slug or known.revoked_at is not None):
        why = "was revoked" if known.agent == me.slug else f"is {known.agent}'s"
        raise Conflict(f"the {token.service} token {token.key_id} {why}; nothing was changed", next_step="sos token list")
    most = grantable(store, me, token.service, embedded=embedded)
    ends = None if embedded or me.slug == OPERATOR else Millis(now + LIFE)
    record = record_of(token, me.slug, me.project, now, ends, most if scopes is None else scopes)
    more = ", ".join(sorted({*record.scopes} - {*most}))
    if more:
        raise ScopeMissing(f"{me.slug} has no right to {more}, so no token of it has")
    store.tokens.add(record)


def grant(store: Store, slug: str, scope: str, *, granted: bool) -> list[TokenRecord]:
    """Give an agent's tokens a scope, or take it from them, from the next request on; those that were changed, as they are.

    New tokens of the agent carry what its live ones do. One that was narrowed is not widened. Raises InvalidInput, UnknownAgent.
    """
    if scope not in GRANTED:
        raise InvalidInput(f"{scope[:60]!a} is not granted to anybody", next_step=f"grant {' or '.join(sorted(GRANTED))}")
    agent = store.agents.agent(address_name(slug))
    if agent is None or agent.slug == OPERATOR:
        raise unknown(store, slug)
    changed = []
    for record in store.tokens.of(agent.slug):
        if scope not in AGENT_SCOPES[record.service] or (granted and not is_whole(record)):
            continue
        rest = [each for each in record.scopes if each != scope]
        scopes = tuple([*rest, scope] if granted else rest)
        if (scope in record.scopes) != granted and store.tokens.rescope(record.key_id, scopes):
            changed.append(record.replace(scopes=scopes))
    return changed


def warn(store: Store, record: TokenRecord, now: Millis) -> None:
    """Tell an agent, once at each of some times before, that its token will expire: it should have been renewed long ago."""
    if record.expires_at is None:
        return
    near = [hours for hours in WARNED if record.expires_at - now <= hours * HOUR]
    if near:
        text = (
            f"Your {record.service} token {record.key_id} expires at {iso(record.expires_at)}, in less than {near[0]} h, and no"
            f" sos command has renewed it. Run: sos whoami --as {record.agent}   (or sos token rotate {record.service})"
        )
        store.agents.notify(Notice(agent=record.agent, at=now, code="token_expires", text=text))


def revoke(store: Store, me: Agent, key: str, now: Millis, *, anybodys: bool) -> bool:
    """Revoke a token by its key id; whether it was live. Raises NotFound for another agent's, unless `anybodys`."""
    record = store.tokens.by_key(key)
    if record is None or (me.slug != record.agent and not anybodys):
        raise NotFound(f"no token {key!a}", next_step="sos token list")
    live = store.tokens.revoke(key, now)
    store.nudge(record.agent)  # an open stream of this token asks again, and ends
    return live
