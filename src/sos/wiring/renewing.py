"""An agent's own side renews its tokens: from two thirds of their life on, one after the other, under the lock of its home.

The new one is made here, made known with the old one, and proven; then it stands in the home, and only then the old one is
revoked. Ended anywhere, what stands in the home is live.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.model.errors import TokenDamaged
from sos.model.tokens import AGENT_SERVICES, RENEWED, SERVICES, mint, parse_token
from sos.remote.connection import HttpConnection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis
    from sos.model.tokens import Service, TokenRecord
    from sos.settings import Settings


def renew_due(settings: Settings, connection: object) -> list[Service]:
    """Renew what is due of a connection's tokens, where it has any that a server let expire; for which services.

    None while another process does it.

    A token of the environment is left to whoever put it there. Raises SosError: the old tokens live on then.
    """
    if not isinstance(connection, HttpConnection) or not _is_due(connection, connection.expires):
        return []
    path = homes.path_of(settings.home, connection.slug)
    lock = files.Lock(os.path.join(path, "token.lock"), 0.0)
    if not lock.acquire():
        return []
    try:
        known = {record.key_id: record for record in connection.tokens()}
        return [service for service in AGENT_SERVICES if _renewed(connection, path, service, known)]
    finally:
        lock.close()


def _renewed(connection: HttpConnection, path: str, service: Service, known: dict[str, TokenRecord]) -> bool:
    text = homes.load_token(path, service)
    if text is None or text != connection.token_of(service):
        return False  # of the environment, or another process was faster
    try:
        record = known.get(parse_token(text).key_id)
    except TokenDamaged:
        return False
    if record is None or not _is_due(connection, record.expires_at):
        return False
    fresh = mint(SERVICES[service])
    connection.add_token(fresh.known, record.scopes)
    connection.hold(service, fresh.text)
    try:
        _prove(connection, service)
        homes.save_token(path, fresh)
    except BaseException:
        connection.hold(service, text)
        raise
    connection.revoke_token(record.key_id)
    return True


def _is_due(connection: HttpConnection, expires: Millis | None) -> bool:
    return expires is not None and expires - connection.clock.now() <= RENEWED


def _prove(connection: HttpConnection, service: Service) -> None:
    """Ask the service something with the new token. Raises what it is refused with."""
    match service:
        case "bus":
            connection.myself()
        case "registry":
            connection.tokens()
        case _:
            connection.skills(owner=connection.slug)
