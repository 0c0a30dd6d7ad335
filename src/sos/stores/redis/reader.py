"""Looking into streams that others write: as `core.importing` wants it, all of one look at one moment. Writes nothing."""

from __future__ import annotations

from sos.model.foreign import read_entry
from sos.model.streams import START, Look, parse_entry_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sos.model.addresses import Address
    from sos.model.foreign import Foreign
    from sos.model.streams import Wanted
    from sos.stores.redis.server import Server


class StreamReader:
    """Reads streams of the server that a store is in."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def look(self, wanted: Wanted) -> Look:
        """What stands in a stream. What is no stream is an empty one. Raises StoreUnreachable."""
        # `before` is exclusive, and the server's `(` wants a version of its own for that: since Redis 6.2.
        before = "+" if wanted.before is None else f"({wanted.before}"
        order = "newest" if wanted.newest else "oldest"
        found = self._server.script("look", wanted.stream, wanted.after, before, wanted.limit, order)
        if not found:
            return Look(stream=wanted.stream, entries=(), last=START, first=START)
        last, first, at, entries, earlier = found
        here = [_entry(wanted.stream, each) for each in at]
        return Look(
            stream=wanted.stream,
            entries=tuple(_entry(wanted.stream, each) for each in entries),
            last=parse_entry_id(last),
            first=parse_entry_id(first),
            mark=here[0].mark if here else "",
            earlier=earlier,
        )

    def written(self, addresses: Sequence[Address]) -> dict[Address, int]:
        """Which of these addresses hold entries, and since when (milliseconds): for the split-brain check."""
        made = {}
        for address in addresses:
            found = self._server.script("look", address, START, "+", 1, "oldest")
            if found and found[3]:
                made[address] = int(found[1].partition(b"-")[0])
        return made


def _entry(stream: Address, entry: list[Any]) -> Foreign:
    place, flat = entry
    return read_entry(stream, parse_entry_id(place), dict(zip(flat[::2], flat[1::2], strict=True)))
