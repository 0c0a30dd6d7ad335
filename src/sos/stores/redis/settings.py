"""What a server says of itself, at the start and again: whether it can keep what it is given, and what that survives.

With `allkeys-lru` whole inboxes were evicted without a word, and `everysec` lost 17 % of acknowledged writes at a power cut
(measured). `WAITAOF` under `everysec` was seen to confirm without a sync, so nothing but `appendfsync always` counts as disk; and
where a replica may take over that has not everything, not even that: what the old primary's disk holds is thrown away then.
"""

from __future__ import annotations

import threading
import time

from sos.model.errors import StoreError, StoreUnfit, StoreUnreachable
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.messages import Durability
    from sos.stores.redis.server import Server

OLDEST = 7
AGAIN_SECONDS = 5.0
"""How old what is known of the settings may be when something is sent."""
_HELLO = "__sentinel__:hello"
"""Where sentinels listen at each server that they watch."""


class Settings(Record):
    """What was read back."""

    durability: Durability
    #: Why the durability is not `disk`, or empty.
    remark: str = ""


class Terms:
    """The settings as they are now: read again on the way of a send, since anybody may change them at any time."""

    def __init__(self, server: Server, again_seconds: float = AGAIN_SECONDS) -> None:
        self._server = server
        self._again_seconds = again_seconds
        self._lock = threading.Lock()
        self.found = read_back(server)
        self._due = time.monotonic() + again_seconds
        self._moves = server.moves
        self._unfit: StoreUnfit | None = None

    def durability(self) -> Durability:
        """What a message survives that is sent now. Raises StoreUnfit where the server may no longer be sent to."""
        if (time.monotonic() >= self._due or self._moves != self._server.moves) and self._lock.acquire(blocking=False):
            try:
                self._read_again()
            finally:
                self._lock.release()
        if self._unfit is not None:
            raise StoreUnfit(self._unfit.message, next_step=self._unfit.next_step)
        return self.found.durability

    def _read_again(self) -> None:
        moves = self._server.moves
        try:
            self.found = read_back(self._server)
            self._unfit = None
        except StoreUnfit as error:
            self._unfit = error
        except StoreUnreachable:
            return  # the send will find out by itself; the next one reads again
        self._due, self._moves = time.monotonic() + self._again_seconds, moves


def read_back(server: Server) -> Settings:
    """The server's settings. Raises StoreUnfit where it is too old, evicts, or is a node of a Cluster and not named so."""
    info = _info(server)
    version = info.get("valkey_version") or info.get("redis_version", "0")
    if int(version.partition(".")[0]) < OLDEST:
        raise StoreUnfit(f"the server is version {version}", next_step=f"use Redis {OLDEST} or later, or Valkey")
    if not server.is_cluster and info.get("cluster_enabled") == "1":
        raise StoreUnfit(
            "the server is a node of a Cluster", next_step="name it so: redis+cluster://HOST:PORT,HOST:PORT,HOST:PORT"
        )
    config = _config(server)
    policy = config.get("maxmemory-policy") or info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise StoreUnfit(
            f"the server's maxmemory-policy is {policy}: it removes unread mail when memory is short",
            next_step="redis-cli CONFIG SET maxmemory-policy noeviction   (and in its configuration file)",
        )
    if server.is_cluster and info.get("connected_slaves") != "0":
        return Settings(
            durability="memory",
            remark="the node has replicas, and the Cluster may put one in its place that lacks the newest messages",
        )
    if not server.is_cluster and _is_watched(server):
        return Settings(
            durability="memory",
            remark="sentinels watch the server, and may put a replica in its place that lacks the newest messages",
        )
    return _durability(info, config)


def _is_watched(server: Server) -> bool:
    """Whether a replica may take over by itself: we came by sentinels, or some listen at this server."""
    if server.may_move:
        return True
    try:
        return int(server.command("PUBSUB", "NUMSUB", _HELLO)[1]) > 0
    except StoreUnreachable:
        raise
    except StoreError:
        return False  # forbidden: who hides this hides how it syncs as well, and that counts as memory


def _durability(info: dict[str, str], config: dict[str, str]) -> Settings:
    if not config:
        if info.get("aof_enabled") == "0":
            return Settings(durability="memory", remark="the server keeps no log (appendonly no)")
        return Settings(
            durability="memory", remark="the server does not show its settings (CONFIG GET), so how it syncs is unknown"
        )
    if config.get("appendonly") != "yes":
        return Settings(durability="memory", remark="the server keeps no log (appendonly no)")
    sync = config.get("appendfsync", "")
    if sync == "always":
        return Settings(durability="disk")
    if sync == "everysec":
        return Settings(durability="fsync≤1s", remark="the server syncs its log every second (appendfsync everysec)")
    return Settings(durability="memory", remark=f"the server never syncs its log (appendfsync {sync})")


def _info(server: Server) -> dict[str, str]:
    reply: bytes = server.command("INFO")
    lines = reply.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _config(server: Server) -> dict[str, str]:
    """The settings that count, or nothing where the server hides them (as hosted ones do)."""
    try:
        reply = server.command("CONFIG", "GET", "appendonly", "appendfsync", "maxmemory-policy")
    except StoreUnfit:
        return {}  # no permission
    except StoreError as error:
        if "unknown command" not in error.message:
            raise
        return {}
    return dict(zip(*[iter(each.decode() for each in reply)] * 2, strict=True))
