"""Parcels into the tables: one row for the message, one delivery for each recipient, inside a transaction of the mailbox."""

from __future__ import annotations

from sos.model import transitions
from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE, rank_of
from sos.model.errors import IdConflict, InboxFull, UnknownAgent
from sos.model.ids import stored
from sos.model.names import OPERATOR, SYSTEM
from sos.model.parcels import Posted, draft_of
from sos.stores.sqlite import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.deliveries import Entry
    from sos.model.parcels import Parcel
    from sos.model.transitions import Action
    from sos.stores.sqlite.batch import Batch
    from sos.stores.sqlite.database import Database, Row
    from sos.stores.sqlite.retention import Retention

    Change = Callable[[Entry, Action, Row, Batch], Entry]

REFUSALS = (UnknownAgent, IdConflict, InboxFull)
"""Errors of one parcel: it left nothing behind in the transaction, and others can still go through it."""
TIMES = slice(10, 12)
"""Where the deadline and the expiry stand among `rows.parcel_values`."""
_PRIVILEGED = frozenset((OPERATOR, SYSTEM))


class Posting:
    """Puts parcels into an open transaction. `change` applies an action to a delivery: a reply closes what it answers."""

    def __init__(self, database: Database, sql: dict[str, str], change: Change, retention: Retention) -> None:
        self._database = database
        self._read = database.read
        self._sql = sql
        self._add_message, self._add_delivery = sql["add_message"], sql["add_delivery"]
        self._change = change
        self._retention = retention

    def post(self, parcel: Parcel, batch: Batch) -> Posted:
        """Store one parcel. Raises one of `REFUSALS`, and then nothing of it is stored."""
        try:
            recipients = [(slug, *self._recipient(slug, batch)) for slug in dict.fromkeys(parcel.recipients)]
        except UnknownAgent:
            # What is here already is answered as before, whoever has left since.
            if self._read(self._sql["message"], (stored(parcel.draft.id), parcel.sender)):
                return self._known(parcel)
            raise
        values = rows.parcel_values(parcel, *self._address(parcel, batch))
        seq = self._database.insert(self._add_message, values)
        if seq is None:
            return self._known(parcel)
        try:
            # After the insert, since a message that is here already is answered as before, however full the inbox is now.
            depth = max([_room(slug, live, parcel.sender) for slug, _, live in recipients], default=0)
        except InboxFull:
            self._read(self._sql["remove_message"], (seq,))
            raise
        draft, rank = parcel.draft, rank_of(parcel)
        timer = min((at for at in values[TIMES] if at is not None), default=None)
        for slug, key, live in recipients:
            self._database.insert(self._add_delivery, (seq, key, timer, rank))
            batch.recipients[slug] = (key, live + 1)
            batch.ring(slug)
        if draft.in_reply_to is not None and draft.kind not in {"event", "system"}:
            self._close_answered(parcel, batch)
        self._retention.after(seq, parcel.sent_at, batch)
        return Posted(parcel=parcel, seq=seq, depth=depth)

    def _recipient(self, slug: str, batch: Batch) -> tuple[int, int]:
        known = batch.recipients.get(slug)
        if known is None:
            found = self._read(self._sql["recipient"], (INBOX_LIMIT + 1, slug))
            if not found or found[0][1] != "open":
                raise UnknownAgent(f"no agent {slug!r}")
            known = batch.recipients[slug] = (found[0][0], found[0][2])
        return known

    def _address(self, parcel: Parcel, batch: Batch) -> tuple[int, str]:
        known = batch.addresses.get(parcel.address)
        if known is None:
            found = self._read(self._sql["address_id"], (parcel.address,))
            values = (parcel.address, parcel.project)
            added = None if found else self._database.insert(self._sql["add_address"], values)
            key = int(found[0][0]) if added is None else added
            known = batch.addresses[parcel.address] = (key, rows.addressed(parcel.address))
        return known

    def _known(self, parcel: Parcel) -> Posted:
        message, _ = rows.message_of(self._read(self._sql["message"], (stored(parcel.draft.id), parcel.sender))[0])
        if draft_of(message) != parcel.draft:
            raise IdConflict(f"{parcel.sender} has used {parcel.draft.id} for another message")
        return Posted(parcel=parcel, seq=message.seq, depth=0, known=message)

    def _close_answered(self, reply: Parcel, batch: Batch) -> None:
        draft = reply.draft
        if reply.assurance == "claimed" or draft.in_reply_to is None:
            return
        action: Action = transitions.Answer(at=reply.sent_at, reply=draft.id)
        if draft.kind == "ack":
            action = transitions.Ack(at=reply.sent_at)
        for row in self._read(self._sql["by_id_of"], (reply.sender, stored(draft.in_reply_to))):
            if row[3] == draft.to:  # two senders may use one id
                self._change(rows.entry_of(row), action, row, batch)


def _room(slug: str, depth: int, sender: str) -> int:
    limit = INBOX_LIMIT if sender in _PRIVILEGED else INBOX_LIMIT - INBOX_RESERVE
    if depth >= limit and sender != SYSTEM:
        raise InboxFull(f"the inbox of {slug} holds {depth:,} messages that wait; nothing was stored")
    return depth + 1
