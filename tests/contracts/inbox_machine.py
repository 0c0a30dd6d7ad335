"""The rest of the inbox machine: bodies that read, handlers that lease, and time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sos.core import inbox
from sos.core.rendering import Rendered
from sos.model.ids import MessageId
from sos.model.names import Slug
from sos.model.times import DAY, HOUR, MINUTE, SECOND, Millis
from sos.model.transitions import (
    Ack,
    Arrive,
    Extend,
    GiveUpEvidence,
    Kill,
    Lapse,
    Miss,
    Release,
    Requeue,
    Surface,
)
from sos.ports import Store
from tests.contracts.inbox_model import Copy, Refusal
from tests.contracts.inbox_senders import EVERYBODY, Senders, picks

offsets = st.sampled_from([0, 0, 0, -1, 1])
bodies = st.sampled_from([1, 1, 2])
fates = st.sampled_from(
    ["show", "missed", "missed", "found", "arrived", "absent", "over", "ack", "reply", "drop", "drop", "requeue", "requeue"]
)
leaps = st.sampled_from([1, SECOND, 30 * SECOND, MINUTE, HOUR])


class InboxMachine(Senders):
    """Agents that send, read, answer, lease, leave and die, over both stores."""

    # --- a hook run ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.copies())
    @rule(
        pick=picks,
        number=bodies,
        new_turn=st.sampled_from([True, True, False]),
        found=st.sampled_from(["killed", "no transcript", "nothing yet", "arrived", "absent", "absent"]),
        runs=st.sampled_from([1, 3]),
        meanwhile=st.booleans(),
    )
    def a_body_shows_what_is_due(self, pick: int, number: int, new_turn: bool, found: str, runs: int, meanwhile: bool) -> None:
        """As the hook does it, some turns long; and what its transcript says then of what was shown."""
        copy = self.chosen(pick, lambda copy: copy.due(copy.owner.turn + 1))
        if copy is None:
            return
        slug, said = copy.owner.slug, found in {"arrived", "absent"}
        for _ in range(runs):
            self.tick()
            rendered = self.show_due(slug, number, new_turn=new_turn or runs > 1)
            if meanwhile:
                self.post(self.parcel("aa", slug, "message"))
            if found != "killed":
                self.settle(slug, *rendered, provable=found != "no transcript")
            for pending in self.mesh.holders[slug].view("pending") if said else []:
                self.verdict(pending, found)

    def quietly(self, slug: str) -> None:
        """A hook run after which nothing is left to show: the quiet file is there."""
        self.tick()
        self.settle(slug, *self.show_due(slug, 1, new_turn=True), provable=False)

    def show_due(self, slug: str, number: int, *, new_turn: bool) -> tuple[list[Rendered], str, int, str, int]:
        """What is due, within the budget, as text; what the step that marks it needs."""
        holder, offered = self.mesh.holders[slug], self.mesh.head
        session, turn = self.body(holder, number), holder.turn + new_turn
        self.made += 1
        nonce = f"{self.made:032x}"
        shown = [self.show(store, slug, session, turn, nonce, new_turn=new_turn) for store in self.stores]
        due = holder.view("due", turn)
        numbers = [copy.letter.seq for copy in due[: len(shown[0].numbers)]]
        for rendered in shown:
            assert (list(rendered.numbers), rendered.held) == (numbers, len(due) - len(numbers))
            assert bool(numbers) or not due or not new_turn
            self.says_again(rendered, due, nonce)
        return shown, session, turn, nonce, offered

    def show(self, store: Store, slug: str, session: str, turn: int, nonce: str, *, new_turn: bool) -> Rendered:
        agent, body = store.agents.agent(Slug(slug)), store.agents.body(session)
        assert agent is not None
        assert body is not None
        spent = 0 if new_turn else body.spent
        rendered, damaged = inbox.show(store, agent.replace(turn=turn), body.replace(spent=spent), self.now, nonce)
        assert damaged == []
        return rendered

    def says_again(self, rendered: Rendered, due: list[Copy], nonce: str) -> None:
        """Nothing is shown twice without a word: the header says how often."""
        headers = [line for line in rendered.text.split("\n") if line.startswith(f"[sos {nonce} ")]
        for copy, header in zip(due, headers, strict=False):
            assert (f"again (no. {copy.shown + 1})" in header) == ("again" in header) == (copy.shown > 0)
        assert len(headers) == len(rendered.numbers)

    def settle(
        self, slug: str, shown: list[Rendered], session: str, turn: int, nonce: str, offered: int, *, provable: bool
    ) -> None:
        """After the flush: mark what was shown, and be quiet where nothing came meanwhile."""
        holder = self.mesh.holders[slug]

        def real(store: Store) -> bool:
            body, rendered = store.agents.body(session), shown[self.stores.index(store)]
            assert body is not None
            changes = inbox.surfaced(rendered, body, nonce, turn, self.now, provable=provable)
            return store.mail.settle(body.replace(spent=rendered.spent, offered=offered), turn, changes)

        def model() -> bool:
            holder.turn = max(holder.turn, turn)
            for number in shown[0].numbers:
                copy = holder.copies[number]
                self.mesh.surface(copy, self.now, session, turn, nonce, provable=provable)
            return not any(copy.letter.seq > offered for copy in holder.view("unread"))

        answers, quiet = self.both(real, model)
        assert answers == [quiet] * 2
        self.held[holder.slug] = {copy.letter.seq for copy in holder.view("unread") if copy.letter.seq <= offered}

    # --- one by one ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.copies())
    @rule(pick=picks, steps=st.lists(fates, min_size=1, max_size=5))
    def much_happens_to_one(self, pick: int, steps: list[str]) -> None:
        copy = self.chosen(pick, lambda copy: not copy.over)
        for step in steps if copy is not None else []:
            assert copy is not None
            self.happen(copy.owner.copies[copy.letter.seq], step)
            self.all_is_as_it_must_be()

    def happen(self, copy: Copy, step: str) -> None:
        at, session, turn = self.now, self.body(copy.owner), copy.owner.turn
        match step:
            case "show" | "missed" | "found":
                provable = step != "show"
                action = Surface(at=at, body=session, turn=turn, mark="m", provable=provable)
                self.act(copy, action, lambda: self.mesh.surface(copy, at, session, turn, "m", provable=provable))
                if provable:
                    self.verdict(copy, "absent" if step == "missed" else "arrived")
            case "ack":
                self.act(copy, Ack(at=at, body=session), lambda: self.mesh.ack(copy, at, session))
            case "reply":
                if copy.letter.sender in self.mesh.holders:
                    self.post(self.parcel(copy.owner.slug, copy.letter.sender, "reply", answers=MessageId(copy.letter.id)))
            case "drop":
                kill = Kill(at=at, body=session, reason="dropped")
                self.act(copy, kill, lambda: self.mesh.kill(copy, at, session, "dropped"))
            case "requeue":
                self.quietly(copy.owner.slug)
                self.rung(copy)
                self.act(copy, Requeue(at=self.now, body=session), lambda: self.mesh.requeue(copy, self.now, session))
            case _:
                self.verdict(copy, step)

    def verdict(self, copy: Copy, found: str) -> None:
        """What a transcript says of one message."""
        at, session, turn = self.now, self.body(copy.owner), copy.owner.turn
        match found:
            case "arrived":
                arrive = Arrive(at=at, body=session, evidence="line 7")
                self.act(copy, arrive, lambda: self.mesh.arrive(copy, at, session))
            case "absent":
                miss = Miss(at=at, body=session, evidence="line 9", turn=turn)
                self.act(copy, miss, lambda: self.mesh.miss(copy, at, session, turn))
            case _:
                self.act(copy, GiveUpEvidence(at=at, body=session), lambda: self.mesh.give_up(copy))

    @precondition(lambda self: self.copies())
    @rule(pick=picks)
    def ack(self, pick: int) -> None:
        """By its id, as people do: two senders may have used one, and both are meant."""
        copy = self.chosen(pick, lambda copy: not copy.over)
        if copy is None or copy.letter.kind == "event":
            return
        slug, session = Slug(copy.owner.slug), self.body(copy.owner)
        change = (MessageId(copy.letter.id), Ack(at=self.now, body=session))

        def model() -> None:
            for each in copy.owner.copies.values():
                if each.letter.id == copy.letter.id:
                    self.mesh.ack(each, self.now, session)

        self.both(lambda store: len(store.mail.apply(slug, [change])), model)

    @precondition(lambda self: self.copies())
    @rule(pick=picks)
    def a_batch_whose_last_step_is_refused_changes_nothing(self, pick: int) -> None:
        copy = self.chosen(pick, lambda copy: copy.unread)
        if copy is None:
            return
        stale = (copy.letter.seq, Ack(at=self.now, fence=copy.fence + 9))
        shown = (copy.letter.seq, Surface(at=self.now, turn=99, mark="m", provable=True))
        body = self.sqlite.agents.body(self.body(copy.owner))
        assert body is not None

        def model() -> None:
            raise Refusal("StaleFence")

        self.both(lambda store: store.mail.settle(body.replace(spent=99), 99, [shown, stale]), model)

    # --- handlers -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.copies())
    @rule(
        pick=picks,
        limit=st.integers(1, 3),
        span=leaps,
        ends=st.sampled_from(["", "ack", "release", "time", "time"]),
        runs=st.sampled_from([1, 2, 6]),
        hook=st.booleans(),
    )
    def handlers_start(self, pick: int, limit: int, span: int, ends: str, runs: int, hook: bool) -> None:
        """They take what is free, and then finish, fail, hang until their time is over, or go on; beside them a hook runs."""
        copy = self.chosen(pick, lambda copy: copy.startable(self.now))
        slug = copy.owner.slug if copy is not None else EVERYBODY[0]
        for number in range(runs):
            for taken in self.lease(slug, number % 2 + 1, limit, span):
                if ends in {"ack", "release"}:
                    self.handler(taken, 0, ends, span)
            if hook:
                self.quietly(slug)
            if ends in {"release", "time"}:
                self.clock.tick(span)
                self.tick()

    def lease(self, slug: str, number: int, limit: int, span: int) -> list[Copy]:
        holder = self.mesh.holders[slug]
        session, until = self.body(holder, number), Millis(self.now + span)
        answers, taken = self.both(
            lambda store: store.mail.lease(Slug(slug), session, limit, until, self.now),
            lambda: self.mesh.lease(holder, limit, until, self.now, session),
        )
        for entry, copy in zip(answers[1], taken, strict=True):
            self.compare(copy, entry)
        return list(taken)

    @precondition(lambda self: any(copy.attempts for copy in self.copies()))
    @rule(pick=picks, offset=offsets, what=st.sampled_from(["ack", "extend", "release", "lapse"]), span=leaps)
    def a_handler_goes_on(self, pick: int, offset: int, what: str, span: int) -> None:
        """With its own fence, or with one that was lost or never given."""
        copy = self.chosen(pick, lambda copy: copy.leased_until is not None)
        if copy is not None:
            self.handler(copy, offset, what, span)

    def handler(self, copy: Copy, offset: int, what: str, span: int) -> None:
        fence, session, at, later = copy.fence + offset, self.body(copy.owner), self.now, Millis(self.now + span)
        match what:
            case "ack":
                ack = Ack(at=at, body=session, fence=fence)
                self.act(copy, ack, lambda: self.mesh.ack(copy, at, session, fence))
            case "extend":
                extend = Extend(at=at, body=session, fence=fence, until=later)
                self.act(copy, extend, lambda: self.mesh.extend(copy, fence, later))
            case "release":
                release = Release(at=at, body=session, fence=fence, retry_at=later, reason="boom")
                self.act(copy, release, lambda: self.mesh.release(copy, at, session, fence, later))
            case _:
                self.rung(copy)
                self.act(copy, Lapse(at=at), lambda: self.mesh.lapse(copy, at))

    # --- time ---------------------------------------------------------------------------------------------------------

    @rule(span=leaps)
    def time_passes(self, span: int) -> None:
        self.clock.tick(span)

    @rule()
    def tick(self) -> None:
        """Whoever opens the store does what time has made due; looked at often enough, it comes to rest."""
        for _ in range(9):
            answers, done = self.both(lambda store: store.mail.tick(self.now), lambda: self.mesh.tick(self.now))
            assert answers == [done] * 2
            if done == 0:
                break
        else:
            raise AssertionError("the clock does not come to rest")

    @rule(days=st.sampled_from([1, 14, 16, 31]))
    def days_pass_and_the_store_is_pruned(self, days: int) -> None:
        self.clock.tick(days * DAY)
        kept = {copy.letter.seq for copy in self.copies() if copy.live}
        # A store that goes round may count a message twice (its number is a hint); what must be gone is compared.
        self.both(lambda store: store.mail.prune(self.now, 10_000) >= 0, lambda: self.mesh.prune(self.now))
        assert kept <= set(self.mesh.letters)
