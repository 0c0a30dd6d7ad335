"""Working off an inbox in handler mode: leases with fences, attempts, and an end that is stored with what it sends."""

from __future__ import annotations

from sos.core.outgoing import Outgoing
from sos.model.errors import InvalidInput, WrongAgent
from sos.model.times import Millis
from sos.model.transitions import Ack, Extend, Release
from sos.model.work import LONGEST_LEASE, LONGEST_REST, MOST_LEASED, MOST_SENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Body
    from sos.model.deliveries import Entry
    from sos.model.messages import Receipt
    from sos.model.parcels import Parcel
    from sos.model.work import Sending

MAX_REASON = 500


class Working(Outgoing):
    """The part of `LocalConnection` for bodies that handle messages."""

    _is_proven = False

    def lease(self, limit: int, span: int, busy: Sequence[str]) -> list[Entry]:
        """Take unread messages for `span` milliseconds, one of each sender that is not busy; an attempt of each begins."""
        self._allow("lease")
        if not (0 < limit <= MOST_LEASED and len(busy) <= MOST_LEASED and 0 < span <= LONGEST_LEASE):
            raise InvalidInput(f"a lease is of 1 to {MOST_LEASED} messages, for at most {LONGEST_LEASE // 60_000} minutes")
        now = self.clock.now()
        self.store.mail.tick(now)  # leases that have lapsed
        self._fetch()
        return self.store.mail.lease(self.me.slug, self.session, limit, Millis(now + span), now, busy)

    def extend(self, number: int, fence: int, span: int) -> None:
        """The handler of a message goes on for `span` milliseconds more. Raises StaleFence, UnknownMessage."""
        self._allow("extend")
        if not 0 < span <= LONGEST_LEASE:
            raise InvalidInput(f"a lease is for at most {LONGEST_LEASE // 60_000} minutes")
        now = self.clock.now()
        action = Extend(at=now, body=self.session, fence=fence, until=Millis(now + span))
        self.store.mail.apply(self.me.slug, [(number, action)])

    def release(self, number: int, fence: int, rest: int, reason: str) -> Entry:
        """The attempt at a message failed: again after `rest` milliseconds, or never. Raises StaleFence, UnknownMessage."""
        self._allow("release")
        if not 0 <= rest <= LONGEST_REST:
            raise InvalidInput("a message rests for at most a day")
        now = self.clock.now()
        action = Release(at=now, body=self.session, fence=fence, retry_at=Millis(now + rest), reason=reason[:MAX_REASON])
        return self.store.mail.apply(self.me.slug, [(number, action)])[0]

    def conclude(self, number: int, fence: int, sends: Sequence[Sending]) -> list[Receipt]:
        """End the handling of a message: its acknowledgement and all that the handler sends, together or not at all.

        Raises StaleFence where the lease was lost, and what each send does.
        """
        from sos.core import sending

        self._allow("conclude")
        if len(sends) > MOST_SENT:
            raise InvalidInput(f"one handling sends at most {MOST_SENT} messages")
        parcels = [self._parcel(each) for each in sends]
        now = self.clock.now()
        ack = Ack(at=now, body=self.session, fence=fence)
        posted = self.store.mail.conclude(self.me.slug, [(number, ack)], parcels)
        if not self._is_proven:
            self._prove(now)
        return [sending.receipt(self.store, each, now) for each in posted]

    def _prove(self, now: Millis) -> None:
        """A handler that ends is the proof that this inbox is heard."""
        agent = self.store.agents.agent(self.me.slug)
        if agent is not None and agent.proven_at is None:
            self.store.agents.prove(self.me.slug, "proven", now, "its handler acknowledged a message")
        self._is_proven = True  # for good: nothing takes it back

    def _parcel(self, given: Sending) -> Parcel:
        if given.answered is not None:
            return self.reply_parcel(given.answered, given.draft, given.sender)
        if given.draft.kind == "broadcast":
            return self.broadcast_parcel(given.draft, given.squad, given.project)
        return self.send_parcel(given.draft)

    def beat(self, body: Body) -> None:
        """This body lives, and what it does: written down with the time. Raises WrongAgent for another's."""
        self._allow("beat")
        if (body.agent, body.session) != (self.me.slug, self.session) or not self.session:
            raise WrongAgent(f"this is the body {ascii(self.session)[1:-1]} of {self.me.slug}, not {ascii(body.session)[1:-1]}")
        now = self.clock.now()
        known = self.store.agents.body(body.session)
        if known is not None and known.agent != self.me.slug:
            raise WrongAgent(f"that body is {known.agent}'s")
        begun, holds = (now, False) if known is None else (known.started_at, known.holder)
        self.store.agents.save_body(body.replace(started_at=begun, seen_at=now, hook_at=now, holder=holds))
        if body.presence == "closed":
            self.store.nudge(self.me.slug)  # its own wait ends
