"""Which server is the primary: asked anew for each connection, never remembered over one.

A connection that goes back to an address it knows may reach a primary that was just restarted and is about to be demoted: what
it stores there is thrown away. So each connection asks first, takes the answer of the newest configuration among those that a
majority gives, and makes sure of the server's role before anything is sent.
"""

from __future__ import annotations

from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from sos.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Place = tuple[str, int]

ASK_SECONDS = 0.5
"""How long one who knows may take to answer."""


class Finder:
    """Those who know where the primary is. Threads may share it."""

    def __init__(self, places: list[Place], user: str | None, password: str | None) -> None:
        self._places = places
        self._login: dict[str, Any] = {"username": user, "password": password}
        #: Where the primary was when it was last asked for.
        self.primary: Place | None = None
        #: How often it was found elsewhere than before.
        self.moves = 0

    def find(self) -> Place:
        """Where the primary is. Raises redis.ConnectionError where nobody says so."""
        answers: list[tuple[int, Place]] = []
        remarks: list[str] = []
        for place in list(self._places):
            try:
                answers.append(self._ask(place))
            except (redis.RedisError, OSError, ValueError) as error:
                remarks.append(f"{place[0]}:{place[1]} {error}")
                self._last(place)
            if len(answers) > len(self._places) // 2:
                break
        if not answers:
            raise redis.ConnectionError(f"{self._nobody()}: {'; '.join(remarks)}")
        found = max(answers)[1]
        if self.primary not in (None, found):
            self.moves += 1
        self.primary = found
        return found

    def _last(self, place: Place) -> None:
        """Who does not answer is asked last, or each connection would wait for it."""
        self._places = [*(each for each in self._places if each != place), place]

    def _ask(self, place: Place) -> tuple[int, Place]:
        """The configuration's number, and where the primary is."""
        raise NotImplementedError

    def _nobody(self) -> str:
        """That nobody says where the primary is, in words."""
        raise NotImplementedError

    @contextmanager
    def _at(self, place: Place) -> Iterator[Any]:
        """A connection to one who knows."""
        connection: Any = redis.Connection(  # type: ignore[no-untyped-call]
            host=place[0],
            port=place[1],
            socket_timeout=ASK_SECONDS,
            socket_connect_timeout=ASK_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            **self._login,
        )
        try:
            connection.connect()
            yield connection
        finally:
            connection.disconnect()


class PrimaryConnection(redis.Connection):
    """A connection that goes to wherever the primary is when it is made."""

    def __init__(self, *, finder: Finder, **named: Any) -> None:
        self.finder = finder
        super().__init__(**named)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        self.host, self.port = self.finder.find()
        return super()._connect()  # type: ignore[no-untyped-call]

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Greet the server, and make sure that it is a primary."""
        super().on_connect_check_health(check_health=check_health)
        try:
            self.send_command("ROLE")  # type: ignore[no-untyped-call]
            role = self.read_response()[0]
        except NoPermissionError:
            return  # then a replica says so itself, at the first write
        if role != b"master":
            raise redis.ConnectionError(f"{self.host}:{self.port} is no primary any more, or not yet")

    @property
    def is_astray(self) -> bool:
        """Whether the primary was found elsewhere since this connection was made."""
        return (self.host, self.port) != self.finder.primary


def places_of(hosts: str, port: int, form: str) -> list[Place]:
    """The places of `HOST[:PORT],…`. Raises InvalidInput; `form` says how a URL is written."""
    return [_place(each, port, form) for each in hosts.split(",") if each]


def _place(text: str, default: int, form: str) -> Place:
    host, separator, port = text.rpartition(":")
    if text.endswith("]") or not separator:
        host, port = text, str(default)
    if not port.isdigit() or not host or not 0 < int(port) < 65536:
        raise InvalidInput("this URL names a server without a host or with a port that is none", next_step=form)
    return host.strip("[]"), int(port)
