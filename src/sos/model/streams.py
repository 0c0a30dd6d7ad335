"""Foreign streams: ids of their entries, where an agent stands in each, and what one import hands to the store.

A cursor belongs to one agent and one stream. One cursor over several streams is how the older hook lost 12 of 20 messages, and
ids of different streams are never compared.
"""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    from sos.model.addresses import Address
    from sos.model.findings import Notice
    from sos.model.foreign import Foreign
    from sos.model.ids import MessageId
    from sos.model.times import Millis

    EntryId = NewType("EntryId", str)
else:
    EntryId = str

START = EntryId("0-0")
"""Before the first entry of any stream: no entry has this id."""
_LARGEST = (1 << 64) - 1


def parse_entry_id(text: str | bytes) -> EntryId:
    """The id of an entry, `<milliseconds>-<number>`, without leading zeros. Raises InvalidInput."""
    shown = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    parts = shown.split("-")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 20 for part in parts):
        raise InvalidInput(f"{ascii(shown)[:60]} is not the id of a stream's entry")
    millis, number = int(parts[0]), int(parts[1])
    if max(millis, number) > _LARGEST:
        raise InvalidInput(f"{shown} is larger than the id of any entry")
    return EntryId(f"{millis}-{number}")


def order(entry: EntryId) -> tuple[int, int]:
    """What ids of one stream are compared by: numbers, so that …-9 comes before …-10."""
    millis, _, number = entry.partition("-")
    return int(millis), int(number)


class Cursor(Record):
    """Where one agent stands in one foreign stream."""

    #: The last entry that was taken, passed over or counted, and its mark; START where there was none.
    position: EntryId
    mark: str = ""
    #: When the agent first looked into this stream, and how many messages from before its join it was given then.
    since: Millis
    backlog: int = 0
    #: The stream is being read again up to here; START where it is not.
    again: EntryId = START
    #: How many entries the stream had ever been given when the agent stood here; -1 where that is not known.
    seen: int = -1


class Standing(Record):
    """Where one agent stands in all its foreign streams."""

    cursors: dict[Address, Cursor] = {}  # a Record's default is never changed
    #: When a former holder of this agent's slug left; 0 where there was none. Its mail is not this agent's.
    heir_since: int = 0


class Wanted(Record):
    """What a reader must fetch of one stream before an import can be judged."""

    stream: Address
    #: Entries after this one, and (where given) before that one; both exclusive.
    after: EntryId
    before: EntryId | None
    limit: int
    #: The newest `limit` of them instead of the oldest.
    newest: bool


class Look(Record):
    """What a reader saw of one stream, entries in their order."""

    stream: Address
    entries: tuple[Foreign, ...]
    #: The highest id that the stream has ever given; START where there is no such stream.
    last: EntryId
    #: Its oldest entry; START where it is empty.
    first: EntryId
    #: The mark of the entry that now stands where the cursor does (`Wanted.after`); empty where none does.
    mark: str = ""
    #: How many entries stand before the first of `entries`. Only asked for at the first look.
    earlier: int = 0
    #: How many entries the stream has ever been given; -1 where nothing says so, or where more stands after `entries`.
    added: int = -1


class Written(Record):
    """Which streams hold entries."""

    #: By address: since when, by the id of the oldest entry that is still there.
    since: dict[Address, Millis]
    #: All streams were looked at. Even then, one that came meanwhile, was emptied, or is called otherwise is missing.
    complete: bool


class Batch(Record):
    """One import, ready for the store."""

    stream: Address
    #: Where the agent stood when the reader looked; None before its first import of this stream.
    expected: Cursor | None
    #: To be stored unless the agent has had them, in their order.
    entries: tuple[Foreign, ...]
    #: Where the agent stands once all of them are stored.
    cursor: Cursor
    notice: Notice | None = None


class Taken(Record):
    """What became of an import."""

    #: Another importer was faster, and nothing was changed: look again from `cursor`.
    stale: bool
    cursor: Cursor | None
    stored: tuple[MessageId, ...] = ()
    #: Entries that the agent had already had.
    repeated: int = 0
    #: Entries that found no room in the inbox. The cursor stands before them.
    held: int = 0


def checked(batch: Batch) -> Batch:
    """The same batch, or InvalidInput where its cursor would pass what is not in it, or not reach what is."""
    places = [order(entry.entry) for entry in batch.entries]
    if any(entry.stream != batch.stream for entry in batch.entries):
        raise InvalidInput(f"an entry of another stream in an import of {batch.stream}")
    if places != sorted(set(places)):
        raise InvalidInput(f"the entries of {batch.stream} are not in their order")
    if places and places[-1] > order(batch.cursor.position):
        raise InvalidInput(f"the cursor of {batch.stream} would stand before entries that are stored")
    if places and batch.expected is not None and places[0] <= order(batch.expected.position):
        raise InvalidInput(f"an entry of {batch.stream} stands behind its cursor")
    return batch
