"""Messages and deliveries in memory: load, ask the rules (model/transitions), put back."""

from __future__ import annotations

from concurrent.futures import Future

from sos.model import transitions
from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE, MAX_ATTEMPTS, Delivery, Entry, Fact, Story, one_of_each, rank_of
from sos.model.errors import IdConflict, InboxFull, SosError, UnknownAgent, UnknownMessage
from sos.model.events import event
from sos.model.names import OPERATOR, SYSTEM
from sos.model.parcels import Posted, draft_of, message_of
from sos.model.retention import ABANDONED_FOR, EVERY, LOOKED_AT, is_past

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Body
    from sos.model.deliveries import View
    from sos.model.ids import MessageId
    from sos.model.messages import Message
    from sos.model.names import Slug
    from sos.model.parcels import Parcel
    from sos.model.times import Millis
    from sos.model.transitions import Action
    from sos.stores.memory.store import State


class MemoryMailbox:
    """The port `Mailbox` over a `State`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def post(self, parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.post`."""
        with self._state.step():
            return [self._post(parcel) for parcel in parcels]

    def submit(self, parcel: Parcel) -> Future[Posted]:
        """See `ports.Mailbox.submit`. Nothing is slow here, so it is done at once."""
        future: Future[Posted] = Future()
        try:
            future.set_result(self.post([parcel])[0])
        except SosError as error:
            future.set_exception(error)
        return future

    def tell(self, parcel: Parcel) -> None:
        """Inside a step: post to one agent, unless it has left."""
        agent = self._state.agents.get(parcel.recipients[0])
        if agent is not None and agent.status == "open":
            self._post(parcel)

    def _post(self, parcel: Parcel) -> Posted:
        state, recipients = self._state, tuple(dict.fromkeys(parcel.recipients))
        known = state.by_id.get((parcel.draft.id, parcel.sender))
        if known is not None:
            if draft_of(state.messages[known]) != parcel.draft:
                raise IdConflict(f"{parcel.sender} has used {parcel.draft.id} for another message")
            return Posted(parcel=parcel, seq=known, depth=0, known=state.messages[known])
        for slug in recipients:
            if slug not in state.agents or state.agents[slug].status != "open":
                raise UnknownAgent(f"no agent {slug!r}")
        depth = max((self._room(slug, parcel.sender) for slug in recipients), default=0)
        state.head += 1
        message = message_of(parcel, state.head)
        state.messages[message.seq] = message
        state.by_id[message.id, message.sender] = message.seq
        for slug in recipients:
            state.deliveries[message.seq, slug] = Delivery(recipient=slug, rank=rank_of(parcel))
            state.live[slug] = state.live.get(slug, 0) + 1
            state.changed.add(slug)
        if message.kind not in {"event", "system"} and message.assurance != "claimed":
            self._close_answered(message)
        if message.seq % EVERY == 0:
            self.prune(message.sent_at, LOOKED_AT)
        return Posted(parcel=parcel, seq=message.seq, depth=depth)

    def _room(self, slug: str, sender: str) -> int:
        depth = self._state.live.get(slug, 0)
        limit = INBOX_LIMIT if sender in {OPERATOR, SYSTEM} else INBOX_LIMIT - INBOX_RESERVE
        if depth >= limit and sender != SYSTEM:
            raise InboxFull(f"the inbox of {slug} holds {depth:,} messages that wait; nothing was stored")
        return depth + 1

    def _close_answered(self, reply: Message) -> None:
        for entry in self._all(reply.sender):
            if entry.message.id == reply.in_reply_to and entry.message.sender == reply.to:
                at = reply.sent_at
                action = transitions.Ack(at=at) if reply.kind == "ack" else transitions.Answer(at=at, reply=reply.id)
                self._change(entry, action)

    def _all(self, slug: str) -> list[Entry]:
        state = self._state
        return [
            Entry(message=state.messages[seq], delivery=delivery)
            for (seq, recipient), delivery in state.deliveries.items()
            if recipient == slug
        ]

    def entries(self, agent: Slug, view: View, limit: int, after: int = 0, turn: int | None = None) -> list[Entry]:
        """See `ports.Mailbox.entries`."""
        with self._state.lock:
            now = turn if turn is not None else self._state.turn(agent)
            found = [entry for entry in self._all(agent) if entry.message.seq > after and _in_view(entry, view, now)]
        if view == "recent":
            return sorted(found, key=lambda entry: -entry.message.seq)[:limit]
        return sorted(found, key=lambda entry: (entry.delivery.rank, entry.message.seq))[:limit]

    def count(self, agent: Slug, view: View, turn: int | None = None) -> int:
        """See `ports.Mailbox.count`."""
        return len(self.entries(agent, view, INBOX_LIMIT + 1, turn=turn))

    def head(self) -> int:
        """See `ports.Mailbox.head`."""
        with self._state.lock:
            return self._state.head

    def find(self, agent: Slug, ids: Sequence[MessageId]) -> list[Entry]:
        """See `ports.Mailbox.find`."""
        with self._state.lock:
            return [entry for identifier in ids for entry in self._found(agent, identifier)]

    def _found(self, agent: str, identifier: MessageId | int) -> list[Entry]:
        if isinstance(identifier, int):
            delivery = self._state.deliveries.get((identifier, agent))
            found = [] if delivery is None else [Entry(message=self._state.messages[identifier], delivery=delivery)]
        else:
            found = [entry for entry in self._all(agent) if entry.message.id == identifier]
        if not found:
            raise UnknownMessage(f"no message {identifier} for {agent}")
        return found

    def lost(self, agent: Slug) -> list[int]:
        """See `ports.Mailbox.lost`. Nobody else has a hand in it."""
        return []

    def forget_lost(self, agent: Slug) -> None:
        """See `ports.Mailbox.forget_lost`."""

    def apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        """See `ports.Mailbox.apply`."""
        with self._state.step():
            return [self._change(entry, action) for identifier, action in changes for entry in self._found(agent, identifier)]

    def settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]], *, takes: bool = False) -> bool:
        """See `ports.Mailbox.settle`."""
        with self._state.step():
            self._state.save_body(body)
            if takes:
                self._state.hold(body.session)
            agent = self._state.agents[body.agent]
            self._state.agents[body.agent] = agent.replace(turn=max(turn, agent.turn))
            for identifier, action in changes:
                for entry in self._found(body.agent, identifier):
                    self._change(entry, action)
            return not self.entries(body.agent, "unread", 1, after=body.offered)

    def lease(
        self, agent: Slug, body: str, limit: int, until: Millis, now: Millis, busy: Sequence[str] | None = None
    ) -> list[Entry]:
        """See `ports.Mailbox.lease`."""
        action = transitions.Lease(at=now, body=body, until=until)
        with self._state.step():
            free = [
                entry
                for entry in self._all(agent)
                if transitions.is_live(entry.message, entry.delivery)
                and entry.delivery.shown == 0
                and entry.delivery.attempts < MAX_ATTEMPTS
                and (entry.delivery.leased_until or now) <= now
            ]
            free.sort(key=lambda entry: (entry.delivery.rank, entry.message.seq))
            return [self._change(entry, action) for entry in one_of_each(free, busy, limit, lambda entry: entry.message.sender)]

    def conclude(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]], parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.conclude`."""
        with self._state.step():
            self.apply(agent, changes)
            return self.post(parcels)

    def _change(self, entry: Entry, action: Action) -> Entry:
        outcome = transitions.apply(entry.message, entry.delivery, action)
        key = (entry.message.seq, entry.delivery.recipient)
        self._state.deliveries[key] = outcome.delivery
        before, after = (transitions.is_live(entry.message, each) for each in (entry.delivery, outcome.delivery))
        self._state.live[key[1]] = self._state.live.get(key[1], 0) + after - before
        self._state.facts.setdefault(key, []).extend(outcome.facts)
        self._state.changed.add(entry.delivery.recipient)
        if outcome.event is not None:
            told = event(outcome.event, entry.message, entry.delivery.recipient, outcome.delivery.reason, action.at)
            if told is not None:
                self.tell(told)
        return entry.replace(delivery=outcome.delivery)

    def tick(self, now: Millis, limit: int = 100) -> int:
        """See `ports.Mailbox.tick`."""
        with self._state.step():
            due = [entry for at, entry in self._timers() if at <= now][:limit]
            for entry in due:
                action = transitions.due_action(entry.message, entry.delivery, now)
                if action is not None:
                    self._change(entry, action)
            return len(due)

    def _timers(self) -> list[tuple[Millis, Entry]]:
        made = []
        for (seq, _), delivery in self._state.deliveries.items():
            at = transitions.timer_of(self._state.messages[seq], delivery)
            if at is not None:
                made.append((at, Entry(message=self._state.messages[seq], delivery=delivery)))
        return sorted(made, key=lambda timer: timer[0])

    def next_timer(self) -> Millis | None:
        """See `ports.Mailbox.next_timer`."""
        with self._state.lock:
            return min((at for at, _ in self._timers()), default=None)

    def story(self, message: MessageId, sender: Slug | None, viewer: Slug) -> Story:
        """See `ports.Mailbox.story`."""
        with self._state.lock:
            for found in self._state.messages.values():
                if found.id == message and sender in {None, found.sender}:
                    story = self._story(found, None if found.sender == viewer else viewer)
                    if found.sender == viewer or story.deliveries:
                        return story
        raise UnknownMessage(f"no message {message} that {viewer} sent or received")

    def asked(self, agent: Slug, limit: int) -> list[Entry]:
        """See `ports.Mailbox.asked`."""
        with self._state.lock:
            state = self._state
            newest = [message.seq for message in state.messages.values() if message.sender == agent][-500:]
            found = [
                Entry(message=state.messages[seq], delivery=delivery)
                for (seq, _), delivery in state.deliveries.items()
                if seq in newest
            ]
        mine = [entry for entry in found if entry.message.kind == "request"]
        live = [entry for entry in mine if transitions.is_live(entry.message, entry.delivery)]
        return sorted(live, key=lambda entry: (entry.message.seq, entry.delivery.recipient))[:limit]

    def sent(self, agent: Slug, limit: int) -> list[Story]:
        """See `ports.Mailbox.sent`."""
        with self._state.lock:
            own = [message for message in self._state.messages.values() if message.sender == agent]
            return [self._story(message, None) for message in own[::-1][:limit]]

    def _story(self, message: Message, only: Slug | None) -> Story:
        first = (Fact(kind="accepted", at=message.sent_at), Fact(kind="stored", at=message.sent_at, evidence="memory"))
        return Story(
            message=message,
            deliveries={
                slug: (delivery, first + tuple(self._state.facts.get((seq, slug), ())))
                for (seq, slug), delivery in sorted(self._state.deliveries.items())
                if seq == message.seq and only in {None, slug}
            },
        )

    def prune(self, now: Millis, limit: int) -> int:
        """See `ports.Mailbox.prune`."""
        with self._state.step():
            left = [slug for slug, agent in self._state.agents.items() if (agent.closed_at or now) < now - ABANDONED_FOR]
            for entry in [entry for slug in left for entry in self._all(slug)]:
                if transitions.is_live(entry.message, entry.delivery):
                    self._change(entry, transitions.Kill(at=now, reason="its recipient left 30 days ago"))
            kept = {seq for seq, slug in self._state.deliveries if not self._is_past(seq, slug, now)} | {self._state.head}
            gone = [seq for seq in self._state.messages if seq not in kept][:limit]
            for seq in gone:
                message = self._state.messages.pop(seq)
                del self._state.by_id[message.id, message.sender]
            removed = set(gone)
            for key in [key for key in self._state.deliveries if key[0] in removed]:
                del self._state.deliveries[key]
                self._state.facts.pop(key, None)
            return len(gone)

    def _is_past(self, seq: int, slug: str, now: Millis) -> bool:
        message, delivery = self._state.messages[seq], self._state.deliveries[seq, slug]
        return not transitions.is_live(message, delivery) and is_past(message, delivery, now)


def _in_view(entry: Entry, view: View, turn: int) -> bool:
    delivery = entry.delivery
    if view == "recent":
        return True
    if view == "dead":
        return delivery.ended == "dead"
    if not transitions.is_live(entry.message, delivery):
        return False
    unread = delivery.shown == 0 and delivery.leased_until is None
    if view == "due":
        return unread or (delivery.next_turn is not None and delivery.next_turn <= turn)
    if view == "open":
        return entry.message.kind == "request"
    return unread if view == "unread" else delivery.arrival == "pending"
