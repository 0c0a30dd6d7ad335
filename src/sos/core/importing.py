"""Importing foreign streams: from what a reader saw of one to a batch that the store takes in one step.

A reader takes the standing, asks `wanted`, looks (always in this order, and at a server that has all writes), hands the look to
`batch` and the batch to `ports.Streams.take`, and goes on until there is no batch. Killed anywhere, it starts again from the
cursor, which only ever moves together with what it passes.
"""

from __future__ import annotations

from sos.core import backlog
from sos.model.addresses import is_direct
from sos.model.findings import Notice
from sos.model.streams import START, Batch, Cursor, Wanted, order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.addresses import Address
    from sos.model.agents import Agent
    from sos.model.streams import EntryId, Look, Standing
    from sos.model.times import Millis

PAGE = 100
"""Entries of one import: few enough that its transaction stays short."""


def wanted(agent: Agent, standing: Standing, stream: Address, now: Millis, page: int = PAGE) -> Wanted:
    """What must be read of a stream next: at first the newest of the backlog, then whatever stands after the cursor."""
    cursor = standing.cursors.get(stream)
    if cursor is None:
        before = backlog.boundary(agent.joined_at, now)
        return Wanted(stream=stream, after=START, before=before, limit=backlog.LIMIT, newest=True)
    return Wanted(stream=stream, after=cursor.position, before=None, limit=page, newest=False)


def batch(agent: Agent, standing: Standing, look: Look, now: Millis) -> Batch | None:
    """What the store must take of a look, or None where there is nothing to do."""
    cursor = standing.cursors.get(look.stream)
    if cursor is None:
        return _first(agent, standing, look, now)
    if _is_ahead(cursor, look):
        return _rewound(agent, cursor, look, now)
    return _onward(agent, standing, cursor, look, now)


def _first(agent: Agent, standing: Standing, look: Look, now: Millis) -> Batch:
    chosen = backlog.chosen(look.entries, standing, now)
    rest = look.earlier + len(look.entries) - len(chosen) if is_direct(look.stream) else 0
    position, mark = (look.entries[-1].entry, look.entries[-1].mark) if look.entries else (START, "")
    text = (
        f"{rest} older entries of {look.stream} are not shown: from before you joined, and over a day old or not among the"
        f" newest {backlog.LIMIT}."
    )
    return Batch(
        stream=look.stream,
        expected=None,
        entries=chosen,
        cursor=Cursor(position=position, mark=mark, since=now, backlog=len(chosen), seen=_seen_of_none(look)),
        notice=Notice(agent=agent.slug, at=now, code="backlog", text=text) if rest else None,
    )


def _is_ahead(cursor: Cursor, look: Look) -> bool:
    """Whether the stream is not the one that was read: it ends before the cursor, or what the cursor stands on is not there.

    Ids come from the clock of whichever server wrote them. After a failover its clock may stand behind, and new entries behind
    the cursor: a hole there, or another entry, is what shows it. A stream that was only trimmed begins after the cursor.
    """
    if order(look.last) < order(cursor.position):
        return True
    stands = cursor.position != START and look.first != START and order(look.first) <= order(cursor.position)
    return stands and look.mark != cursor.mark


def _rewound(agent: Agent, cursor: Cursor, look: Look, now: Millis) -> Batch:
    text = (
        f"The stream {look.stream} is not as it was read (up to {cursor.position}; it now ends at {look.last}): a restore, a"
        " failover or a flush. It is read again from its beginning. What you have had does not come again; entries older than"
        " a day do not either. How many were lost unread cannot be known, so ask for what you may miss."
    )
    return Batch(
        stream=look.stream,
        expected=cursor,
        entries=(),
        cursor=cursor.replace(position=START, mark="", again=_lower(look.last, cursor.position), seen=_seen_of_none(look)),
        notice=Notice(agent=agent.slug, at=now, code="cursor_ahead", text=text),
    )


def _onward(agent: Agent, standing: Standing, cursor: Cursor, look: Look, now: Millis) -> Batch | None:
    entries = tuple(entry for entry in look.entries if order(entry.entry) > order(cursor.position))
    passed = cursor.seen + len(entries) if cursor.seen >= 0 else -1
    seen = look.added if look.added >= 0 else passed
    notice = _taken_away(agent, cursor, look, seen - passed, now) if passed >= 0 else None
    if not entries:
        if seen == cursor.seen:
            return None
        return Batch(stream=look.stream, expected=cursor, entries=(), cursor=cursor.replace(seen=seen), notice=notice)
    # While it reads again: what the agent does not know and is older than this was backlog, or was read and forgotten since.
    oldest = max(now - backlog.SPAN, standing.heir_since, 0 if is_direct(look.stream) else agent.joined_at)
    again = order(cursor.again)
    fresh = tuple(entry for entry in entries if order(entry.entry) > again or order(entry.entry)[0] >= oldest)
    position = entries[-1].entry
    further = START if order(position) >= again else cursor.again
    after = cursor.replace(position=position, mark=entries[-1].mark, again=further, seen=seen)
    return Batch(stream=look.stream, expected=cursor, entries=fresh, cursor=after, notice=notice)


def _seen_of_none(look: Look) -> int:
    """What is passed before the first entry of a stream that is there: nobody knows. Where none is, its reader may."""
    return look.added if look.last == START else -1


def _taken_away(agent: Agent, cursor: Cursor, look: Look, lost: int, now: Millis) -> Notice | None:
    """What the stream was given after the cursor and does not hold. Less than nothing: it was deleted, and counts anew."""
    if not lost:
        return None
    since = f"after {cursor.position} and up to {look.last}"
    if lost < 0:
        text = f"The stream {look.stream} was flushed and begun anew, {since}. How many entries were lost unread cannot be known."
        return Notice(agent=agent.slug, at=now, code="stream_flushed", text=text)
    text = (
        f"{lost} entries of {look.stream} were trimmed or deleted by another hand before you read them, {since}: ask their"
        " senders for what you may miss."
    )
    return Notice(agent=agent.slug, at=now, code="stream_trimmed", text=text)


def _lower(one: EntryId, other: EntryId) -> EntryId:
    return min(one, other, key=order)
