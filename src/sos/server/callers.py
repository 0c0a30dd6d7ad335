"""Who asks: the agent whose token a request shows, and the connection that acts for it."""

from __future__ import annotations

from sos.core.access import identify
from sos.core.connection import LocalConnection
from sos.model.errors import InvalidInput, TokenRefused
from sos.model.operations import AGENT_HEADER, NO_SESSION, SESSION_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.addresses import Convention, GlobalSpelling
    from sos.model.tokens import Service, TokenRecord
    from sos.ports import Clock, Store

    Heads = Mapping[bytes, bytes]

_SESSION, _AGENT = SESSION_HEADER.lower().encode(), AGENT_HEADER.lower().encode()
MAX_SESSION = 128


class Callers:
    """From the headers of a request to a connection over the store. `spelling`, `conventions`: as the settings say."""

    def __init__(
        self, store: Store, clock: Clock, spelling: GlobalSpelling = "agent", conventions: Sequence[Convention] = ()
    ) -> None:
        self._store = store
        self._clock = clock
        self._spelling = spelling
        self._conventions = conventions

    def record(self, service: Service, headers: Heads) -> TokenRecord:
        """What is known of the token. Raises TokenRefused and its kin."""
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRefused(f"no token was shown; the {service} needs one", next_step="sos token where")
        record = identify(self._store, token, service, self._clock.now())
        meant = headers.get(_AGENT, b"").decode("latin-1")
        if meant and meant != record.agent:
            raise TokenRefused(f"the {service} token {record.key_id} is {record.agent}'s", next_step="sos token where")
        return record

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


def _session(value: bytes | None) -> str:
    """The session of a body. Raises InvalidInput for what no runtime calls one."""
    name = NO_SESSION if value is None else value.decode("latin-1")
    if not (0 < len(name) <= MAX_SESSION and name.isascii() and name.isprintable() and " " not in name):
        raise InvalidInput(f"a session is 1 to {MAX_SESSION} printable characters")
    return "" if name == NO_SESSION else name
