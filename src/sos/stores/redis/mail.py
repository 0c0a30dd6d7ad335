"""Messages and deliveries in Redis: read, ask the rules (model/transitions), write on the condition that nothing has changed."""

from __future__ import annotations

import threading

from sos.model import transitions
from sos.model.deliveries import INBOX_LIMIT, MAX_ATTEMPTS, Story, one_of_each
from sos.model.errors import StoreUnreachable, UnknownMessage
from sos.model.times import Millis
from sos.stores.redis import keys, rows
from sos.stores.redis.group import Group
from sos.stores.redis.owed import PATIENCE, Owed
from sos.stores.redis.posting import Post
from sos.stores.redis.retention import Retention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from typing import Any

    from sos.model.agents import Body
    from sos.model.deliveries import Entry, View
    from sos.model.ids import MessageId
    from sos.model.names import Slug
    from sos.model.parcels import Parcel, Posted
    from sos.model.transitions import Action
    from sos.stores.redis.agents import RedisDirectory
    from sos.stores.redis.history import History
    from sos.stores.redis.server import Server
    from sos.stores.redis.settings import Terms
    from sos.stores.redis.step import Loaded, Step, Steps


class RedisMailbox:
    """The port `Mailbox` over a server."""

    def __init__(self, server: Server, steps: Steps, directory: RedisDirectory, terms: Terms, history: History) -> None:
        self._server = server
        self._steps = steps
        self._directory = directory
        self._terms = terms
        self._history = history
        self._retention = Retention(server, steps)
        self._owed = Owed(server, steps)
        self._starting = threading.Lock()
        self._group: Group | None = None
        self._closed = False

    # --- in -----------------------------------------------------------------------------------------------------------

    def post(self, parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.post`."""
        with self._server.call():
            posts = self._steps.run(lambda step: [self._put(parcel, step) for parcel in parcels])
            posted = [post.result() for post in posts]
            if self._steps.current is None:
                self._after(posted)
            return posted

    def _after(self, posted: Sequence[Posted]) -> None:
        self._owed.copy(posted)
        self._history.keep(posted)
        self._retention.after(posted)

    def _put(self, parcel: Parcel, step: Step) -> Post:
        post = Post(parcel, self._terms.durability())
        message = post.message
        if message.in_reply_to is not None and message.kind not in {"event", "system"} and message.assurance != "claimed":
            self._close_answered(post, step)
        step.posts.append(post)
        return post

    def _close_answered(self, reply: Post, step: Step) -> None:
        message = reply.message
        action: Action = transitions.Answer(at=message.sent_at, reply=message.id)
        if message.kind == "ack":
            action = transitions.Ack(at=message.sent_at)
        for each in self._server.script("find", message.sender, f"={message.in_reply_to}")[0]:
            loaded = step.load(each)
            if loaded.entry.message.sender == message.to:  # two senders may use one id
                step.change(loaded, action)
        for post in step.posts:
            if post.message.id == message.in_reply_to and post.message.sender == message.to and message.sender in post.recipients:
                post.answer(message.sender, action)

    def submit(self, parcel: Parcel) -> Future[Posted]:
        """See `ports.Mailbox.submit`."""
        with self._starting:
            if self._closed:
                raise StoreUnreachable("the store is closed")
            if self._group is None:
                self._group = Group(self._server, self._steps, self._put, self._after)
        return self._group.submit(parcel)

    def close(self) -> None:
        """Store what was submitted."""
        with self._starting:
            self._closed = True
        if self._group is not None:
            self._group.close()

    # --- out ----------------------------------------------------------------------------------------------------------

    def entries(self, agent: Slug, view: View, limit: int, after: int = 0, turn: int | None = None) -> list[Entry]:
        """See `ports.Mailbox.entries`."""
        found = self._server.script("view", agent, view, limit, after, "" if turn is None else turn)
        return [rows.entry_of(row) for row in found if row[5] is not None]

    def count(self, agent: Slug, view: View, turn: int | None = None) -> int:
        """See `ports.Mailbox.count`."""
        return min(int(self._server.script("count", agent, view, "" if turn is None else turn)), INBOX_LIMIT + 1)

    def head(self) -> int:
        """See `ports.Mailbox.head`."""
        return int(self._server.read(("GET", keys.HEAD))[0] or 0)

    def find(self, agent: Slug, ids: Sequence[MessageId]) -> list[Entry]:
        """See `ports.Mailbox.find`."""
        return [rows.entry_of(row) for row in self._found(agent, ids)]

    def _found(self, agent: str, references: Sequence[MessageId | int]) -> list[list[Any]]:
        asked = [f"#{each}" if isinstance(each, int) else f"={each}" for each in references]
        found: list[list[Any]] = []
        for reference, several in zip(references, self._server.script("find", agent, *asked), strict=True):
            if not several:
                raise UnknownMessage(f"no message {reference} for {agent}")
            found += several
        return found

    # --- changes ------------------------------------------------------------------------------------------------------

    def lost(self, agent: Slug) -> list[int]:
        """See `ports.Mailbox.lost`. None: a message that another hand took away is shown as damaged."""
        return []

    def forget_lost(self, agent: Slug) -> None:
        """See `ports.Mailbox.forget_lost`."""

    def apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        """See `ports.Mailbox.apply`."""
        return self._steps.run(lambda step: self._changed(step, agent, changes))

    def _changed(self, step: Step, agent: str, changes: Sequence[tuple[MessageId | int, Action]]) -> list[Entry]:
        made: list[Entry] = []
        asked = [f"#{each}" if isinstance(each, int) else f"={each}" for each, _ in changes]
        found = self._server.script("find", agent, *asked) if asked else []
        for (reference, action), several in zip(changes, found, strict=True):
            if not several:
                raise UnknownMessage(f"no message {reference} for {agent}")
            made += [step.change(step.load(row), action) for row in several]
        return made

    def settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]], *, takes: bool = False) -> bool:
        """See `ports.Mailbox.settle`."""

        def work(step: Step) -> Step:
            place = self._directory.settle(step, body, turn, takes=takes)
            self._changed(step, body.agent, changes)
            if place is not None:
                step.ask_quiet(place, body.offered)
            return step

        return self._steps.run(work).is_quiet

    def lease(
        self, agent: Slug, body: str, limit: int, until: Millis, now: Millis, busy: Sequence[str] | None = None
    ) -> list[Entry]:
        """See `ports.Mailbox.lease`."""
        action = transitions.Lease(at=now, body=body, until=until)

        def work(step: Step) -> list[Entry]:
            asked = limit if busy is None else 8 * (limit + len(busy))
            while True:
                found = self._server.script("view", agent, "leasable", asked, 0, now)
                loaded = {each.entry.message.seq: each for each in map(step.load, (row for row in found if row[5] is not None))}
                free = [each.entry for each in loaded.values() if _is_free(each, now)]
                taken = one_of_each(free, busy, limit, lambda entry: entry.message.sender)
                if busy is None or len(taken) == limit or len(found) < asked:
                    return [step.change(loaded[each.message.seq], action) for each in taken]
                asked *= 4  # one who is busy has sent all of these

        return self._steps.run(work)

    def conclude(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]], parcels: Sequence[Parcel]) -> list[Posted]:
        """See `ports.Mailbox.conclude`."""

        def work(step: Step) -> list[Post]:
            self._changed(step, agent, changes)
            return [self._put(parcel, step) for parcel in parcels]

        with self._server.call():
            posted = [post.result() for post in self._steps.run(work)]
            self._after(posted)
            return posted

    # --- time -----------------------------------------------------------------------------------------------------------

    def tick(self, now: Millis, limit: int = 100) -> int:
        """See `ports.Mailbox.tick`."""

        def work(step: Step) -> int:
            due = self._server.script("timers", now, limit)
            for member, *row in due:
                if not row or row[0][5] is None:
                    step.write("ZREM", keys.TIMERS, member)
                    continue
                loaded = step.load(row[0])
                loaded.retime = True
                action = transitions.due_action(loaded.entry.message, loaded.entry.delivery, now)
                if action is not None:
                    step.change(loaded, action)
            return len(due)

        looked = self._steps.run(work)
        self._owed.sweep(now, limit)
        return looked

    def next_timer(self) -> Millis | None:
        """See `ports.Mailbox.next_timer`."""
        timer, owed = self._server.read(("ZRANGE", keys.TIMERS, 0, 0, "WITHSCORES"), ("ZRANGE", keys.OWED, 0, 0, "WITHSCORES"))
        due = [int(float(timer[1]))] if timer else []
        due += [int(float(owed[1])) + PATIENCE] if owed else []
        return Millis(min(due)) if due else None

    def prune(self, now: Millis, limit: int) -> int:
        """See `ports.Mailbox.prune`."""
        return self._retention.step(now, limit)

    # --- stories --------------------------------------------------------------------------------------------------------

    def story(self, message: MessageId, sender: Slug | None, viewer: Slug) -> Story:
        """See `ports.Mailbox.story`."""
        for row in self._server.script("stories", "id", message, viewer, keys.tag(viewer), ""):
            story = _story(row)
            if sender in {None, story.message.sender} and (story.message.sender == viewer or story.deliveries):
                return story
        raise UnknownMessage(f"no message {message} that {viewer} sent or received")

    def asked(self, agent: Slug, limit: int) -> list[Entry]:
        """See `ports.Mailbox.asked`."""
        found = [rows.entry_of(row) for row in self._server.script("asked", keys.sent(agent)) if row[5] is not None]
        return sorted(found, key=lambda entry: (entry.message.seq, entry.delivery.recipient))[:limit]

    def sent(self, agent: Slug, limit: int) -> list[Story]:
        """See `ports.Mailbox.sent`."""
        return [_story(row) for row in self._server.script("stories", "sent", limit, agent, keys.tag(agent), keys.sent(agent))]


def _is_free(loaded: Loaded, now: Millis) -> bool:
    delivery = loaded.entry.delivery
    return delivery.attempts < MAX_ATTEMPTS and (delivery.leased_until or now) <= now


def _story(row: list[Any]) -> Story:
    number, address, value, *deliveries = row
    message, _, durability = rows.message_of(int(number), address.decode(), value)
    made = {}
    for slug, delivery, facts in sorted(deliveries):
        name = slug.decode()
        made[name] = (rows.delivery_of(name, delivery), rows.facts_of(message, durability, facts))
    return Story(message=message, deliveries=made)
