"""Which nodes of a Cluster have what: our own keys stand in one slot, streams that others write too in whichever their names say.

Only the node of our slot is ever asked to store a step. While that slot moves to another node, the old one refuses steps and the
new one too, until all of it is there: a step would find half of what it asks for, and take that for the truth.
"""

from __future__ import annotations

import threading

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from sos.model.errors import InvalidInput, StoreUnfit
from sos.stores.redis import keys
from sos.stores.redis.primary import Finder, places_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.stores.redis.primary import Place

SCHEME = "redis+cluster://"
PORT = 6379
OURS = key_slot(keys.TAG.encode())
"""The slot of all keys of ours."""
_FORM = "write it like redis+cluster://HOST:PORT,HOST:PORT,HOST:PORT"
_MOST = 64
"""Connections to one node for what stands in other slots."""

Slots = list[tuple[int, int, "Place", int]]
"""First slot, last slot, its primary, and the number of its configuration."""


class Cluster(Finder):
    """The nodes of one Cluster. Threads may share it."""

    def __init__(self, places: list[Place], user: str | None, password: str | None, seconds: float) -> None:
        super().__init__(places, user, password)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._slots: Slots = []
        self._pools: dict[Place, redis.ConnectionPool] = {}

    def _nobody(self) -> str:
        return "no node of the Cluster says who has our keys"

    def _ask(self, place: Place) -> tuple[int, Place]:
        with self._at(place) as connection:
            connection.send_command("CLUSTER", "NODES")
            try:
                lines = connection.read_response().decode().splitlines()
            except redis.ResponseError as error:
                if "cluster support disabled" not in str(error):
                    raise
                raise StoreUnfit("the server is no node of a Cluster", next_step="name it as redis://HOST:PORT/0") from error
        self._slots = slots = [each for line in lines for each in _slots_of(line, place)]
        for first, last, owner, epoch in slots:
            if first <= OURS <= last:
                return epoch, owner
        raise redis.ConnectionError("no node has the slot of our keys")

    def pool(self, slot: int) -> Any:
        """Connections to the node of a slot. Raises redis.ConnectionError where there is none."""
        if not self._slots:
            self.find()
        for first, last, owner, _ in self._slots:
            if first <= slot <= last:
                return self.pool_of(owner)
        raise redis.ConnectionError(f"no node of the Cluster has slot {slot}")

    def primaries(self) -> list[Place]:
        """All that have slots."""
        self.find()
        return sorted({owner for _, _, owner, _ in self._slots})

    def pool_of(self, place: Place) -> Any:
        """Connections to one node."""
        with self._lock:
            if place not in self._pools:
                for gone in self._pools.keys() - {owner for _, _, owner, _ in self._slots}:
                    self._pools.pop(gone).disconnect()
                self._pools[place] = redis.ConnectionPool(
                    host=place[0],
                    port=place[1],
                    **self._login,
                    protocol=2,
                    retry=Retry(NoBackoff(), 0),
                    socket_timeout=self._seconds,
                    socket_connect_timeout=self._seconds,
                    health_check_interval=0,
                    max_connections=_MOST,
                )
            return self._pools[place]

    def look_again(self) -> None:
        """A node says that something is not there, or not any more: the next call asks who has what."""
        self._slots = []

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.disconnect()


def _slots_of(line: str, asked: Place) -> Slots:
    """The slots of one node, by its line of CLUSTER NODES (https://redis.io/docs/latest/commands/cluster-nodes/)."""
    _, address, flags, _, _, _, epoch, _, *several = line.split(" ")
    if "master" not in flags or "noaddr" in flags:
        return []
    host, _, port = address.partition("@")[0].rpartition(":")
    place = (host or asked[0], int(port))
    ranges = [each.partition("-") for each in several if not each.startswith("[")]
    return [(int(first), int(last or first), place, int(epoch)) for first, _, last in ranges]


def parse(url: str, seconds: float) -> tuple[Cluster, str]:
    """The nodes of a URL, and the URL of a server without its place. Raises InvalidInput, with no secret in it.

    `redis+cluster://[user:password@]HOST[:PORT],…`: some nodes, from which the others are learned. `seconds`: of one attempt.
    """
    login, _, rest = url.removeprefix(SCHEME).rpartition("@")
    hosts, _, path = rest.partition("/")
    if path not in {"", "0"} or "?" in rest:
        raise InvalidInput("a Cluster has one database, and its URL has no options", next_step=_FORM)
    places = places_of(hosts, PORT, _FORM)
    if not places:
        raise InvalidInput("this URL names no node of a Cluster", next_step=_FORM)
    inner = f"redis://{login}@primary/0" if login else "redis://primary/0"
    parsed = redis.connection.parse_url(inner)  # type: ignore[no-untyped-call]
    return Cluster(places, parsed.get("username"), parsed.get("password"), seconds), inner
