"""Who asks: the agent whose token a request shows, and the connection that acts for it."""

from __future__ import annotations

from functools import lru_cache

from sos.core.access import identify
from sos.core.connection import LocalConnection
from sos.model.errors import InvalidInput, RateLimited, TokenRefused, Unauthenticated
from sos.model.operations import AGENT_HEADER, NO_SESSION, SESSION_HEADER
from sos.model.tokens import parse_token
from sos.server.limits import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Scope

    from sos.model.addresses import Convention, GlobalSpelling
    from sos.model.tokens import Service, Token, TokenRecord
    from sos.ports import Clock, Store

    Heads = Mapping[bytes, bytes]

_SESSION, _AGENT = SESSION_HEADER.lower().encode(), AGENT_HEADER.lower().encode()
MAX_SESSION = 128


REFUSALS = 10.0
"""Wrong tokens a second that one address may show for long, and ten times as many at once."""


class Callers:
    """From the headers of a request to a connection over the store. `spelling`, `conventions`: as the settings say."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        spelling: GlobalSpelling = "agent",
        conventions: Sequence[Convention] = (),
        rate: int = 0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._spelling = spelling
        self._conventions = conventions
        self._asked = Limits(rate, 2 * rate)
        self._refused = Limits(REFUSALS, 10 * REFUSALS)

    def record(self, service: Service, headers: Heads, source: str) -> TokenRecord:
        """What is known of the token. `source`: the address that it came from. Raises TokenRefused and its kin, RateLimited."""
        try:
            token = _shown(service, headers)
            # Others may come from the same address, behind one proxy: whose token was good before is looked up all the same.
            if self._refused.is_empty(source) and not self._asked.knows(token.key_id):
                raise RateLimited(f"too many wrong tokens came from {source}")
            record = identify(self._store, token.text, service, self._clock.now())
        except Unauthenticated:
            if not self._refused.take(source):
                raise RateLimited(f"too many wrong tokens came from {source}") from None
            raise
        if not self._asked.take(record.key_id):
            raise RateLimited(f"the {service} token {record.key_id} was shown too often in a while")
        meant = headers.get(_AGENT, b"").decode("latin-1")
        if meant and meant != record.agent:
            raise TokenRefused(f"the {service} token {record.key_id} is {record.agent}'s", next_step="sos token where")
        return record

    def known(self, headers: Heads) -> TokenRecord:
        """What is known now of a bus token that `record` has let in: a stream asks again, and is not counted again."""
        return identify(self._store, _shown("bus", headers).text, "bus", self._clock.now())

    def connection(
        self, record: TokenRecord, headers: Heads, *, own: bool | None = None, also: tuple[str, ...] = ()
    ) -> LocalConnection:
        """The connection of whose token this is. `own`: whether it is the agent's own body; else as the session says.

        `also`: scopes beside the token's. Raises TokenRefused.
        """
        agent = self._store.agents.agent(record.agent)
        if agent is None:
            raise TokenRefused(f"the agent of the token {record.key_id} is gone", next_step="sos join --name NAME")
        session = headers.get(_SESSION)
        return LocalConnection(
            self._store,
            agent,
            self._clock,
            _session(session),
            scopes=(*record.scopes, *also),
            own=session is not None if own is None else own,
            spelling=self._spelling,
            assurance="token",
            conventions=self._conventions,
        )


def source_of(scope: Scope) -> str:
    """The address that a request came from: of the last proxy, where there is one."""
    client = scope.get("client")
    return client[0] if client else "-"


def _shown(service: Service, headers: Heads) -> Token:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused(f"no token was shown; the {service} needs one", next_step="sos token where")
    return _parsed(token)


def _session(value: bytes | None) -> str:
    """The session of a body. Raises InvalidInput for what no runtime calls one."""
    name = NO_SESSION if value is None else value.decode("latin-1")
    if not (0 < len(name) <= MAX_SESSION and name.isascii() and name.isprintable() and " " not in name):
        raise InvalidInput(f"a session is 1 to {MAX_SESSION} printable characters")
    return "" if name == NO_SESSION else name


@lru_cache(1_000)
def _parsed(text: str) -> Token:
    """A token that was shown before need not be proven free of typing errors again. What it opens is asked anew each time."""
    return parse_token(text)
