"""Pruning in small steps inside ordinary sends: a position goes round the messages, so that each step costs the same."""

from __future__ import annotations

from sos.model.retention import ABANDONED_FOR, BODY_FOR, DEAD_FOR, DONE_FOR, EVERY, LOOKED_AT
from sos.model.transitions import Kill
from sos.stores.sqlite import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis
    from sos.stores.sqlite.batch import Batch
    from sos.stores.sqlite.database import Database, Row
    from sos.stores.sqlite.posting import Change

_BODIES = 128
"""Of the oldest bodies, how many a step looks at."""


class Retention:
    """Removes what is past its time, inside an open transaction. `change` applies an action to a delivery."""

    def __init__(self, database: Database, sql: dict[str, str], change: Change) -> None:
        self._read = database.read
        self._sql = sql
        self._change = change

    def after(self, seq: int, now: Millis, batch: Batch) -> None:
        """One message in `EVERY` brings a step with it."""
        if seq % EVERY == 0:
            self.step(now, LOOKED_AT, batch)

    def step(self, now: Millis, limit: int, batch: Batch) -> int:
        """End abandoned mail, forget old bodies, and remove what is past among the next `limit` messages; how many of them."""
        for row in self._read(self._sql["abandoned"], (now - ABANDONED_FOR, limit)):
            self._change(rows.entry_of(row), Kill(at=now, reason="its recipient left 30 days ago"), row, batch)
        self._read(self._sql["forget_bodies"], (now - BODY_FOR, _BODIES))
        position = int(self._read(self._sql["position"])[0][0])
        looked = self._look(now, position, limit)
        if len(looked) < limit and position:  # round the end
            looked += [row for row in self._look(now, 0, limit - len(looked)) if row[0] <= position]
        gone = [seq for seq, past in looked if past]
        for seq in gone:
            for statement in ("remove_facts", "remove_deliveries", "remove_message"):
                self._read(self._sql[statement], (seq,))
        if position != (after := int(looked[-1][0]) if looked else 0):
            self._read(self._sql["move"], (str(after),))
        return len(gone)

    def _look(self, now: Millis, position: int, limit: int) -> list[Row]:
        """The next messages and whether each is past. None where the very next is young: all behind it are too."""
        first = self._read(self._sql["first"], (position,))
        if not first or first[0][0] >= now - DEAD_FOR:
            return []
        return self._read(self._sql["look"], (now - DEAD_FOR, now - DEAD_FOR, now - DONE_FOR, position, limit))
