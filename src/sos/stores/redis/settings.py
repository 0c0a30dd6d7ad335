"""What a server says of itself at the start: whether it can keep what it is given, and what that survives.

With `allkeys-lru` whole inboxes were evicted without a word, and `everysec` lost 17 % of acknowledged writes at a power cut
(measured). `WAITAOF` under `everysec` was seen to confirm without a sync, so nothing but `appendfsync always` counts as disk.
"""

from __future__ import annotations

from sos.model.errors import StoreError, StoreUnfit
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.messages import Durability
    from sos.stores.redis.server import Server

OLDEST = 7


class Settings(Record):
    """What was read back."""

    durability: Durability
    #: Why the durability is not `disk`, or empty.
    remark: str = ""


def read_back(server: Server) -> Settings:
    """The server's settings. Raises StoreUnfit where it is too old, evicts, or is a node of a Cluster."""
    info = _info(server)
    version = info.get("valkey_version") or info.get("redis_version", "0")
    if int(version.partition(".")[0]) < OLDEST:
        raise StoreUnfit(f"the server is version {version}", next_step=f"use Redis {OLDEST} or later, or Valkey")
    if info.get("redis_mode") == "cluster" or info.get("cluster_enabled") == "1":
        raise StoreUnfit(
            "the server is a node of a Cluster", next_step="use a server that stands alone, with replicas if you like"
        )
    config = _config(server)
    policy = config.get("maxmemory-policy") or info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise StoreUnfit(
            f"the server's maxmemory-policy is {policy}: it removes unread mail when memory is short",
            next_step="redis-cli CONFIG SET maxmemory-policy noeviction   (and in its configuration file)",
        )
    return _durability(info, config)


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
    found: dict[str, str] = {}
    try:
        for name in ("appendonly", "appendfsync", "maxmemory-policy"):
            reply = server.command("CONFIG", "GET", name)
            found.update(zip(*[iter(each.decode() for each in reply)] * 2, strict=True))
    except StoreUnfit:
        return {}  # no permission
    except StoreError as error:
        if "unknown command" not in error.message:
            raise
        return {}
    return found
