"""The contract of a connection: the same over a store in this process and over a server."""

from __future__ import annotations

import threading

from sos.core.access import record_of
from sos.model.agents import MAX_NOTE, Joining, Note
from sos.model.attention import Attention
from sos.model.errors import (
    Conflict,
    Forbidden,
    IdConflict,
    InvalidInput,
    NobodyHere,
    NoRecipients,
    NotFound,
    ScopeMissing,
    TextTooLong,
    TokenRevoked,
    TooManyHops,
    UnknownAgent,
    UnknownMessage,
    WrongAgent,
)
from sos.model.ids import new_id
from sos.model.messages import MAX_HOPS, MAX_TEXT, Draft
from sos.model.names import OPERATOR, Slug
from sos.model.skills import declared
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint
from sos.testing.contracts import Contract, refused
from sos.testing.world import SESSION, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.messages import Assurance
    from sos.model.tokens import Service, Token
    from sos.ports.connection import Connection

    Tokens = dict[Service, Token]

AA, BB = Slug("aa"), Slug("bb")


class Connected(Contract):
    """How the parts of the contract come by connections."""

    #: What stands on messages that were sent through it.
    assurance: Assurance
    #: What the other projects are to it: over a wire they are not there.
    sees_all: bool

    def connection(self, world: World, tokens: Tokens, session: str, *, own: bool) -> Connection:
        """A connection of whose tokens these are."""
        raise NotImplementedError

    def of(
        self, world: World, slug: str = "aa", session: str = "", *, own: bool = True, scopes: tuple[str, ...] | None = None
    ) -> Connection:
        """A connection of an agent, with tokens of its own. `scopes`: of its bus token, where it was narrowed."""
        return self.connection(world, self.tokens(world, slug, scopes), session, own=own)

    def tokens(self, world: World, slug: str, scopes: tuple[str, ...] | None = None) -> Tokens:
        """Fresh tokens that the store knows."""
        agent = world.store.agents.agent(Slug(slug))
        assert agent is not None
        made: Tokens = {service: mint(SERVICES[service]) for service in AGENT_SERVICES}
        for service, token in made.items():
            narrowed = scopes if service == "bus" else None
            world.store.tokens.add(record_of(token, agent.slug, agent.project, world.clock.now(), scopes=narrowed))
        return made

    def draft(self, world: World, text: str = "hello", to: str = "bb", **fields: Any) -> Draft:
        """What is sent."""
        return Draft(**{"id": new_id(world.clock.now()), "to": to, "text": text, **fields})


class ConnectionContract(Connected):
    """What every connection does."""

    # --- out ----------------------------------------------------------------------------------------------------------

    def test_what_is_sent_stands_in_the_inbox_with_its_sender_and_assurance(self) -> None:
        world = self.world()
        receipt = self.of(world).send(self.draft(world, "grüße\u202e\n✔", headers={"k": "v"}, thread="t"))
        (entry,) = self.of(world, "bb", SESSION).inbox("unread", 10)
        assert (receipt.recipients, receipt.duplicate, receipt.durability) == (("bb",), False, world.store.durability)
        message = entry.message
        assert (message.id, message.sender, message.text) == (receipt.id, "aa", "grüße\u202e\n✔")
        assert (message.assurance, message.headers, message.thread) == (self.assurance, {"k": "v"}, "t")

    def test_a_message_from_another_project_says_so_whatever_its_sender_wrote(self) -> None:
        world = self.world()
        world.store.agents.enrol(Joining(slug=Slug("dd"), name="dd", role="executor", label="x", project="q"), world.clock.now())
        if self.sees_all:
            self.of(world, "cc").send(self.draft(world, headers={"from-project": "p", "k": "v"}))
            assert self.of(world, "bb").inbox("unread", 1)[0].message.headers == {"from-project": "q", "k": "v"}
        self.of(world, "cc").send(self.draft(world, to="dd", headers={"from-project": "z"}))
        assert self.of(world, "dd").inbox("unread", 1)[0].message.headers == {}

    def test_the_same_draft_again_is_one_message_and_another_text_is_refused(self) -> None:
        world = self.world()
        connection, draft = self.of(world), self.draft(world)
        first, again = connection.send(draft), connection.send(draft)
        assert (first.duplicate, again.duplicate, first.id) == (False, True, again.id)
        refused(IdConflict, lambda: connection.send(draft.replace(text="other")))
        assert self.of(world, "bb").count("unread") == 1

    def test_who_is_not_there_is_named_with_who_is_near(self) -> None:
        world = self.world()
        error = refused(UnknownAgent, lambda: self.of(world).send(self.draft(world, to="bbb")))
        assert "bb" in error.message
        refused(InvalidInput, lambda: self.of(world).send(self.draft(world, to="../etc")))
        refused(TextTooLong, lambda: self.of(world).send(self.draft(world, "x" * (MAX_TEXT + 1))))

    def test_the_longest_text_arrives_whole(self) -> None:
        world = self.world()
        text = "\u0001" * MAX_TEXT  # six characters each in JSON
        self.of(world).send(self.draft(world, text))
        (entry,) = self.of(world, "bb").read([])
        assert entry.message.text == text

    def test_a_broadcast_reaches_the_project_and_its_sender_not(self) -> None:
        world = self.world()
        world.enrol("dd")
        receipt = self.of(world).broadcast(self.draft(world, to=""))
        assert sorted(receipt.recipients) == ["bb", "dd"]
        refused(ScopeMissing, lambda: self.of(world).broadcast(self.draft(world, to=""), "*"))
        refused(NoRecipients, lambda: self.of(world).broadcast(self.draft(world, to=""), "nobody"))

    def test_an_answer_closes_its_request(self) -> None:
        world = self.world()
        asked = self.of(world).send(self.draft(world, kind="request", deadline_in=60_000))
        assert asked.deadline == world.clock.now() + 60_000
        there = self.of(world, "bb", SESSION)
        assert there.count("open") == 1
        answer = there.reply(asked.id, self.draft(world, "done", to=""))
        assert (answer.recipients, there.count("open")) == (("aa",), 0)
        refused(UnknownMessage, lambda: there.reply(new_id(world.clock.now()), self.draft(world)))
        (story,) = [each for each in self.of(world).sent(10) if each.message.id == asked.id]
        assert [fact.kind for fact in story.deliveries["bb"][1]][-1] == "replied"

    def test_two_that_answer_each_other_die_down(self) -> None:
        world = self.world()
        here, there = self.of(world), self.of(world, "bb", SESSION)
        last, turns = here.send(self.draft(world)).id, 0
        for turns in range(MAX_HOPS):
            last = (here if turns % 2 else there).reply(last, self.draft(world, "and you?", to="")).id
        refused(TooManyHops, lambda: (there if turns % 2 else here).reply(last, self.draft(world, to="")))

    # --- in -----------------------------------------------------------------------------------------------------------

    def test_a_look_marks_nothing_and_a_reader_marks_what_was_shown(self) -> None:
        world = self.world()
        self.of(world).send(self.draft(world))
        outside, inside = self.of(world, "bb", own=False), self.of(world, "bb", SESSION)
        outside.mark_read(outside.read([]))
        assert inside.count("unread") == 1
        entries = inside.read([])
        inside.mark_read(entries)
        assert inside.count("unread") == 0
        assert world.one(entries[0].message.id).shown_in == SESSION

    def test_from_outside_nothing_is_changed(self) -> None:
        world = self.world()
        sent = self.of(world).send(self.draft(world))
        outside = self.of(world, "bb", own=False)
        refused(Forbidden, lambda: outside.ack([sent.id]))
        refused(Forbidden, lambda: outside.drop([sent.id]))
        refused(Forbidden, lambda: outside.requeue([sent.id]))
        assert world.one(sent.id).acked_at is None

    def test_acknowledged_dropped_and_given_another_life(self) -> None:
        world = self.world()
        here, there = self.of(world), self.of(world, "bb", SESSION)
        one, two = here.send(self.draft(world, "one")).id, here.send(self.draft(world, "two")).id
        (acked,) = there.ack([one])
        assert acked.delivery.answered
        there.drop([two])
        assert [entry.message.id for entry in there.dead(10)] == [two]
        there.requeue([two])
        assert [entry.message.text for entry in there.inbox("unread", 10)] == ["two"]

    def test_lists_have_an_order_and_an_end(self) -> None:
        world = self.world()
        for text in ("one", "two", "three"):
            self.of(world).send(self.draft(world, text))
        there = self.of(world, "bb")
        assert [entry.message.text for entry in there.inbox("unread", 2)] == ["one", "two"]
        assert [entry.message.text for entry in there.inbox("recent", 1)] == ["three"]
        assert [story.message.text for story in self.of(world).sent(2)] == ["three", "two"]

    def test_a_wait_ends_with_mail_and_without_it_at_its_time(self) -> None:
        world = self.world()
        there = self.of(world, "bb", SESSION)
        assert there.wait(0.05) is False
        sender = threading.Timer(0.1, lambda: self.of(world).send(self.draft(world)))
        sender.start()
        assert there.wait(20) is True
        sender.join()
        assert there.wait(20) is True

    # --- stories and people -------------------------------------------------------------------------------------------

    def test_a_story_is_told_to_who_sent_and_who_received_it(self) -> None:
        world = self.world()
        sent = self.of(world).send(self.draft(world))
        for slug in ("aa", "bb"):
            story = self.of(world, slug).trace(sent.id)
            assert [fact.kind for fact in story.deliveries["bb"][1]] == ["accepted", "stored"]
        refused(UnknownMessage, lambda: self.of(world, "cc").trace(sent.id))

    def test_peers_say_what_they_can_and_whether_they_hear(self) -> None:
        world = self.world()
        world.body(presence="idle", hook_at=world.clock.now())
        world.store.skills.put([declared("review", BB, "p")])
        found = {peer.agent.slug: peer for peer in self.of(world).peers()}
        assert sorted(found) == (["bb", "cc", OPERATOR] if self.sees_all else ["bb", OPERATOR])
        assert (found[BB].presence, found[BB].hearing, found[BB].skills) == ("idle", "hearing", ("review",))
        assert [skill.id for skill in self.of(world).skills("p", BB)] == ["review"]

    def test_who_promised_heartbeats_and_is_silent_is_stale_and_then_gone(self) -> None:
        world = self.world()
        world.store.agents.save_body(world.body("bb", "sdk-1", presence="idle").replace(runtime="sdk"))
        world.body("operator", "claude-1", presence="idle")
        seen = []
        for span in (299_000, 1_000, 599_000, 1_000):
            world.clock.tick(span)
            found = {peer.agent.slug: peer.presence for peer in self.of(world).peers()}
            seen.append((found[BB], found[OPERATOR]))
        assert seen == [("idle", "idle"), ("stale", "idle"), ("stale", "idle"), ("gone", "idle")]
        connection = self.of(world, "bb", "sdk-1")
        body = world.store.agents.body("sdk-1")
        assert body is not None
        connection.beat(body.replace(presence="working"))
        assert {peer.agent.slug: peer.presence for peer in self.of(world).peers()}[BB] == "working"
        refused(WrongAgent, lambda: self.of(world, "aa", "sdk-1").beat(body.replace(agent=AA)))
        refused(WrongAgent, lambda: connection.beat(body.replace(session="claude-1")))

    def test_of_another_project_nothing_can_be_told_from_nothing(self) -> None:
        world = self.world()
        world.store.skills.put([declared("secret", Slug("cc"), "q")])
        world.store.agents.change_squad("q", "hidden", Slug("cc"), member=True)
        connection = self.of(world)
        seen = (len(connection.skills("q")), connection.squad("hidden", "q"))
        assert seen == ((1, ["cc"]) if self.sees_all else (0, []))
        if not self.sees_all:
            absent = refused(UnknownAgent, lambda: connection.change_squad("qa", ["dd"], member=True))
            foreign = refused(UnknownAgent, lambda: connection.change_squad("qa", ["cc"], member=True))
            assert foreign.message.replace("cc", "dd") == absent.message

    def test_a_squad_is_changed_and_read(self) -> None:
        world = self.world()
        assert self.of(world).change_squad("qa", ["bb", "aa"], member=True) == ["aa", "bb"]
        assert self.of(world).change_squad("qa", ["aa"], member=False) == ["bb"]
        assert self.of(world, "bb").squad("qa") == ["bb"]
        refused(UnknownAgent, lambda: self.of(world).change_squad("qa", ["aa", "nobody"], member=True))
        assert self.of(world).squad("qa") == ["bb"]

    def test_skills_are_ones_own(self) -> None:
        world = self.world()
        self.of(world).put_skills([declared("review", AA, "p")])
        assert [skill.id for skill in self.of(world, "bb").skills()] == ["review"]
        refused(Forbidden, lambda: self.of(world).put_skills([declared("review", BB, "p")]))
        refused(Forbidden, lambda: self.of(world).put_skills([declared("review", AA, "q")]))
        refused(Conflict, lambda: self.of(world, "bb").put_skills([declared("review", BB, "p")]))

    def test_a_canary_comes_back_once(self) -> None:
        world = self.world()
        connection, identifier = self.of(world, "bb"), new_id(world.clock.now())
        assert connection.canary(identifier) is None
        sent, again = connection.canary(identifier, "abc"), connection.canary(identifier, "abc")
        assert sent is not None
        assert again is not None
        assert (sent.message.text, sent.message.sender, again.message.seq) == ("canary abc", "system", sent.message.seq)
        connection.canary_came_back(identifier)
        assert connection.myself().agent.canary_at == world.clock.now()
        assert connection.count("unread") == 0

    def test_attention_is_the_recipients(self) -> None:
        world = self.world()
        connection = self.of(world, "bb")
        rules = Attention(wake="requests", every=60_000, quiet="22:00-07:00")
        agent = connection.attend(rules, "headers")
        assert (agent.attention, agent.bodies) == (rules, "headers")
        refused(InvalidInput, lambda: connection.attend(rules.replace(every=1), "headers"))

    def test_a_note_is_the_own_selfs_and_bounded(self) -> None:
        world = self.world()
        connection, other = self.of(world, "bb"), self.of(world, "aa")
        assert connection.note() is None
        connection.leave_note("x" * MAX_NOTE)
        refused(TextTooLong, lambda: connection.leave_note("x" * (MAX_NOTE + 1)))
        assert connection.note() == Note(at=world.clock.now(), text="x" * MAX_NOTE)
        assert other.note() is None
        connection.leave_note(" ")
        assert connection.note() is None

    def test_the_own_record_is_as_it_stands_now(self) -> None:
        world = self.world()
        connection = self.of(world, "bb", SESSION)
        assert connection.me.slug == "bb"
        world.turn(7)
        myself = connection.myself()
        assert (myself.agent.turn, myself.body and myself.body.session) == (7, SESSION)
        assert self.of(world).myself().body is None
        assert [answer.good for answer in connection.answers("/guide")] == [True, False, True, True]

    def test_a_session_takes_the_inbox_over(self) -> None:
        world = self.world()
        self.of(world, "bb", SESSION).take()
        body = world.store.agents.body(SESSION)
        assert body is not None
        assert body.holder
        refused(NobodyHere, lambda: self.of(world, "bb").take())
        refused(NobodyHere, lambda: self.of(world, "aa", SESSION).take())

    def test_who_has_left_sends_nothing(self) -> None:
        world = self.world()
        connection = self.of(world)
        connection.leave()
        refused(Forbidden, lambda: self.of(world).send(self.draft(world)))
        refused(UnknownAgent, lambda: self.of(world, "bb").send(self.draft(world, to="aa")))
        refused(Forbidden, lambda: self.of(world, OPERATOR).leave())

    # --- tokens -------------------------------------------------------------------------------------------------------

    def test_a_narrowed_token_does_what_it_names_and_nothing_else(self) -> None:
        world = self.world()
        narrow = self.of(world, "bb", SESSION, scopes=("send:project",))
        assert narrow.send(self.draft(world, to="aa")).recipients == ("aa",)
        for ask in (lambda: narrow.inbox("unread", 1), lambda: narrow.wait(0), lambda: narrow.broadcast(self.draft(world))):
            refused(ScopeMissing, ask)
        refused(ScopeMissing if self.sees_all else UnknownAgent, lambda: narrow.send(self.draft(world, to="cc")))

    def test_a_token_is_added_listed_and_revoked_and_then_opens_nothing(self) -> None:
        world = self.world()
        connection, fresh = self.of(world), mint("bus")
        connection.add_token(fresh.known, ("inbox:self",))
        (record,) = [each for each in connection.tokens() if each.key_id == fresh.key_id]
        assert (record.agent, record.scopes, record.digest) == ("aa", ("inbox:self",), fresh.digest)
        assert connection.revoke_token(fresh.key_id) is True
        assert connection.revoke_token(fresh.key_id) is False
        refused(
            TokenRevoked, lambda: self.connection(world, {**self.tokens(world, "aa"), "bus": fresh}, "", own=True).count("unread")
        )

    def test_another_agents_token_is_not_there(self) -> None:
        world = self.world()
        theirs = self.tokens(world, "bb")["bus"]
        refused(NotFound, lambda: self.of(world).revoke_token(theirs.key_id))
        refused(NotFound, lambda: self.of(world).revoke_token("0123456789"))
        refused(Conflict, lambda: self.of(world).add_token(theirs.known))
        assert theirs.key_id not in {record.key_id for record in self.of(world).tokens()}
        refused(InvalidInput, lambda: self.of(world).add_token(mint("bus").known, ("admin",)))
