"""What was sent from here is looked for again once another server is the primary: it may lack the newest messages.

Sentinels promote a replica, and replication does not wait. The history is the same then, its numbers go back, and whoever got a
receipt must hear that its message is gone. What other processes sent they look for themselves; what a process sent that has ended
since, nobody looks for.
"""

from __future__ import annotations

import threading
from collections import deque

from sos.model.errors import StoreError
from sos.model.findings import Notice
from sos.stores.redis import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.model.parcels import Parcel, Posted
    from sos.model.times import Millis
    from sos.stores.redis.server import Server

REMEMBERED = 10_000
"""The newest messages that are looked for: replicas lag by seconds, not by more than this."""


class History:
    """The newest messages that were sent from here."""

    def __init__(self, server: Server, tell: Callable[[Notice], None]) -> None:
        self._server = server
        self._tell = tell
        self._looking = threading.Lock()
        self._changing = threading.Lock()
        self._moves = server.moves
        self._sent: deque[Parcel] = deque(maxlen=REMEMBERED)

    def keep(self, posted: Sequence[Posted]) -> None:
        """These were acknowledged. Looks for the earlier ones first where the primary has changed."""
        if not self._server.may_move:
            return
        if posted and self._moves != self._server.moves and self._looking.acquire(blocking=False):
            try:
                self._look(posted[-1].parcel.sent_at)
            except StoreError:
                pass  # the messages are stored, and so their sender must hear; the next send looks again
            finally:
                self._looking.release()
        with self._changing:
            self._sent.extend(each.parcel for each in posted)

    def _look(self, now: Millis) -> None:
        with self._changing:
            moves, sent = self._server.moves, list(self._sent)
        found: list[bytes | None] = []
        for start in range(0, len(sent), 1000):
            ids = [parcel.draft.id for parcel in sent[start : start + 1000]]
            found += self._server.command("HMGET", keys.IDS, *ids)
        gone = [
            parcel
            for parcel, lines in zip(sent, found, strict=True)
            if f" {keys.tag(parcel.sender)} ".encode() not in (lines or b"")
        ]
        for parcel in gone:
            self._tell(_lost(parcel, now))
        told = {id(parcel) for parcel in gone}
        with self._changing:
            self._sent = deque((each for each in self._sent if id(each) not in told), maxlen=REMEMBERED)
        self._moves = moves


def _lost(parcel: Parcel, now: Millis) -> Notice:
    text = (
        f"Your message {parcel.draft.id} to {parcel.draft.to} is gone: another Redis server took over, and lacked it."
        " Nobody has it any more, unless it was read before. Send it again if it still counts."
    )
    return Notice(agent=parcel.sender, at=now, code="message_lost", text=text)
