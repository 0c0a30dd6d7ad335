"""What an agent is given of a stream that it looks into for the first time: a cold start must not replay months of history."""

from __future__ import annotations

from sos.model.addresses import is_direct
from sos.model.streams import EntryId, order
from sos.model.times import DAY, Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.foreign import Foreign
    from sos.model.streams import Standing

SPAN = DAY
"""How old mail from before the join may be."""
LIMIT = 50
"""How many messages from before its join an agent is given, over all its streams."""


def boundary(joined_at: Millis, now: Millis) -> EntryId:
    """Entries before this one are backlog; all others are ordinary mail, however many there are."""
    return EntryId(f"{max(joined_at, now - SPAN, 0)}-0")


def allowance(standing: Standing, now: Millis) -> int:
    """How many messages of backlog are left to an agent that has begun other streams within the last day."""
    given = sum(cursor.backlog for cursor in standing.cursors.values() if cursor.since > now - SPAN)
    return max(LIMIT - given, 0)


def chosen(entries: Sequence[Foreign], standing: Standing, now: Millis) -> tuple[Foreign, ...]:
    """Of the entries before the boundary, in their order, those that the agent is given: the newest that are young enough.

    Age is told by the stream's own ids, which its writers do not choose; what a message says of its time does not count here.
    """
    oldest = max(now - SPAN, standing.heir_since)
    young = [entry for entry in entries if is_direct(entry.stream) and order(entry.entry)[0] >= oldest]
    return tuple(young[max(len(young) - allowance(standing, now), 0) :])
