"""Every agent's rings on one connection: for who wakes many."""

from __future__ import annotations

import time
from contextlib import contextmanager

import redis

from sos.model.errors import StoreUnreachable
from sos.stores.redis import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.client import PubSub

    from sos.stores.redis.server import Server

_MOST = 1000


class RedisListener:
    """The port `Listener`."""

    def __init__(self, subscribed: PubSub, prefix: str) -> None:
        self._subscribed = subscribed
        self._prefix = prefix

    def heard(self, seconds: float) -> set[str]:
        """See `ports.Listener.heard`. Raises StoreUnreachable where the connection is lost: rings may be lost then too."""
        found: set[str] = set()
        ends = time.monotonic() + seconds
        try:
            while len(found) < _MOST:
                left = 0.0 if found else max(ends - time.monotonic(), 0.0)
                message = self._subscribed.get_message(timeout=left)
                if message is not None and message["type"] == "pmessage":
                    found.add(message["channel"].decode("ascii", "replace").removeprefix(self._prefix))
                elif message is None and (found or time.monotonic() >= ends):
                    break
        except (redis.RedisError, OSError) as error:
            raise StoreUnreachable(f"the connection that rings are heard on is lost: {error}") from error
        return found


@contextmanager
def listening(server: Server) -> Iterator[RedisListener]:
    """See `ports.Store.listen`."""
    prefix = keys.channel(server.epoch, "")
    subscribed = server.subscriber()
    try:
        try:
            subscribed.psubscribe(prefix + "*")
            subscribed.get_message(timeout=1.0)  # that it is so: what rings from here on is heard
        except (redis.RedisError, OSError) as error:
            raise StoreUnreachable(f"rings cannot be listened to: {error}") from error
        yield RedisListener(subscribed, prefix)
    finally:
        subscribed.close()
