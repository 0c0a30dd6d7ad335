"""What an inbox must do, written down a second time: slowly, in plain objects, and without a line of the product's rules.

The state machine of inbox_machine.py compares both stores with it. Where it and a store disagree, one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MISSES, STARTS = 3, 5
#: Turns from one showing of an open request to the next: 1, 5 and 20 after the first.
GAPS = (1, 4, 15)
DAY = 24 * 60 * 60 * 1000
Fact = tuple[str, int, str]


class Refusal(Exception):
    """The model says no; the text is the name of the error that a store must raise."""


@dataclass(slots=True, eq=False)
class Letter:
    """One message as it was sent."""

    seq: int
    id: str
    sender: str
    to: str
    kind: str
    text: str
    sent: int
    expires: int | None = None
    deadline: int | None = None
    answers: str | None = None
    claimed: bool = False
    #: overdue, expired, undelivered or dead, where the mesh itself tells a sender something.
    event: str = ""
    copies: list[Copy] = field(default_factory=list)

    @property
    def content(self) -> tuple[object, ...]:
        spans = [None if at is None else at - self.sent for at in (self.expires, self.deadline)]
        return (self.to, self.kind, self.text, self.answers, *spans)

    @property
    def rank(self) -> int:
        if self.claimed:
            return 4
        if self.sender in {"operator", "system"}:
            return 0
        return {"request": 1, "broadcast": 3}.get(self.kind, 2)


@dataclass(slots=True, eq=False)
class Copy:
    """A letter in one inbox. The fields are called as in `Delivery`, so that one loop compares them."""

    letter: Letter
    owner: Holder
    shown: int = 0
    shown_at: int | None = None
    shown_in: str = ""
    mark: str = ""
    arrival: str = "unshown"
    absent: int = 0
    next_turn: int | None = None
    acked_at: int | None = None
    replied_at: int | None = None
    ended: str | None = None
    ended_at: int | None = None
    reason: str = ""
    attempts: int = 0
    fence: int = 0
    leased_until: int | None = None
    overdue_at: int | None = None
    facts: list[Fact] = field(default_factory=list)

    @property
    def answered(self) -> bool:
        return self.acked_at is not None or self.replied_at is not None

    @property
    def over(self) -> bool:
        return self.answered or self.ended is not None

    @property
    def live(self) -> bool:
        waits = self.shown == 0 or self.arrival == "pending" or self.next_turn is not None
        return not self.over and (waits or self.letter.kind == "request")

    @property
    def unread(self) -> bool:
        return self.live and self.shown == 0 and self.leased_until is None

    @property
    def can_expire(self) -> bool:
        return self.letter.expires is not None and self.arrival in {"unshown", "absent"}

    @property
    def can_run_over(self) -> bool:
        return self.letter.kind == "request" and self.letter.deadline is not None and self.overdue_at is None

    @property
    def timer(self) -> int | None:
        expires = self.letter.expires if self.can_expire else None
        deadline = self.letter.deadline if self.can_run_over else None
        times = [at for at in (expires, deadline, self.leased_until) if at is not None]
        return min(times) if times and self.live else None

    def due(self, turn: int) -> bool:
        return self.unread or (self.live and self.next_turn is not None and self.next_turn <= turn)

    def startable(self, now: int) -> bool:
        free = self.leased_until is None or self.leased_until <= now
        return self.live and self.shown == 0 and free and self.attempts < STARTS


@dataclass(slots=True, eq=False)
class Holder:
    """An identity that holds a slug, or once did."""

    number: int
    slug: str
    name: str
    open: bool = True
    turn: int = 0
    former: int = 0
    copies: dict[int, Copy] = field(default_factory=dict)

    def view(self, name: str, turn: int | None = None) -> list[Copy]:
        held = sorted(self.copies.values(), key=lambda copy: (copy.letter.rank, copy.letter.seq))
        match name:
            case "recent":
                return sorted(held, key=lambda copy: -copy.letter.seq)
            case "unread":
                return [copy for copy in held if copy.unread]
            case "due":
                return [copy for copy in held if copy.due(self.turn if turn is None else turn)]
            case "open":
                return [copy for copy in held if copy.live and copy.letter.kind == "request"]
            case "pending":
                return [copy for copy in held if copy.live and copy.arrival == "pending"]
            case _:
                return [copy for copy in held if copy.ended == "dead"]


class Mesh:
    """Agents and letters. Each method is one step; a `Refusal` changes nothing."""

    def __init__(self, limit: int, reserve: int) -> None:
        self.limit, self.reserve = limit, reserve
        self.everybody: list[Holder] = []
        self.holders: dict[str, Holder] = {}
        self.letters: dict[int, Letter] = {}
        self.head = 0
        #: In which order a store looks at several recipients of one message whose time has come at once.
        self.order: Callable[[Holder], int | str] = lambda holder: holder.number

    # --- who ----------------------------------------------------------------------------------------------------------

    def join(self, slug: str, name: str) -> str:
        known = self.holders.get(slug)
        if known is not None and known.name == name:
            outcome, known.open = "same" if known.open else "returned", True
            return outcome
        if known is not None and known.open:
            raise Refusal("SlugTaken")
        if known is not None:
            known.former = 1 + sum(each.slug == slug and each.former > 0 for each in self.everybody)
        self.holders[slug] = Holder(number=len(self.everybody) + 1, slug=slug, name=name)
        self.everybody.append(self.holders[slug])
        return "new"

    def leave(self, slug: str) -> None:
        self.holders[slug].open = False

    # --- in -----------------------------------------------------------------------------------------------------------

    def post(self, letter: Letter, recipients: list[str]) -> tuple[int, bool, int]:
        """The number, whether it was known, and the depth of the fullest inbox."""
        for known in self.letters.values():
            if (known.id, known.sender) == (letter.id, letter.sender):
                if known.content != letter.content:
                    raise Refusal("IdConflict")
                return known.seq, True, 0
        targets = [self.holders.get(slug) for slug in recipients]
        owners = [holder for holder in targets if holder is not None and holder.open]
        if len(owners) < len(targets):
            raise Refusal("UnknownAgent")
        depths = [sum(copy.live for copy in owner.copies.values()) for owner in owners]
        if letter.sender != "system" and max(depths) >= self.room(letter.sender):
            raise Refusal("InboxFull")
        self.head += 1
        letter.seq = self.head
        self.letters[letter.seq] = letter
        for owner in owners:
            owner.copies[letter.seq] = Copy(letter=letter, owner=owner)
            letter.copies.append(owner.copies[letter.seq])
        self._close(letter)
        return letter.seq, False, max(depths) + 1

    def room(self, sender: str) -> int:
        return self.limit if sender == "operator" else self.limit - self.reserve

    def _close(self, answer: Letter) -> None:
        if answer.answers is None or answer.claimed or answer.kind == "event":
            return
        for copy in list(self.holders[answer.sender].copies.values()):
            if (copy.letter.id, copy.letter.sender) == (answer.answers, answer.to):
                if answer.kind == "ack":
                    self.ack(copy, answer.sent, "")
                else:
                    self.answer(copy, answer.sent)

    def _tell(self, about: Copy, event: str, at: int) -> None:
        letter = about.letter
        # The slug is written to, whoever holds it now.
        holder = self.holders.get(letter.sender)
        if letter.kind == "event" or letter.claimed or holder is None or not holder.open:
            return
        # Its text must name the letter, and say why where there is a reason.
        told = Letter(0, "", "system", holder.slug, "event", about.reason, at, answers=letter.id, event=event)
        told.id = f"event {self.head + 1}"
        self.post(told, [holder.slug])

    # --- what happens to a copy ---------------------------------------------------------------------------------------

    def surface(self, copy: Copy, at: int, body: str, turn: int, mark: str, *, provable: bool) -> None:
        if copy.over:
            return
        counted = copy.shown - copy.absent
        reminded = copy.letter.kind == "request" and 0 <= counted < len(GAPS)
        copy.next_turn = turn + GAPS[counted] if reminded else None
        copy.shown += 1
        copy.shown_at, copy.shown_in, copy.mark = at, body, mark
        copy.arrival = "proven" if copy.arrival == "proven" else "pending" if provable else "no evidence"
        copy.facts.append(("surfaced", at, body))

    def arrive(self, copy: Copy, at: int, body: str) -> None:
        if copy.arrival == "pending":
            copy.arrival, copy.mark = "proven", ""
            copy.facts.append(("in context", at, body))

    def give_up(self, copy: Copy) -> None:
        if copy.arrival == "pending":
            copy.arrival, copy.mark = "no evidence", ""

    def miss(self, copy: Copy, at: int, body: str, turn: int) -> None:
        if copy.arrival != "pending" or copy.ended is not None:
            return
        copy.arrival, copy.mark, copy.absent = "absent", "", copy.absent + 1
        copy.next_turn = None if copy.answered else turn + 1
        copy.facts.append(("not in context", at, body))
        if not copy.answered and copy.absent == MISSES:
            self._die(copy, at, body, f"undelivered: shown {copy.shown} times and never in the context", "undelivered")

    def _die(self, copy: Copy, at: int, body: str, reason: str, event: str = "dead") -> None:
        copy.ended, copy.ended_at, copy.reason = "dead", at, reason
        copy.next_turn = copy.leased_until = None
        copy.mark = ""
        copy.facts.append(("dead", at, body))
        self._tell(copy, event, at)

    def kill(self, copy: Copy, at: int, body: str, reason: str) -> None:
        if not copy.over:
            self._die(copy, at, body, reason)

    def requeue(self, copy: Copy, at: int, body: str) -> None:
        if copy.ended != "dead" or copy.answered:
            return
        fresh = Copy(letter=copy.letter, owner=copy.owner, fence=copy.fence + 1, facts=[*copy.facts, ("requeued", at, body)])
        copy.letter.copies[copy.letter.copies.index(copy)] = fresh
        copy.owner.copies[copy.letter.seq] = fresh

    def ack(self, copy: Copy, at: int, body: str, fence: int | None = None) -> None:
        if fence is not None and (copy.fence != fence or not copy.over):
            self._hold(copy, fence)
        if not copy.over:
            copy.acked_at, copy.next_turn, copy.leased_until = at, None, None
            copy.facts.append(("acked", at, body))

    def answer(self, copy: Copy, at: int) -> None:
        if copy.replied_at is None:
            copy.replied_at = at
            copy.acked_at = at if copy.acked_at is None else copy.acked_at
            copy.next_turn = copy.leased_until = None
            copy.facts.append(("replied", at, ""))

    # --- handlers -----------------------------------------------------------------------------------------------------

    def _hold(self, copy: Copy, fence: int) -> None:
        if copy.leased_until is None or copy.fence != fence:
            raise Refusal("StaleFence")

    def lease(self, holder: Holder, limit: int, until: int, now: int, body: str) -> list[Copy]:
        waiting = sorted(holder.copies.values(), key=lambda copy: (copy.letter.rank, copy.letter.seq))
        taken = [copy for copy in waiting if copy.startable(now)][:limit]
        for copy in taken:
            copy.attempts, copy.fence, copy.leased_until = copy.attempts + 1, copy.fence + 1, until
            copy.facts.append(("leased", now, body))
        return taken

    def extend(self, copy: Copy, fence: int, until: int) -> None:
        self._hold(copy, fence)
        copy.leased_until = until

    def release(self, copy: Copy, at: int, body: str, fence: int, retry: int) -> None:
        self._hold(copy, fence)
        if copy.attempts == STARTS:
            self._die(copy, at, body, f"{STARTS} attempts: boom")
        else:
            copy.fence, copy.leased_until, copy.reason = copy.fence + 1, retry, "boom"

    def lapse(self, copy: Copy, at: int) -> None:
        if copy.leased_until is None or copy.leased_until > at:
            return
        if copy.attempts == STARTS:
            self._die(copy, at, "", f"{STARTS} attempts: no answer")
        else:
            copy.fence, copy.leased_until = copy.fence + 1, None

    # --- time ---------------------------------------------------------------------------------------------------------

    def next_timer(self) -> int | None:
        return min((copy.timer for copy in self._copies() if copy.timer is not None), default=None)

    def tick(self, now: int) -> int:
        due = [(copy.timer, copy) for copy in self._copies() if copy.timer is not None and copy.timer <= now]
        due.sort(key=lambda pair: (pair[0], pair[1].letter.seq, self.order(pair[1].owner)))
        for _, copy in due:
            if copy.can_expire and (copy.letter.expires or 0) <= now:
                copy.ended, copy.ended_at, copy.mark = "expired", now, ""
                copy.next_turn = copy.leased_until = None
                copy.facts.append(("expired", now, ""))
                self._tell(copy, "expired", now)
            elif copy.can_run_over and (copy.letter.deadline or 0) <= now:
                copy.overdue_at = now
                copy.facts.append(("overdue", now, ""))
                self._tell(copy, "overdue", now)
            else:
                self.lapse(copy, now)
        return len(due)

    def _copies(self) -> list[Copy]:
        return [copy for letter in self.letters.values() for copy in letter.copies]

    def prune(self, now: int) -> int:
        gone = [letter for letter in self.letters.values() if letter.seq != self.head and self._past(letter, now)]
        for letter in gone:
            del self.letters[letter.seq]
            for copy in letter.copies:
                del copy.owner.copies[letter.seq]
        return len(gone)

    def _past(self, letter: Letter, now: int) -> bool:
        kept_until = [
            (copy.ended_at or 0) + 14 * DAY if copy.ended == "dead" else letter.sent + 30 * DAY for copy in letter.copies
        ]
        return not any(copy.live for copy in letter.copies) and letter.sent + 14 * DAY < now and max(kept_until) < now
