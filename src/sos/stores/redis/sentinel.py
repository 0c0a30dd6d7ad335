"""Which server is the primary, as the sentinels of a deployment say."""

from __future__ import annotations

from urllib.parse import unquote

from sos.model.errors import InvalidInput
from sos.stores.redis.primary import Finder, places_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.stores.redis.primary import Place

SCHEME = "redis+sentinel://"
PORT = 26379
_FORM = "write it like redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/SERVICE/DB"


class Sentinels(Finder):
    """Those that watch one service."""

    def __init__(self, places: list[Place], service: str, user: str | None, password: str | None) -> None:
        super().__init__(places, user, password)
        self._service = service

    def _nobody(self) -> str:
        return f"no sentinel names the primary of {self._service}"

    def _ask(self, place: Place) -> tuple[int, Place]:
        with self._at(place) as connection:
            connection.send_command("SENTINEL", "MASTER", self._service)
            flat = [each.decode() for each in connection.read_response()]
        facts = dict(zip(flat[::2], flat[1::2], strict=True))
        return int(facts["config-epoch"]), (facts["ip"], int(facts["port"]))


def parse(url: str) -> tuple[Sentinels, str]:
    """The sentinels of a URL, and the URL of a server without its place. Raises InvalidInput, with no secret in it.

    `redis+sentinel://[user:password@]HOST[:PORT],…/SERVICE[/DB][?sentinel_username=…&sentinel_password=…]`: the name and the
    password before the `@` are the servers'.
    """
    login, _, rest = url.removeprefix(SCHEME).rpartition("@")
    address, _, query = rest.partition("?")
    hosts, _, path = address.partition("/")
    service, _, database = path.partition("/")
    places = places_of(hosts, PORT, _FORM)
    if not places or not service or (database and not database.isdigit()):
        raise InvalidInput("this URL names no sentinels, no service, or no number of a database", next_step=_FORM)
    options = [each.partition("=") for each in query.split("&") if each]
    given = {name: unquote(value) for name, _, value in options}
    user, password = given.pop("sentinel_username", None), given.pop("sentinel_password", None)
    if given:
        raise InvalidInput(f"unknown in a URL of sentinels: {ascii(next(iter(given)))[:40]}", next_step=_FORM)
    inner = f"redis://{login}@primary/{database or 0}" if login else f"redis://primary/{database or 0}"
    return Sentinels(places, unquote(service), user, password), inner
