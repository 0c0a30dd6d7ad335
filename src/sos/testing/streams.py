"""A foreign stream in memory that behaves as Redis's do, and an agent that imports from such streams."""

from __future__ import annotations

from sos.core import importing
from sos.model.addresses import PREFIX, Address, broadcast_address, read_addresses
from sos.model.foreign import read_entry
from sos.model.names import Slug
from sos.model.streams import START, EntryId, Look, Written, order
from sos.model.times import Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.agents import Agent
    from sos.model.streams import Batch, Cursor, Taken, Wanted
    from sos.testing.world import World

    Backup = tuple[list[tuple[EntryId, dict[str, str]]], EntryId, int]

PROJECT, GLOBAL, PRIVATE, OLDER, PROJECT_BROADCAST, *_ = read_addresses(Slug("bb"), "bb", "p")
EVERYBODY = broadcast_address(None)


class ForeignStream:
    """One stream: ids only grow, until somebody deletes or restores it."""

    def __init__(self, name: Address) -> None:
        self.name = name
        self.entries: list[tuple[EntryId, dict[str, str]]] = []
        self.last = START
        self.added = 0

    def add(self, at: int, **fields: str) -> EntryId:
        """An old client's raw XADD, at a time of the server's clock."""
        millis, number = order(self.last)
        self.last = EntryId(f"{at}-0" if at > millis else f"{millis}-{number + 1}")
        self.entries.append((self.last, fields))
        self.added += 1
        return self.last

    def flush(self) -> None:
        """The stream is gone."""
        self.entries, self.last, self.added = [], START, 0

    def trim(self, keep: int) -> None:
        """XTRIM MAXLEN."""
        self.entries = self.entries[len(self.entries) - keep :]

    def delete(self, entry: EntryId) -> None:
        """XDEL."""
        self.entries = [(place, fields) for place, fields in self.entries if place != entry]

    def saved(self) -> Backup:
        """A backup."""
        return list(self.entries), self.last, self.added

    def restore(self, backup: Backup) -> None:
        """What a failover to a late replica, or a restore, makes of it."""
        self.entries, self.last, self.added = list(backup[0]), backup[1], backup[2]

    def look(self, wanted: Wanted) -> Look:
        """What a reader fetches."""
        found = [
            (place, fields)
            for place, fields in self.entries
            if order(place) > order(wanted.after) and (wanted.before is None or order(place) < order(wanted.before))
        ]
        found = found[-wanted.limit :] if wanted.newest else found[: wanted.limit]
        places = [place for place, _ in self.entries]
        return Look(
            stream=self.name,
            entries=tuple(read_entry(self.name, place, fields) for place, fields in found),
            last=self.last,
            first=places[0] if places else START,
            mark=next((read_entry(self.name, place, fields).mark for place, fields in self.entries if place == wanted.after), ""),
            earlier=places.index(found[0][0]) if found else 0,
        )


class MemoryReader:
    """The port `StreamReader` over streams in memory. Those that say how many entries they were given, as Redis does since 7."""

    def __init__(self, streams: Mapping[Address, ForeignStream]) -> None:
        self._streams = streams

    def looks(self, wanted: Sequence[Wanted]) -> list[Look]:
        """See `ports.StreamReader.looks`."""
        return [self._look(each) for each in wanted]

    def _look(self, wanted: Wanted) -> Look:
        stream = self._streams.get(wanted.stream)
        if stream is None or stream.last == START:
            return Look(stream=wanted.stream, entries=(), last=START, first=START, added=0)
        look = stream.look(wanted)
        is_end = not wanted.newest and wanted.before is None and len(look.entries) < wanted.limit
        return look.replace(added=stream.added) if is_end else look

    def written(self, configured: Sequence[Address], pages: int) -> Written:
        """See `ports.StreamReader.written`. One page holds one stream."""
        named = [name for name in self._streams if name.startswith(PREFIX)]
        there = [name for name in (*configured, *named[:pages]) if name in self._streams and self._streams[name].entries]
        since = {name: Millis(order(self._streams[name].entries[0][0])[0]) for name in there}
        return Written(since=since, complete=pages >= len(named))


class Deployment:
    """A world beside streams of an older deployment."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.streams: dict[Address, ForeignStream] = {}

    def stream(self, name: Address) -> ForeignStream:
        """One of the streams, made at its first mention."""
        return self.streams.setdefault(name, ForeignStream(name))

    def add(self, text: str, name: Address = GLOBAL, *, ago: int = 0, source: str = "agent:old", **fields: str) -> EntryId:
        """An entry in the raw format."""
        now = self.world.clock.now()
        return self.stream(name).add(now - ago, text=text, source=source, type="chat", **fields)

    def reader(self, slug: str = "bb") -> Agent:
        """The agent that reads."""
        agent = self.world.store.agents.agent(Slug(slug))
        assert agent is not None
        return agent

    def prepare(self, name: Address = GLOBAL, slug: str = "bb") -> Batch | None:
        """The next import of a stream, not yet taken."""
        store, agent, now = self.world.store, self.reader(slug), self.world.clock.now()
        standing = store.streams.standing(agent.slug)
        return importing.batch(agent, standing, self.stream(name).look(importing.wanted(agent, standing, name, now)), now)

    def take(self, batch: Batch | None, slug: str = "bb") -> Taken:
        """Take an import."""
        assert batch is not None
        return self.world.store.streams.take(Slug(slug), batch, self.world.clock.now())

    def step(self, name: Address = GLOBAL, slug: str = "bb") -> bool:
        """One import, if there is one; whether the stream has more."""
        batch = self.prepare(name, slug)
        return batch is not None and not self.take(batch, slug).held

    def drain(self, *names: Address, slug: str = "bb") -> None:
        """Import until there is nothing left."""
        for name in names or (GLOBAL,):
            while self.step(name, slug):
                pass

    def cursor(self, name: Address = GLOBAL, slug: str = "bb") -> Cursor | None:
        """Where the agent stands."""
        return self.world.store.streams.standing(Slug(slug)).cursors.get(name)

    def notices(self, slug: str = "bb") -> list[str]:
        """What the agent will be told."""
        return [notice.code for notice in self.world.store.agents.notices(Slug(slug))]
