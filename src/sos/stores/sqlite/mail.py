"""Messages and deliveries in SQLite: load, ask the rules (model/transitions), write, all in one transaction."""

from __future__ import annotations

import _thread

from sos.model import transitions, wire
from sos.model.deliveries import FACTS, INBOX_LIMIT, MAX_ATTEMPTS, Entry, Fact, Story, one_of_each, withheld
from sos.model.errors import StaleFence, StorageFull, StoreDamaged, UnknownMessage
from sos.model.events import event
from sos.model.ids import stored
from sos.model.parcels import is_call_for_help
from sos.model.times import Millis
from sos.stores.sqlite import rows
from sos.stores.sqlite.batch import Batch, Known
from sos.stores.sqlite.database import queries
from sos.stores.sqlite.posting import REFUSALS, Posting
from sos.stores.sqlite.retention import Retention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from typing import Any, TypeVar

    from sos.model.agents import Body
    from sos.model.deliveries import View
    from sos.model.ids import MessageId
    from sos.model.messages import Message
    from sos.model.names import Slug
    from sos.model.parcels import Parcel, Posted
    from sos.model.transitions import Action
    from sos.stores.sqlite.agents import SqliteDirectory
    from sos.stores.sqlite.ballast import Ballast
    from sos.stores.sqlite.database import Database, Row
    from sos.stores.sqlite.group import Group
    from sos.stores.sqlite.ring import Ring

    Made = TypeVar("Made")

REFUSED = (*REFUSALS, StaleFence, UnknownMessage)
"""Errors of one step of a group: it is undone, and the others go on."""


class SqliteMailbox:
    """The port `Mailbox` over one database file."""

    def __init__(self, database: Database, directory: SqliteDirectory, ring: Ring, ballast: Ballast) -> None:
        self._database = database
        self._ballast = ballast
        self._directory = directory
        self._ring = ring
        self._known = Known(database)
        self._sql = queries("mail")
        self._retention = Retention(database, self._sql, self._change)
        self._posting = Posting(database, self._sql, self._change, self._retention)
        self._starting = _thread.allocate_lock()
        self._group: Group | None = None

    def _run(self, name: str, values: object = ()) -> list[Row]:
        return self._database.read(self._sql[name], values)

    def batch(self) -> Batch:
        """What a transaction of messages keeps in mind: `with database.write(), mail.batch() as batch`."""
        return Batch(self._known, self._ring)

    # --- in -----------------------------------------------------------------------------------------------------------

    def post(self, parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.post`. Single parcels of several threads at once are committed together."""
        if all(is_call_for_help(parcel) for parcel in parcels):
            return self._ballast.saving(lambda: self._post(parcels))
        if len(parcels) == 1 and self._is_busy():
            return [self.submit(parcels[0]).result()]
        self._ballast.require()
        return self._post(parcels)

    def _post(self, parcels: Sequence[Parcel]) -> list[Posted]:
        with self._database.write(), self.batch() as batch:
            return [self._posting.post(parcel, batch) for parcel in parcels]

    def submit(self, parcel: Parcel) -> Future[Posted]:
        """See `ports.Mailbox.submit`."""
        return self._together(lambda batch: self._posting.post(parcel, batch))

    def _is_busy(self) -> bool:
        """Whether other threads write just now: who goes along shares a commit with all that wait."""
        return self._database.is_busy() or (self._group is not None and self._group.is_busy())

    def _together(self, step: Callable[[Batch], Made]) -> Future[Made]:
        with self._starting:
            if self._group is None:
                from sos.stores.sqlite.group import Group  # a single command never needs threads

                self._group = Group(self._do_each)
        return self._group.submit(step)

    def _do_each(self, take: Callable[[], Sequence[Callable[[Batch], object]]]) -> list[object]:
        self._ballast.require()
        outcomes: list[object] = []
        with self._database.write(), self.batch() as batch:
            for step in take():
                try:
                    outcomes.append(step(batch))
                except REFUSED as error:
                    outcomes.append(error)
        return outcomes

    def close(self) -> None:
        """Commit what was submitted."""
        if self._group is not None:
            self._group.close()

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

    def _many(self, agent: str, numbers: Sequence[int]) -> dict[MessageId | int, Row]:
        """Rows by number, in one look."""
        found = self._run("by_numbers", (self._key(agent), wire.dumps(numbers))) if numbers else []
        return {row[0]: row for row in found}

    def _key(self, agent: str) -> int | None:
        found = self._run("agent_id", (agent,))
        return int(found[0][0]) if found else None

    def lost(self, agent: Slug) -> list[int]:
        """See `ports.Mailbox.lost`."""
        return [row[0] for row in self._run("orphans", (self._key(agent),))]

    def forget_lost(self, agent: Slug) -> None:
        """See `ports.Mailbox.forget_lost`."""
        with self._database.write():
            for number in self.lost(agent):
                self._run("remove_deliveries", (number,))
                self._run("remove_facts", (number,))

    # --- changes ------------------------------------------------------------------------------------------------------

    def apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        """See `ports.Mailbox.apply`."""
        return self._ballast.saving(lambda: self._apply(agent, changes))

    def _apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        with self._database.write(), self.batch() as batch:
            return [
                self._change(rows.entry_of(row), action, row, batch)
                for identifier, action in changes
                for row in self._rows(agent, identifier)
            ]

    def settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]], *, takes: bool = False) -> bool:
        """See `ports.Mailbox.settle`."""
        return self._ballast.saving(lambda: self._settle(body, turn, changes, takes=takes))

    def _settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]], *, takes: bool) -> bool:
        with self._database.write(), self.batch() as batch:
            self._directory.save_body(body)
            if takes:
                self._directory.hold(body.session)
            self._run("set_turn", (turn, body.agent, turn))
            found = self._many(body.agent, [name for name, _ in changes if isinstance(name, int)])
            for name, action in changes:
                first = found.pop(name, None)  # a second change of the same message needs what the first one made of it
                for row in [first] if first else self._rows(body.agent, name):
                    self._change(rows.entry_of(row), action, row, batch)
            quiet = not self._run("rings", (self._key(body.agent), body.offered))
            # Quiet only once the marks are committed: killed between the two, it would stand over what is still unread.
            if quiet:
                self._database.once_committed(lambda: self._ring.settle(body.agent, quiet=True))
            else:
                self._ring.settle(body.agent, quiet=False)
            return quiet

    def conclude(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]], parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.conclude`. Ends of several threads at once are committed together."""

        def end(batch: Batch) -> list[Posted]:
            for identifier, action in changes:
                for row in self._rows(agent, identifier):
                    self._change(rows.entry_of(row), action, row, batch)
            return [self._posting.post(parcel, batch) for parcel in parcels]

        if not all(is_call_for_help(parcel) for parcel in parcels):
            self._ballast.require()
        if self._is_busy():
            try:
                return self._together(lambda batch: self._undoing(end, batch)).result()
            except (StorageFull, StoreDamaged):
                pass  # what failed may be another's end, and the room that is kept for ends was not used yet
        return self._ballast.saving(lambda: self._by_itself(end))

    def _by_itself(self, step: Callable[[Batch], Made]) -> Made:
        with self._database.write(), self.batch() as batch:
            return step(batch)

    def _undoing(self, step: Callable[[Batch], Made], batch: Batch) -> Made:
        """Do a step of several parts inside a transaction that others share: where it is refused, nothing of it stays."""
        self._database.read("SAVEPOINT step")
        try:
            made = step(batch)
        except REFUSED:
            self._database.read("ROLLBACK TO step")
            self._database.read("RELEASE step")
            batch.forget()
            raise
        self._database.read("RELEASE step")
        return made

    def lease(
        self, agent: Slug, body: str, limit: int, until: Millis, now: Millis, busy: Sequence[str] | None = None
    ) -> list[Entry]:
        """See `ports.Mailbox.lease`."""
        action = transitions.Lease(at=now, body=body, until=until)
        with self._database.write(), self.batch() as batch:
            most = limit if busy is None else 8 * limit
            free = self._run("leasable", (self._key(agent), now, MAX_ATTEMPTS, wire.dumps(busy or ()), most))
            taken = [number for number, _ in one_of_each(free, busy, limit, lambda pair: pair[1])]
            # Only what is taken is read whole, and checked: to do so with all was most of a lease's time.
            found = self._many(agent, taken)  # where an index is damaged, one of them may be missing
            return [self._change(rows.entry_of(found[each]), action, found[each], batch) for each in taken if each in found]

    def _change(self, entry: Entry, action: Action, row: Row, batch: Batch) -> Entry:
        message, outcome = entry.message, transitions.apply(entry.message, entry.delivery, action)
        if outcome.delivery != entry.delivery:
            batch.recipients.pop(entry.delivery.recipient, None)
            key = (message.seq, row[37])
            self._run("save_delivery", (*rows.delivery_values(message, outcome.delivery), *key))
            self._add_facts(message, row[37], outcome.facts)
        if outcome.event is not None:
            told = event(outcome.event, message, entry.delivery.recipient, outcome.delivery.reason, action.at)
            if told is not None:
                self.tell(told, batch)
        if isinstance(action, (transitions.Requeue, transitions.Lapse)):
            batch.ring(entry.delivery.recipient)
        return entry.replace(delivery=outcome.delivery)

    def tell(self, parcel: Parcel, batch: Batch) -> None:
        """Inside a transaction: post to one agent, unless it has left."""
        found = self._run("agent_id", (parcel.recipients[0],))
        if found and found[0][1] == "open":
            self._posting.post(parcel, batch)

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
        return self._ballast.saving(lambda: self._tick(now, limit))

    def _tick(self, now: Millis, limit: int) -> int:
        with self._database.write(), self.batch() as batch:
            due = self._run("due_timers", (now, limit))
            for row in due:
                entry = rows.entry_of(row)
                action = transitions.due_action(entry.message, entry.delivery, now)
                if action is not None and row[1] is not None:
                    self._change(entry, action, row, batch)
                else:
                    self._run("save_delivery", (*rows.delivery_values(entry.message, entry.delivery), row[0], row[37]))
            return len(due)

    def next_timer(self) -> Millis | None:
        """See `ports.Mailbox.next_timer`."""
        return self._run("next_timer")[0][0]  # type: ignore[no-any-return]  # an integer or NULL

    def prune(self, now: Millis, limit: int) -> int:
        """See `ports.Mailbox.prune`."""
        return self._ballast.saving(lambda: self._prune(now, limit))

    def _prune(self, now: Millis, limit: int) -> int:
        with self._database.write(), self.batch() as batch:
            return self._retention.step(now, limit, batch)

    # --- stories --------------------------------------------------------------------------------------------------------

    def story(self, message: MessageId, sender: Slug | None, viewer: Slug) -> Story:
        """See `ports.Mailbox.story`."""
        for row in self._run("messages", (stored(message),)):
            found = _sound(row)
            story = self._story(found, None if found.sender == viewer else viewer)
            if (sender is None or found.sender == sender) and (found.sender == viewer or story.deliveries):
                return story
        raise UnknownMessage(f"no message {message} that {viewer} sent or received")

    def asked(self, agent: Slug, limit: int) -> list[Entry]:
        """See `ports.Mailbox.asked`."""
        return [rows.entry_of(row) for row in self._run("asked", (agent, limit))]

    def sent(self, agent: Slug, limit: int) -> list[Story]:
        """See `ports.Mailbox.sent`."""
        return [self._story(_sound(row), None) for row in self._run("sent", (agent, limit))]

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


def _sound(row: Row) -> Message:
    message, sound = rows.message_of(row)
    return message if sound else withheld(message)
