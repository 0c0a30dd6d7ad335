"""The contract of stream readers and of reading through them: what anybody wrote to any address comes once, whatever happens."""

from __future__ import annotations

import json

from sos.core import reading, splitbrain
from sos.core.backlog import LIMIT
from sos.model.addresses import inbox_address, parse_convention, read_addresses
from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE
from sos.model.errors import UnknownAgent
from sos.model.ids import new_id
from sos.model.names import Slug
from sos.model.streams import START, EntryId, Wanted, order
from sos.model.times import DAY, HOUR, MINUTE, SECOND
from sos.model.transitions import Ack, Surface
from sos.testing.contracts import refused
from sos.testing.world import SESSION, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from sos.core.reading import Read
    from sos.model.addresses import Address
    from sos.model.agents import Agent
    from sos.ports import Store, StreamReader

    class Writer(Protocol):
        """Hands of others on the streams."""

        def add(self, name: Address, at: int, fields: dict[str, str]) -> EntryId:
            """XADD at a time of the server's clock; where that stands behind the stream, as its next entry."""
            ...

        def trim(self, name: Address, keep: int) -> None:
            """XTRIM MAXLEN."""
            ...

        def remove(self, name: Address, entry: EntryId) -> None:
            """XDEL."""
            ...

        def flush(self, name: Address) -> None:
            """DEL."""
            ...

        def save(self, name: Address) -> Any:
            """A backup of one stream."""
            ...

        def restore(self, name: Address, backup: Any) -> None:
            """Put a backup in its place."""
            ...


FORMS = ("current", "envelope", "contract", "kernel", "coordination", "raw")
"""Our own form, and the five of older deployments."""
BB = Slug("b-b")


def written_as(form: str, text: str, identifier: str = "") -> dict[str, str]:
    """An entry of an older client. The kernel's, coordination and raw forms have no id of their own."""
    body = json.dumps({"text": text})
    match form:
        case "current":
            return {"kind": "message", "sender": "old", "text": text, **({"id": identifier} if identifier else {})}
        case "envelope":
            return {
                "id": identifier,
                "type": "chat",
                "source": "agent:old",
                "target": "agent:b-b",
                "payload": body,
                "version": "1.0",
            }
        case "contract":
            return {"type": "send", "source": "agent:old", "target": "agent:b-b", "version": "1.0", "message_id": identifier,
                    "payload": body}  # fmt: skip
        case "kernel":
            return {
                "payload": json.dumps({"type": "send", "source": "agent:old", "target": "agent:b-b", "payload": {"text": text}})
            }
        case "coordination":
            return {"data": json.dumps({"type": "DELEGATE", "text": text, "from": "old"})}
        case _:
            return {"text": text, "source": "old", "type": "chat"}


class Readers:
    """A world in which `b.b` joined under a dotted name, and others who write."""

    def __init__(self, store: Store, reader: StreamReader, writer: Writer) -> None:
        self.store, self.reader, self.writer = store, reader, writer
        self.world = World(store)
        self.world.enrol(BB, name="b.b")
        store.agents.change_squad("p", "s", BB, member=True)
        self.world.clock.tick(MINUTE)

    @property
    def agent(self) -> Agent:
        """The agent that reads."""
        agent = self.store.agents.agent(BB)
        assert agent is not None
        return agent

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All that reach it."""
        return read_addresses(self.agent.slug, self.agent.name, self.agent.project, self.agent.squads)

    def add(self, text: str, place: int = 0, *, form: str = "raw", identifier: str = "", ago: int = 0) -> EntryId:
        """Somebody writes to one of its addresses."""
        fields = written_as(form, text, identifier or (new_id(self.world.clock.now()) if form != "current" else ""))
        return self.writer.add(self.addresses[place], self.world.clock.now() - ago, fields)

    def read(self, **budget: Any) -> Read:
        """One reading."""
        return reading.read(self.agent, self.store, self.reader, self.world.clock, **budget)

    def drain(self) -> None:
        """Read until nothing is left."""
        while not self.read().complete:
            pass

    def surfaced(self) -> list[str]:
        """What the agent is shown now, and never again."""
        entries = self.store.mail.entries(BB, "due", 10_000)
        now = self.world.clock.now()
        self.store.mail.apply(BB, [(entry.message.seq, Surface(at=now, body=SESSION, turn=1)) for entry in entries])
        return [entry.message.text for entry in entries]

    def notices(self) -> list[tuple[str, str]]:
        """Code and first word of what the agent will be told, in order: those of one moment have none of their own."""
        return sorted((notice.code, notice.text.partition(" ")[0]) for notice in self.store.agents.notices(BB))


class ReaderContract:
    """Every reader over every store."""

    def make(self) -> Readers:
        """A fresh world."""
        raise NotImplementedError

    def drained(self) -> Readers:
        """One whose agent has looked into all its streams once."""
        made = self.make()
        made.drain()
        return made

    def test_all_forms_in_all_addresses_come_once(self) -> None:
        old = self.drained()
        assert len(old.addresses) == 13
        texts = []
        for place in range(13):
            for form in FORMS:
                texts.append(f"{form} in {place}")
                old.add(texts[-1], place, form=form)
        old.drain()
        assert sorted(old.surfaced()) == sorted(texts)
        old.drain()
        assert (old.surfaced(), old.notices()) == ([], [])

    def test_one_message_in_all_addresses_is_one(self) -> None:
        old = self.drained()
        for form in ("current", "envelope", "contract"):
            same = new_id(old.world.clock.now())
            for place in range(13):
                old.add(form, place, form=form, identifier=same)
        old.drain()
        assert sorted(old.surfaced()) == ["contract", "current", "envelope"]

    def test_equal_places_bursts_and_ids_from_the_future_hide_nothing(self) -> None:
        old = self.drained()
        places = [old.add(f"first in {place}", place) for place in range(13)]
        assert len(set(places)) == 1
        old.add("far ahead", 1, ago=-(10**12))
        burst = [f"burst {number}" for number in range(150)]
        for number, text in enumerate(burst):
            old.add(text, number % 3)
            if number % 40 == 0:
                old.read(entries=20)
        old.drain()
        wanted = [*(f"first in {place}" for place in range(13)), "far ahead", *burst]
        assert sorted(old.surfaced()) == sorted(wanted)

    def test_a_budget_ends_a_reading_and_the_next_goes_on_and_a_flood_starves_nobody(self) -> None:
        old = self.drained()
        for number in range(200):
            old.add(f"flood {number}", 0)
        old.add("behind", 12)
        first = old.read(entries=26)
        assert (first.complete, first.stored) == (False, 26)
        assert "behind" in old.surfaced()
        assert old.read(seconds=0) == reading.Read(stored=0, repeated=0, held=(), complete=False)
        old.drain()
        assert len(old.surfaced()) == 175

    def test_a_full_inbox_holds_the_streams_and_loses_nothing(self) -> None:
        old = self.drained()
        fill = INBOX_LIMIT - INBOX_RESERVE - 1
        parcels = [old.world.parcel(str(number), to=BB) for number in range(fill)]
        old.store.mail.post(parcels)
        for number in range(3):
            old.add(f"in 2: {number}", 2)
        old.add("in 3", 3)
        held = old.read(entries=100_000)  # a store may have put readable copies of our own mail into our own stream
        assert (held.stored, held.held, held.complete) == (1, old.addresses[2:4], True)
        old.writer.trim(old.addresses[2], 1)
        now = old.world.clock.now()
        old.store.mail.apply(BB, [(parcel.draft.id, Ack(at=now)) for parcel in parcels[:10]])
        again = old.read()
        assert (again.stored, again.held, again.complete) == (2, (), True)
        assert old.notices() == [("stream_trimmed", "1")]

    def test_what_was_taken_away_unread_is_said_with_its_number(self) -> None:
        old = self.drained()
        places = [old.add(str(number)) for number in range(10)]
        old.writer.trim(old.addresses[0], 7)
        old.writer.remove(old.addresses[0], places[5])
        old.drain()
        assert (sorted(old.surfaced()), old.notices()) == (["3", "4", "6", "7", "8", "9"], [("stream_trimmed", "4")])
        old.writer.trim(old.addresses[0], 0)
        old.drain()
        assert old.notices() == [("stream_trimmed", "4")]
        old.add("never read")
        old.add("neither")
        old.writer.trim(old.addresses[0], 0)
        old.drain()
        assert old.notices() == [("stream_trimmed", "2"), ("stream_trimmed", "4")]
        old.drain()
        assert (old.surfaced(), len(old.notices())) == ([], 2)

    def test_a_flush_and_a_restore_are_said_and_repeat_nothing(self) -> None:
        old = self.drained()
        old.add("one")
        backup = old.writer.save(old.addresses[0])
        old.world.clock.tick(SECOND)
        old.add("two")
        old.drain()
        old.writer.restore(old.addresses[0], backup)
        old.add("behind the cursor", ago=SECOND // 2)
        old.drain()
        assert [code for code, _ in old.notices()] == ["cursor_ahead"]
        old.writer.flush(old.addresses[0])
        old.world.clock.tick(SECOND)
        old.add("after the flush")
        old.drain()
        assert sorted(old.surfaced()) == ["after the flush", "behind the cursor", "one", "two"]
        assert [code for code, _ in old.notices()] == ["cursor_ahead", "stream_flushed"]
        old.writer.flush(old.addresses[0])
        old.drain()
        assert [code for code, _ in old.notices()] == ["cursor_ahead", "cursor_ahead", "stream_flushed"]

    def test_the_first_reading_gives_fifty_of_a_day_over_all_streams_and_counts_the_rest(self) -> None:
        old = self.make()
        for number in range(40):
            old.add(f"too old {number}", 0, ago=DAY + HOUR)
        for place in range(8):
            for number in range(10):
                old.add(f"young {place} {number}", place, ago=HOUR)
            old.add(f"since the join {place}", place)
        old.add("a broadcast from before the join", 8, ago=HOUR)
        old.drain()
        shown = old.surfaced()
        assert len([text for text in shown if text.startswith("young")]) == LIMIT
        assert len([text for text in shown if text.startswith("since")]) == 8
        assert len(shown) == LIMIT + 8
        counted = [int(word) for code, word in old.notices() if code == "backlog"]
        assert sum(counted) == 40 + 80 - LIMIT

    def test_a_configured_address_is_read_from_then_on(self) -> None:
        old = self.drained()
        names = [f"team:p:inbox:{name}" for name in ("b-b", "b.b")]
        for name in names:
            old.writer.add(name, old.world.clock.now(), written_as("raw", name))  # type: ignore[arg-type]  # an Address
        old.drain()
        assert old.surfaced() == []
        conventions = [parse_convention("team:{project}:inbox:{agent}")]
        for _ in range(2):
            assert old.read(conventions=conventions).complete
        assert sorted(old.surfaced()) == names

    def test_a_look_shows_what_was_wanted(self) -> None:
        old = self.make()
        places = [old.add(str(number), ago=-number) for number in range(10)]
        name, other = old.addresses[0], old.addresses[1]
        base = Wanted(stream=name, after=START, before=None, limit=3, newest=False)
        oldest, rest, newest, nothing = old.reader.looks(
            [
                base,
                base.replace(after=places[6], limit=4),
                base.replace(before=places[8], newest=True),
                base.replace(stream=other),
            ]
        )
        assert [entry.text for entry in oldest.entries] == ["0", "1", "2"]
        assert (oldest.first, oldest.last, oldest.mark, oldest.added) == (places[0], places[9], "", -1)
        assert ([entry.text for entry in rest.entries], rest.added) == (["7", "8", "9"], 10)
        assert rest.mark
        assert ([entry.text for entry in newest.entries], newest.earlier, newest.added) == (["5", "6", "7"], 5, -1)
        assert (nothing.entries, nothing.first, nothing.last, nothing.added) == ((), START, START, 0)
        assert old.reader.looks([]) == []

    def test_two_brains_are_found(self) -> None:
        old = self.make()
        lost, dotted = inbox_address(BB, "elsewhere"), read_addresses(BB, "b.b", "p")[1]
        for name in (lost, dotted):
            old.writer.add(name, old.world.clock.now(), written_as("raw", "hello"))
        conventions = [parse_convention("team:{agent}")]
        found = [(each.code, each.what) for each in splitbrain.look(old.store, old.reader, conventions)]
        assert found[0] == ("split_unread", f"Messages stand in {lost}, and no agent reads it.")
        assert found[1] == ("split_spelling", "Somebody writes to the name b.b, beside the slug b-b.")
        unwritten = [what for code, what in found if code == "split_unwritten"]
        assert any("team:b.b" in what for what in unwritten)
        assert any("addresses of aa" in what for what in unwritten)
        assert not any("addresses of b-b" in what for what in unwritten)
        written = old.reader.written([], 1000)
        assert (written.complete, written.since[dotted]) == (True, old.world.clock.now())
        assert not old.reader.written([], 0).complete
        assert order(EntryId(f"{written.since[lost]}-0")) > order(START)

    def test_a_reading_that_is_killed_goes_on(self) -> None:
        old = self.drained()
        texts = [f"no. {number}" for number in range(30)]
        for number, text in enumerate(texts):
            old.add(text, number % 13)
        take, taken = old.store.streams.take, 0

        def dying(*arguments: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken % 3 == 1:
                raise Killed
            result = take(*arguments)
            if taken % 3 == 2:
                raise Killed
            return result

        old.store.streams.take = dying  # type: ignore[method-assign, assignment]
        for _ in range(100):
            try:
                if old.read(entries=7).complete:
                    break
            except Killed:
                continue
        assert sorted(old.surfaced()) == sorted(texts)

    def test_who_left_reads_nothing(self) -> None:
        old = self.drained()
        old.add("too late")
        agent = old.agent
        old.store.agents.close(BB, old.world.clock.now())
        refused(UnknownAgent, lambda: reading.read(agent, old.store, old.reader, old.world.clock))


class Killed(Exception):
    """The process would have ended here."""
