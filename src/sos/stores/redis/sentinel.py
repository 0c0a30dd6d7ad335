"""Which server is the primary, as the sentinels of a deployment say: asked anew for each connection, never remembered over one.

A connection that goes back to an address it knows may reach a primary that was just restarted and is about to be demoted: what
it stores there is thrown away. So each connection asks first, takes the answer of the newest configuration among those that a
majority gives, and makes sure of the server's role before anything is sent.
"""

from __future__ import annotations

from urllib.parse import unquote

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from sos.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Place = tuple[str, int]

SCHEME = "redis+sentinel://"
PORT = 26379
ASK_SECONDS = 0.5
"""How long one sentinel may take to answer."""
_FORM = "write it like redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/SERVICE/DB"


class Sentinels:
    """Those that watch one service. Threads may share it."""

    def __init__(self, places: list[Place], service: str, user: str | None, password: str | None) -> None:
        self._places = places
        self._service = service
        self._login = {"username": user, "password": password}
        #: Where the primary was when it was last asked for.
        self.primary: Place | None = None
        #: How often it was found elsewhere than before.
        self.moves = 0

    def find(self) -> Place:
        """Where the primary is. Raises redis.ConnectionError where no sentinel says so."""
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
            raise redis.ConnectionError(f"no sentinel names the primary of {self._service}: {'; '.join(remarks)}")
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
            connection.send_command("SENTINEL", "MASTER", self._service)
            flat = [each.decode() for each in connection.read_response()]
        finally:
            connection.disconnect()
        facts = dict(zip(flat[::2], flat[1::2], strict=True))
        return int(facts["config-epoch"]), (facts["ip"], int(facts["port"]))


class PrimaryConnection(redis.Connection):
    """A connection that goes to wherever the primary is when it is made."""

    def __init__(self, *, sentinels: Sentinels, **named: Any) -> None:
        self.sentinels = sentinels
        super().__init__(**named)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        self.host, self.port = self.sentinels.find()
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
        return (self.host, self.port) != self.sentinels.primary


def parse(url: str) -> tuple[Sentinels, str]:
    """The sentinels of a URL, and the URL of a server without its place. Raises InvalidInput, with no secret in it.

    `redis+sentinel://[user:password@]HOST[:PORT],…/SERVICE[/DB][?sentinel_username=…&sentinel_password=…]`: the name and the
    password before the `@` are the servers'.
    """
    login, _, rest = url.removeprefix(SCHEME).rpartition("@")
    address, _, query = rest.partition("?")
    hosts, _, path = address.partition("/")
    service, _, database = path.partition("/")
    places = [_place(each) for each in hosts.split(",") if each]
    if not places or not service or (database and not database.isdigit()):
        raise InvalidInput("this URL names no sentinels, no service, or no number of a database", next_step=_FORM)
    options = [each.partition("=") for each in query.split("&") if each]
    given = {name: unquote(value) for name, _, value in options}
    user, password = given.pop("sentinel_username", None), given.pop("sentinel_password", None)
    if given:
        raise InvalidInput(f"unknown in a URL of sentinels: {ascii(next(iter(given)))[:40]}", next_step=_FORM)
    inner = f"redis://{login}@primary/{database or 0}" if login else f"redis://primary/{database or 0}"
    return Sentinels(places, unquote(service), user, password), inner


def _place(text: str) -> Place:
    host, separator, port = text.rpartition(":")
    if text.endswith("]") or not separator:
        host, port = text, str(PORT)
    if not port.isdigit() or not host or not 0 < int(port) < 65536:
        raise InvalidInput("this URL names a sentinel without a host or with a port that is none", next_step=_FORM)
    return host.strip("[]"), int(port)
