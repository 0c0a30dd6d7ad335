"""Messages and deliveries in SQLite: load, ask the rules (model/transitions), write, all in one transaction."""

from __future__ import annotations

from sos.model import transitions
from sos.model.deliveries import FACTS, INBOX_LIMIT, INBOX_RESERVE, MAX_ATTEMPTS, Entry, Fact, Story, rank_of
from sos.model.errors import IdConflict, InboxFull, UnknownAgent, UnknownMessage
from sos.model.events import event
from sos.model.ids import stored
from sos.model.names import OPERATOR, SYSTEM
from sos.model.parcels import Posted, draft_of, message_of
from sos.model.times import DAY, Millis
from sos.stores.sqlite import rows
from sos.stores.sqlite.database import queries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sos.model.agents import Body
    from sos.model.ids import MessageId
    from sos.model.messages import Message
    from sos.model.names import Slug
    from sos.model.parcels import Parcel
    from sos.model.transitions import Action
    from sos.ports import View
    from sos.stores.sqlite.agents import SqliteDirectory
    from sos.stores.sqlite.database import Database, Row
    from sos.stores.sqlite.ring import Ring

DONE_FOR = 30 * DAY
DEAD_FOR = 14 * DAY
_PRIVILEGED = frozenset((OPERATOR, SYSTEM))


class SqliteMailbox:
    """The port `Mailbox` over one database file."""

    def __init__(self, database: Database, directory: SqliteDirectory, ring: Ring) -> None:
        self._database = database
        self._directory = directory
        self._ring = ring
        self._sql = queries("mail")

    def _run(self, name: str, values: object = ()) -> list[Row]:
        return self._database.read(self._sql[name], values)

    # --- in -----------------------------------------------------------------------------------------------------------

    def post(self, parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.post`."""
        with self._database.write(), self._ring.ringing() as rung:
            return [self._post(parcel, rung) for parcel in parcels]

    def _post(self, parcel: Parcel, rung: set[str]) -> Posted:
        recipients = [self._recipient(slug) for slug in dict.fromkeys(parcel.recipients)]
        message = message_of(parcel)
        added = self._run("add_message", rows.message_values(message, self._address(message)))
        if not added:
            return self._known(parcel)
        # An error from here on rolls the insert back: checks that pass almost always come after it.
        depth = max((self._room(slug, held, parcel.sender) for slug, _, held in recipients), default=0)
        message = message.replace(seq=added[0][0])
        rank = rank_of(message, parcel.sender)
        times = [at for at in (message.expires, message.deadline) if at is not None]
        for slug, key, _ in recipients:
            self._run("add_delivery", (message.seq, key, min(times, default=None), rank))
            self._ring.unquiet(slug)
            rung.add(slug)
        if message.in_reply_to is not None and message.kind not in {"event", "system"}:
            self._close_answered(message, rung)
        return Posted(message=message, duplicate=False, depth=depth)

    def _known(self, parcel: Parcel) -> Posted:
        message, _ = rows.message_of(self._run("message", (stored(parcel.draft.id), parcel.sender))[0])
        if draft_of(message) != parcel.draft:
            raise IdConflict(f"{parcel.sender} has used {parcel.draft.id} for another message")
        return Posted(message=message, duplicate=True, depth=0)

    def _recipient(self, slug: str) -> tuple[str, int, int]:
        """Slug, key and live deliveries of an agent that is here."""
        found = self._run("recipient", (INBOX_LIMIT + 1, slug))
        if not found or found[0][1] != "open":
            raise UnknownAgent(f"no agent {slug!r}")
        return slug, found[0][0], found[0][2]

    def _room(self, slug: str, depth: int, sender: str) -> int:
        limit = INBOX_LIMIT if sender in _PRIVILEGED else INBOX_LIMIT - INBOX_RESERVE
        if depth >= limit and sender != SYSTEM:
            raise InboxFull(f"the inbox of {slug} holds {depth:,} messages that wait; nothing was stored")
        return depth + 1

    def _address(self, message: Message) -> int:
        found = self._run("address_id", (message.address,))
        if not found:
            found = self._run("add_address", (message.address, message.project))
        return int(found[0][0])

    def _close_answered(self, reply: Message, rung: set[str]) -> None:
        if reply.assurance == "claimed" or reply.in_reply_to is None:
            return
        key = self._key(reply.sender)
        answered = self._run("by_id", (key, stored(reply.in_reply_to))) if key is not None else []
        for row in answered:
            if row[3] != reply.to:
                continue  # another sender's message under the same id
            if reply.kind == "ack":
                self._change(rows.entry_of(row), transitions.Ack(at=reply.sent_at), row, rung)
            else:
                self._change(rows.entry_of(row), transitions.Answer(at=reply.sent_at, reply=reply.id), row, rung)

    # --- out ----------------------------------------------------------------------------------------------------------

    def entries(self, agent: Slug, view: View, limit: int, after: int = 0, turn: int | None = None) -> list[Entry]:
        """See `ports.Mailbox.entries`."""
        values = {"agent": self._key(agent), "limit": limit, "after": after, "turn": turn}
        return [rows.entry_of(row) for row in self._run(f"view_{view}", values) if row[1] is not None]

    def count(self, agent: Slug, view: View, turn: int | None = None) -> int:
        """See `ports.Mailbox.count`."""
        statement = f"SELECT count(*) FROM ({self._sql[f'view_{view}']})"  # noqa: S608  # both parts are our own
        values = {"agent": self._key(agent), "limit": INBOX_LIMIT + 1, "after": 0, "turn": turn}
        return int(self._database.read(statement, values)[0][0])

    def head(self) -> int:
        """See `ports.Mailbox.head`."""
        return int(self._database.read("SELECT coalesce(max(seq), 0) FROM message")[0][0])

    def find(self, agent: Slug, ids: Sequence[MessageId]) -> list[Entry]:
        """See `ports.Mailbox.find`."""
        return [rows.entry_of(row) for identifier in ids for row in self._rows(agent, identifier)]

    def _rows(self, agent: str, identifier: MessageId | int) -> list[Row]:
        if isinstance(identifier, int):
            found = self._run("by_number", (self._key(agent), identifier))
        else:
            found = self._run("by_id", (self._key(agent), stored(identifier)))
        if not found:
            raise UnknownMessage(f"no message {identifier} for {agent}")
        return found

    def _key(self, agent: str) -> int | None:
        found = self._run("agent_id", (agent,))
        return int(found[0][0]) if found else None

    def lost(self, agent: Slug) -> list[int]:
        """Numbers of deliveries whose message was taken away by another hand."""
        return [row[0] for row in self._run("orphans", (self._key(agent),))]

    def forget_lost(self, agent: Slug) -> None:
        """Remove deliveries whose message is gone, after it was said."""
        with self._database.write():
            for number in self.lost(agent):
                self._run("remove_deliveries", (number,))
                self._run("remove_facts", (number,))

    # --- changes ------------------------------------------------------------------------------------------------------

    def apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        """See `ports.Mailbox.apply`."""
        with self._database.write(), self._ring.ringing() as rung:
            return [
                self._change(rows.entry_of(row), action, row, rung)
                for identifier, action in changes
                for row in self._rows(agent, identifier)
            ]

    def settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]]) -> bool:
        """See `ports.Mailbox.settle`."""
        with self._database.write(), self._ring.ringing() as rung:
            self._directory.save_body(body)
            self._run("set_turn", (turn, body.agent, turn))
            for identifier, action in changes:
                for row in self._rows(body.agent, identifier):
                    self._change(rows.entry_of(row), action, row, rung)
            quiet = not self._run("rings", (self._key(body.agent), body.offered))
            self._ring.settle(body.agent, quiet=quiet)
            return quiet

    def lease(self, agent: Slug, body: str, limit: int, until: Millis, now: Millis) -> list[Entry]:
        """See `ports.Mailbox.lease`."""
        action = transitions.Lease(at=now, body=body, until=until)
        with self._database.write(), self._ring.ringing() as rung:
            taken = self._run("leasable", (self._key(agent), now, MAX_ATTEMPTS, limit))
            return [self._change(rows.entry_of(row), action, row, rung) for row in taken if row[1] is not None]

    def _change(self, entry: Entry, action: Action, row: Row, rung: set[str]) -> Entry:
        message, outcome = entry.message, transitions.apply(entry.message, entry.delivery, action)
        if outcome.delivery != entry.delivery:
            key = (message.seq, row[37])
            self._run("save_delivery", (*rows.delivery_values(message, outcome.delivery), *key))
            self._add_facts(message, row[37], outcome.facts)
        if outcome.event is not None:
            told = event(outcome.event, message, entry.delivery.recipient, outcome.delivery.reason, action.at)
            if told is not None and self._is_open(told.recipients[0]):
                self._post(told, rung)
        if isinstance(action, (transitions.Requeue, transitions.Lapse)):
            self._ring.unquiet(entry.delivery.recipient)
            rung.add(entry.delivery.recipient)
        return entry.replace(delivery=outcome.delivery)

    def _is_open(self, slug: str) -> bool:
        found = self._run("agent_id", (slug,))
        return bool(found) and found[0][1] == "open"

    def _add_facts(self, message: Message, recipient: int, facts: tuple[Fact, ...]) -> None:
        for fact in facts:
            values: dict[str, Any] = {
                "message": message.seq,
                "recipient": recipient,
                "kind": FACTS.index(fact.kind),
                "later": fact.at - message.sent_at,
                "body": fact.body,
                "evidence": rows.evidence_value(fact.evidence),
            }
            self._run("add_fact", values)

    # --- time -----------------------------------------------------------------------------------------------------------

    def tick(self, now: Millis, limit: int = 100) -> int:
        """See `ports.Mailbox.tick`."""
        earliest = self.next_timer()
        if earliest is None or earliest > now:
            return 0
        with self._database.write(), self._ring.ringing() as rung:
            due = self._run("due_timers", (now, limit))
            for row in due:
                entry = rows.entry_of(row)
                action = transitions.due_action(entry.message, entry.delivery, now)
                if action is not None and row[1] is not None:
                    self._change(entry, action, row, rung)
                else:
                    self._run("save_delivery", (*rows.delivery_values(entry.message, entry.delivery), row[0], row[37]))
            return len(due)

    def next_timer(self) -> Millis | None:
        """See `ports.Mailbox.next_timer`."""
        return self._run("next_timer")[0][0]  # type: ignore[no-any-return]  # an integer or NULL

    def prune(self, now: Millis, limit: int) -> int:
        """See `ports.Mailbox.prune`."""
        with self._database.write():
            before = now - DEAD_FOR
            found = self._run("prunable", (0, before, before, now - DONE_FOR, limit))
            for (number,) in found:
                for statement in ("remove_facts", "remove_deliveries", "remove_message"):
                    self._run(statement, (number,))
            return len(found)

    # --- stories --------------------------------------------------------------------------------------------------------

    def story(self, message: MessageId, sender: Slug | None, viewer: Slug) -> Story:
        """See `ports.Mailbox.story`."""
        for row in self._run("messages", (stored(message),)):
            found, _ = rows.message_of(row)
            story = self._story(found, None if found.sender == viewer else viewer)
            if (sender is None or found.sender == sender) and (found.sender == viewer or story.deliveries):
                return story
        raise UnknownMessage(f"no message {message} that {viewer} sent or received")

    def sent(self, agent: Slug, limit: int) -> list[Story]:
        """See `ports.Mailbox.sent`."""
        return [self._story(rows.message_of(row)[0], None) for row in self._run("sent", (agent, limit))]

    def _story(self, message: Message, only: Slug | None) -> Story:
        deliveries = {}
        for row in self._run("by_message", (message.seq,)):
            entry = rows.entry_of(row)
            if only is None or entry.delivery.recipient == only:
                deliveries[entry.delivery.recipient] = (entry.delivery, self._facts(message, row))
        return Story(message=message, deliveries=deliveries)

    def _facts(self, message: Message, row: Row) -> tuple[Fact, ...]:
        first = (
            Fact(kind="accepted", at=message.sent_at),
            Fact(kind="stored", at=message.sent_at, evidence="disk: committed and synced before the receipt"),
        )
        found = self._run("facts", (message.seq, row[37]))
        return first + tuple(
            Fact(kind=FACTS[kind], at=Millis(message.sent_at + later), body=body, evidence=rows.evidence_of(kept))
            for kind, later, body, kept in found
        )
