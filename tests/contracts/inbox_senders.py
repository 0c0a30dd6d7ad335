"""One inbox machine that drives the memory store, the SQLite store and the plain model side by side, one call at a time.

A rule makes the same call on both stores, holds their answers against each other, and does the same to the model. After each rule
everything that can be looked at is compared with the model, so that no rule needs to say what must not have changed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sos.model import transitions
from sos.model.addresses import inbox_address
from sos.model.agents import Body, Joining
from sos.model.deliveries import Delivery, Entry, Fact, Story
from sos.model.errors import SosError, StorageFull
from sos.model.ids import MessageId, new_id
from sos.model.messages import Draft, Message
from sos.model.names import Slug
from sos.model.parcels import Parcel, Posted
from sos.model.times import HOUR, MINUTE, SECOND, Millis
from sos.ports import Store
from sos.stores.memory.store import MemoryStore
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.store import SqliteStore
from sos.testing.clock import FakeClock
from tests.contracts.inbox_model import Copy, Holder, Letter, Mesh, Refusal

if TYPE_CHECKING:
    from sos.model.deliveries import View
    from sos.model.messages import MessageKind

LIMIT, RESERVE = 12, 4
#: What the stores do on their own account and in their own order is not this machine's: see sos.testing.keeping.
NEVER = 10**15
PEERS = ("aa", "bb", "cc")
EVERYBODY = (*PEERS, "operator")
VIEWS: tuple[View, ...] = ("unread", "due", "open", "pending", "dead", "recent")
FORMER = re.compile(r"\b(aa|bb|cc)/\d+")

picks = st.integers(0, 40)
#: Most of what happens, happens between two: only then does much of it happen to one message.
agents = st.sampled_from(("aa", "bb", "aa", "bb", *EVERYBODY))
spans = st.sampled_from([None, None, 30 * SECOND, MINUTE, HOUR])
plain_letters = st.fixed_dictionaries({"kind": st.just("message"), "size": st.sampled_from([0, 3000, 9000]), "expires": spans})
requests = st.fixed_dictionaries({"kind": st.just("request"), "expires": spans, "deadline": spans})
claims = st.fixed_dictionaries({"kind": st.sampled_from(["message", "request"]), "claimed": st.just(True)})
letters = st.one_of(plain_letters, requests, plain_letters, requests, claims)


def plain(value: Any) -> Any:
    """An answer in a form that both stores must give alike: ids of events and slugs of former agents are theirs to choose."""
    match value:
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {plain(key): plain(each) for key, each in value.items()}
        case Message():
            own = {"id": "", "sha256": "", "text": plain(value.text)} if value.sender == "system" else {}
            return {**value.fields(), **own}
        case Fact() if value.kind == "stored":
            return {**value.fields(), "evidence": ""}
        case Entry() | Delivery() | Fact() | Posted() | Story():
            return {name: plain(each) for name, each in value.fields().items()}
        case str():
            return FORMER.sub(r"\1/former", value)
        case _:
            return value


def full_at_commit(database: Database, sql: str, values: object = (), real: Any = Database.read) -> Any:
    """`Database.read` on a disk that is full when it comes to the commit."""
    if sql == "COMMIT":
        raise StorageFull("no space left")
    return real(database, sql, values)


class Senders(RuleBasedStateMachine):
    """The ground, and what comes in: agents that join, leave and send."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.patch = pytest.MonkeyPatch()
        limits = {"INBOX_LIMIT": LIMIT, "INBOX_RESERVE": RESERVE, "EVERY": NEVER, "ABANDONED_FOR": NEVER, "BODY_FOR": NEVER}
        for place in ("memory.mail", "sqlite.mail", "sqlite.posting", "sqlite.retention"):
            for name, limit in limits.items():
                self.patch.setattr(f"sos.stores.{place}.{name}", limit, raising=False)
        self.memory, self.sqlite = MemoryStore(), self.opened(create=True)
        self.clock, self.mesh, self.made = FakeClock(), Mesh(LIMIT, RESERVE), 0
        self.parcels: dict[int, Parcel] = {}
        #: What an agent's quiet file may hide: what its hook held back for this turn.
        self.held: dict[str, set[int]] = {}

    def opened(self, *, create: bool = False) -> SqliteStore:
        store = SqliteStore(f"{self.folder}/sos.db", f"{self.folder}/run", create=create)
        store._database.read("PRAGMA synchronous = 0")  # no power is cut here, and a thousand syncs are half of the time
        return store

    def teardown(self) -> None:
        self.patch.undo()
        self.sqlite.close()
        shutil.rmtree(self.folder)

    # --- both stores and the model ------------------------------------------------------------------------------------

    @property
    def now(self) -> Millis:
        return self.clock.now()

    @property
    def stores(self) -> tuple[Store, Store]:
        return self.memory, self.sqlite

    def both(self, call: Callable[[Store], Any], model: Callable[[], Any]) -> tuple[list[Any], Any]:
        """Call both stores and the model; all three must refuse, and for the same reason, or none. The answers."""
        answers, refusals = [], []
        for store in self.stores:
            try:
                answers.append(call(store))
            except SosError as error:
                refusals.append(type(error).__name__)
        try:
            expected, refused = model(), []
        except Refusal as refusal:
            expected, refused = None, [str(refusal)] * 2
        assert refusals == refused
        if refused:
            return [], None
        assert plain(answers[0]) == plain(answers[1])
        return answers, expected

    def address(self, holder: Holder, store: Store) -> Slug:
        """Where an identity's inbox is: under its slug, or, once another took that, under one that no name can have."""
        number = holder.former if store is self.memory else holder.number
        return Slug(f"{holder.slug}/{number}" if holder.former else holder.slug)

    def body(self, holder: Holder, number: int = 1) -> str:
        session = f"session-{holder.number}-{number}"
        made = Body(session=session, agent=Slug(holder.slug), runtime="test", started_at=self.now, seen_at=self.now)
        for store in self.stores:
            if store.agents.body(session) is None:
                store.agents.save_body(made)
        return session

    def copies(self) -> list[Copy]:
        return [copy for slug in EVERYBODY for copy in self.mesh.holders[slug].copies.values()]

    def chosen(self, pick: int, wanted: Callable[[Copy], Any] = lambda _: True) -> Copy | None:
        """A copy that a rule acts on: one of the wanted ones, or, where there is none, any."""
        found = [copy for copy in self.copies() if wanted(copy)] or self.copies()
        return found[pick % len(found)] if found else None

    def act(self, copy: Copy, action: transitions.Action, model: Callable[[], Any]) -> None:
        """Apply one action to one delivery, by its number."""
        change = (copy.letter.seq, action)
        slug = copy.owner.slug
        answers, _ = self.both(lambda store: store.mail.apply(Slug(slug), [change]), model)
        if answers:
            self.compare(self.mesh.holders[slug].copies[copy.letter.seq], answers[1][0])

    def rung(self, copy: Copy) -> None:
        self.held.get(copy.owner.slug, set()).discard(copy.letter.seq)

    # --- looking ------------------------------------------------------------------------------------------------------

    def compare(self, copy: Copy, entry: Entry) -> None:
        """One delivery, field by field."""
        assert (entry.message.seq, entry.message.sender, entry.damaged) == (copy.letter.seq, copy.letter.sender, False)
        fields = entry.delivery.fields()
        assert FORMER.sub(r"\1", fields.pop("recipient")) == copy.owner.slug
        assert fields.pop("rank") == copy.letter.rank
        assert fields == {name: getattr(copy, name) for name in fields}
        if copy.letter.event:
            text = entry.message.text
            assert (entry.message.headers["event"], entry.message.in_reply_to) == (copy.letter.event, copy.letter.answers)
            assert str(copy.letter.answers) in text
            assert copy.letter.event not in {"dead", "undelivered"} or copy.letter.text in text
        assert entry.open_request == (copy.letter.kind == "request" and not copy.over)

    def compare_story(self, letter: Letter) -> None:
        """Every fact of a letter: kind, time and body, in order, in both stores."""
        if letter.kind == "event":
            return
        told = [store.mail.story(MessageId(letter.id), Slug(letter.sender), Slug(letter.sender)) for store in self.stores]
        assert plain(told[0]) == plain(told[1])
        found = {
            store.mail.find(self.address(copy.owner, store), [letter.seq])[0].delivery.recipient: copy  # type: ignore[list-item]
            for copy in letter.copies
            for store in self.stores[1:]
        }
        facts = {
            found[slug]: [(fact.kind, fact.at, fact.body) for fact in facts] for slug, (_, facts) in told[1].deliveries.items()
        }
        first = [("accepted", letter.sent, ""), ("stored", letter.sent, "")]
        assert facts == {copy: [*first, *copy.facts] for copy in letter.copies}

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        self.every_view_of_every_inbox_holds_what_it_must()
        self.no_quiet_file_hides_what_was_not_held_back()
        for store in self.stores:
            assert store.mail.head() == self.mesh.head
            assert store.mail.next_timer() == self.mesh.next_timer()

    def every_view_of_every_inbox_holds_what_it_must(self) -> None:
        for holder in self.mesh.everybody:
            known = [store.agents.agent(self.address(holder, store)) for store in self.stores]
            assert [agent and (agent.turn, agent.status == "open") for agent in known] == [(holder.turn, holder.open)] * 2
            for view in VIEWS:
                expected = holder.view(view)
                seen = []
                for store in self.stores:
                    address = self.address(holder, store)
                    entries = store.mail.entries(address, view, 100)
                    seen.append(entries)
                    assert [entry.message.seq for entry in entries] == [copy.letter.seq for copy in expected]
                    assert store.mail.count(address, view) == min(len(entries), LIMIT + 1)
                if view == "recent":
                    assert plain(seen[0]) == plain(seen[1])
                    for copy, entry in zip(expected, seen[1], strict=True):
                        self.compare(copy, entry)

    def no_quiet_file_hides_what_was_not_held_back(self) -> None:
        for slug, holder in self.mesh.holders.items():
            unread = {copy.letter.seq for copy in holder.view("unread")}
            held = self.held.setdefault(slug, set())
            held &= unread
            if os.path.exists(f"{self.folder}/run/quiet-{slug}"):
                assert unread <= held

    # --- who ----------------------------------------------------------------------------------------------------------

    @initialize(first=st.lists(st.tuples(agents, agents, letters), min_size=3, max_size=9))
    def everybody_joins(self, first: list[tuple[str, str, dict[str, Any]]]) -> None:
        for slug in EVERYBODY:
            self.join(slug, other=False)
        for sender, to, letter in first:
            self.post(self.parcel(sender, to, **letter))

    @rule(slug=st.sampled_from(PEERS), leaves=st.booleans(), other=st.sampled_from([False, False, True]))
    def somebody_comes_or_goes(self, slug: str, leaves: bool, other: bool) -> None:
        if leaves:
            self.both(lambda store: store.agents.close(Slug(slug), self.now), lambda: self.mesh.leave(slug))
        self.join(slug, other=other)

    @rule(slug=st.sampled_from(PEERS))
    def somebody_stays_away(self, slug: str) -> None:
        if len([holder for holder in self.mesh.holders.values() if holder.open]) == len(EVERYBODY):
            self.both(lambda store: store.agents.close(Slug(slug), self.now), lambda: self.mesh.leave(slug))

    def join(self, slug: str, *, other: bool) -> None:
        name = slug[0] + "." + slug[1] if other else slug
        joining = Joining(slug=Slug(slug), name=name, role="executor", label="x", project="p")
        before = self.mesh.holders.get(slug)
        answers, expected = self.both(
            lambda store: store.agents.enrol(joining, self.now).outcome, lambda: self.mesh.join(slug, name)
        )
        assert answers in ([], [expected] * 2)
        if self.mesh.holders[slug] is not before:
            self.held[slug] = set()

    @rule()
    def the_process_ends_and_another_opens_the_store(self) -> None:
        self.sqlite.close()
        self.sqlite = self.opened()
        for letter in self.mesh.letters.values():
            self.compare_story(letter)

    # --- in -----------------------------------------------------------------------------------------------------------

    def parcel(self, sender: str, to: str, kind: MessageKind, **fields: Any) -> Parcel:
        self.made += 1
        size = fields.pop("size", 0)
        draft = Draft(
            id=fields.pop("id", new_id(self.now)),
            to=to,
            text=f"text {self.made} " + "x" * size,
            kind=kind,
            expires_in=fields.pop("expires", None),
            deadline_in=fields.pop("deadline", None),
            in_reply_to=fields.pop("answers", None),
        )
        recipients = fields.pop("recipients", (to,))
        claimed = fields.pop("claimed", False)
        return Parcel(
            draft=draft,
            sender=sender,
            recipients=recipients,
            project="p",
            address=inbox_address(Slug(to), "p"),
            assurance="claimed" if claimed else "same-user",
            sent_at=self.now,
        )

    def letter(self, parcel: Parcel) -> Letter:
        draft, at = parcel.draft, parcel.sent_at
        return Letter(
            seq=0,
            id=draft.id,
            sender=parcel.sender,
            to=draft.to,
            kind=draft.kind,
            text=draft.text,
            sent=at,
            expires=None if draft.expires_in is None else at + draft.expires_in,
            deadline=None if draft.deadline_in is None else at + draft.deadline_in,
            answers=draft.in_reply_to,
            claimed=parcel.assurance == "claimed",
        )

    def post(self, parcel: Parcel) -> None:
        answers, expected = self.both(
            lambda store: store.mail.post([parcel])[0], lambda: self.mesh.post(self.letter(parcel), list(parcel.recipients))
        )
        if answers:
            posted = answers[1]
            assert (posted.message.seq, posted.duplicate, posted.depth) == expected
            self.parcels.setdefault(posted.message.seq, parcel)

    @rule(sender=agents, to=agents, letters=st.lists(letters, min_size=1, max_size=4))
    def send(self, sender: str, to: str, letters: list[dict[str, Any]]) -> None:
        for each in letters:
            self.post(self.parcel(sender, to, **each))

    @rule(sender=agents, to=agents, deadline=spans)
    def request(self, sender: str, to: str, deadline: int | None) -> None:
        self.post(self.parcel(sender, to, "request", deadline=deadline))

    @rule(sender=agents, expires=spans)
    def broadcast(self, sender: str, expires: int | None) -> None:
        holders = [self.mesh.holders[slug] for slug in PEERS if slug != sender and self.mesh.holders[slug].open]
        # Of what ends at one moment the store goes by its own numbers, the model by its own: they agree in this order.
        recipients = tuple(holder.slug for holder in sorted(holders, key=self.mesh.order))
        if recipients:
            self.post(self.parcel(sender, "project p", "broadcast", recipients=recipients, expires=expires))

    @precondition(lambda self: self.parcels)
    @rule(pick=picks, what=st.sampled_from(["same", "other content", "other sender"]), sender=agents)
    def send_an_id_again(self, pick: int, what: str, sender: str) -> None:
        parcel = list(self.parcels.values())[pick % len(self.parcels)].replace(sent_at=self.now)
        match what:
            case "same":
                self.post(parcel)
            case "other content":
                self.post(parcel.replace(draft=parcel.draft.replace(text=parcel.draft.text + "!")))
            case _:
                self.post(self.parcel(sender, parcel.recipients[0], "request", id=parcel.draft.id))

    @rule(sender=agents, to=agents, disk=st.booleans())
    def a_post_fails_in_the_middle(self, sender: str, to: str, disk: bool) -> None:
        """An unknown recipient at the end of a batch, or a disk that is full when it comes to the commit."""
        first = self.parcel(sender, to, "message")
        if disk:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Database, "read", full_at_commit)
                with pytest.raises(SosError):
                    self.sqlite.mail.post([first])
            return
        self.refused_at_its_end(sender, to)

    def refused_at_its_end(self, sender: str, to: str) -> None:
        first = self.parcel(sender, to, "message")

        def refuse() -> None:
            holder = self.mesh.holders[to]
            full = holder.open and sum(copy.live for copy in holder.copies.values()) >= self.mesh.room(sender)
            raise Refusal("InboxFull" if full else "UnknownAgent")

        batch = [first, self.parcel(sender, "nobody", "message")]
        self.both(lambda store: store.mail.post(batch), refuse)

    @rule(pick=picks, kind=st.sampled_from(["reply", "reply", "ack", "message"]), claimed=st.sampled_from([False, False, True]))
    def answer(self, pick: int, kind: MessageKind, claimed: bool) -> None:
        copy = self.chosen(pick, lambda copy: copy.letter.kind == "request" and not copy.over)
        if copy is not None and copy.letter.sender in self.mesh.holders:
            parcel = self.parcel(copy.owner.slug, copy.letter.sender, kind, answers=MessageId(copy.letter.id), claimed=claimed)
            self.post(parcel)
