"""Looking into streams that others write: as `core.importing` wants it, each look at one moment. Writes nothing."""

from __future__ import annotations

from sos.model.addresses import PREFIX, Address
from sos.model.foreign import read_entry
from sos.model.streams import START, Look, Written, parse_entry_id
from sos.model.times import Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sos.model.foreign import Foreign
    from sos.model.streams import Wanted
    from sos.stores.redis.server import Server

PAGE = 1000
"""Keys that one script looks at: about a millisecond in which the server does nothing else."""


class RedisReader:
    """The port `StreamReader` over the database that a store is in. In a Cluster each stream is looked at by itself."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def looks(self, wanted: Sequence[Wanted]) -> list[Look]:
        """See `ports.StreamReader.looks`. All of them show one moment here, except in a Cluster."""
        words = [_asked(each) for each in wanted]
        if self._server.is_cluster:
            found = [self._server.script_at("look", str(each[0]), "", *each)[0] for each in words]
        else:
            found = self._server.script("look", *(word for each in words for word in each)) if words else []
        return [_look(each.stream, look) for each, look in zip(wanted, found, strict=True)]

    def written(self, configured: Sequence[Address], pages: int) -> Written:
        """See `ports.StreamReader.written`. Each page is a call of its own, with a deadline of its own."""
        found: list[bytes] = []
        if self._server.is_cluster:
            for stream in configured:
                found += self._server.script_at("written", stream, "", "", 0, "", stream)[1]
        else:
            for start in range(0, len(configured), PAGE):
                found += self._server.script("written", "", 0, "", *configured[start : start + PAGE])[1]
        complete = True
        for run in self._server.scripts("written"):
            position: bytes | str = "0"
            while pages > 0 and (position != b"0"):
                position, more = run(position, PAGE, PREFIX)
                found, pages = found + more, pages - 1
            complete = complete and position == b"0"
        pairs = zip(found[::2], found[1::2], strict=True)
        since = {Address(name.decode("utf-8", "replace")): Millis(int(place.partition(b"-")[0])) for name, place in pairs}
        return Written(since=since, complete=complete)


def _asked(each: Wanted) -> list[str | int]:
    # `before` is exclusive, and the server's `(` wants a version of its own for that: since Redis 6.2.
    before = "+" if each.before is None else f"({each.before}"
    return [each.stream, each.after, before, each.limit, "newest" if each.newest else "oldest"]


def _look(stream: Address, found: list[Any]) -> Look:
    if not found:
        return Look(stream=stream, entries=(), last=START, first=START, added=0)
    last, first, at, entries, earlier, added = found
    here = [_entry(stream, each) for each in at]
    return Look(
        stream=stream,
        entries=tuple(_entry(stream, each) for each in entries),
        last=parse_entry_id(last),
        first=parse_entry_id(first),
        mark=here[0].mark if here else "",
        earlier=earlier,
        added=added,
    )


def _entry(stream: Address, entry: list[Any]) -> Foreign:
    place, flat = entry
    return read_entry(stream, parse_entry_id(place), dict(zip(flat[::2], flat[1::2], strict=True)))
