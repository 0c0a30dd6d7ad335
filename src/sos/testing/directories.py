"""The contract of agents, tokens and skills."""

from __future__ import annotations

from sos.core.access import record_of
from sos.model.agents import Joining, Note
from sos.model.attention import Attention
from sos.model.errors import Conflict, IdConflict, ProjectChanged, SlugTaken
from sos.model.findings import Notice
from sos.model.names import Slug
from sos.model.skills import declared
from sos.model.times import DAY, HOUR, MINUTE
from sos.model.tokens import mint
from sos.testing.contracts import Contract, refused
from sos.testing.world import SESSION


class DirectoryContract(Contract):
    """Agents, bodies, squads, notices."""

    def test_joining_again_is_the_same_agent(self) -> None:
        world = self.world()
        assert world.enrol("aa").outcome == "same"
        changed = world.enrol("aa", label="y")
        assert changed.outcome == "updated"
        assert changed.changes == {"label": ("x", "y")}

    def test_another_name_for_a_taken_slug_is_refused_with_a_free_one(self) -> None:
        world = self.world()
        error = refused(SlugTaken, lambda: world.enrol("aa", name="a.a"))
        assert "aa-2" in error.next_step

    def test_a_changed_project_is_refused(self) -> None:
        world = self.world()
        refused(ProjectChanged, lambda: world.enrol("aa", project="q"))

    def test_who_left_comes_back_as_the_same_and_another_may_take_the_slug(self) -> None:
        world = self.world()
        world.send("secret", to="aa", sender="bb")
        world.store.agents.close(Slug("aa"), world.clock.now())
        assert world.enrol("aa").outcome == "returned"
        assert world.texts(agent="aa") == ["secret"]
        world.store.agents.close(Slug("aa"), world.clock.now())
        assert world.enrol("aa", name="a.a").outcome == "new"
        assert world.texts(agent="aa") == []

    def test_who_takes_a_slug_inherits_nothing_of_the_one_that_left(self) -> None:
        world = self.world()
        world.send("secret", to="aa", sender="bb", expires_in=MINUTE)
        world.body(agent="aa", session="old")
        world.store.agents.change_squad("p", "s", Slug("aa"), member=True)
        world.store.agents.close(Slug("aa"), world.clock.now())
        fresh = world.enrol("aa", name="a.a").agent
        assert (fresh.squads, world.store.agents.squad("p", "s"), world.store.agents.bodies(Slug("aa"))) == ((), (), [])
        # The sender learns once that it expired; the fresh agent never sees any of it.
        assert [world.store.mail.tick(world.clock.tick(HOUR)) for _ in range(2)] == [1, 0]
        assert (world.texts("recent", "aa"), len(world.texts()), world.store.mail.next_timer()) == ([], 1, None)
        assert [agent.slug for agent in world.store.agents.agents()] == ["aa", "bb", "cc", "operator"]

    def test_what_is_said_of_unknown_ones_changes_nothing(self) -> None:
        world = self.world()
        before = world.store.agents.agents(), world.store.agents.bodies(Slug("bb"))
        world.store.agents.hold("unknown")
        world.store.agents.close(Slug("nobody"), world.clock.now())
        world.store.agents.prove(Slug("nobody"), "canary", world.clock.now())
        world.store.agents.change_squad("p", "s", Slug("nobody"), member=True)
        assert (world.store.agents.agents(), world.store.agents.bodies(Slug("bb"))) == before
        assert world.store.agents.squad("p", "s") == ()

    def test_rules_of_attention_are_kept_over_joins_and_gone_with_the_identity(self) -> None:
        world = self.world()
        rules = Attention(wake="requests", every=60_000, quiet="22:00-07:00")
        world.store.agents.attend(Slug("aa"), rules, "headers")
        world.store.agents.attend(Slug("nobody"), rules, "headers")
        again = world.enrol("aa").agent
        assert (again.attention, again.bodies) == (rules, "headers")
        world.store.agents.close(Slug("aa"), world.clock.now())
        fresh = world.enrol("aa", name="a.a").agent
        assert (fresh.attention, fresh.bodies) == (Attention(), "fenced")

    def test_a_note_is_kept_over_joins_and_gone_with_the_identity(self) -> None:
        world = self.world()
        agents = world.store.agents
        assert agents.note(Slug("aa")) is None
        for text in ("first", "second: ütf\n\U0001f6f0"):
            agents.leave_note(Slug("aa"), Note(at=world.clock.tick(5), text=text))
        agents.leave_note(Slug("nobody"), Note(at=world.clock.now(), text="x"))
        world.enrol("aa")
        assert agents.note(Slug("aa")) == Note(at=world.clock.now(), text="second: ütf\n\U0001f6f0")
        assert (agents.note(Slug("bb")), agents.note(Slug("nobody"))) == (None, None)
        agents.leave_note(Slug("bb"), Note(at=world.clock.now(), text="b"))
        agents.leave_note(Slug("bb"), None)
        assert agents.note(Slug("bb")) is None
        agents.close(Slug("aa"), world.clock.now())
        world.enrol("aa", name="a.a")
        assert agents.note(Slug("aa")) is None
        world.enrol("new")
        agents.leave_note(Slug("new"), Note(at=world.clock.now(), text="n"))
        agents.withdraw(Slug("new"), world.clock.now())
        world.enrol("new")
        assert agents.note(Slug("new")) is None

    def test_a_withdrawn_enrolment_has_never_been_and_one_with_mail_is_closed(self) -> None:
        world = self.world()
        for slug in ("new", "met"):
            world.enrol(slug)
            world.store.tokens.add(record_of(mint("bus"), Slug(slug), "p", world.clock.now()))
            world.store.agents.change_squad("p", "s", Slug(slug), member=True)
            world.send("canary", to=slug, sender="system", kind="system")
        world.send("hello", to="met")
        for slug in ("new", "met", "nobody"):
            world.store.agents.withdraw(Slug(slug), world.clock.now())
        met = world.store.agents.agent(Slug("met"))
        assert met is not None
        assert (met.status, world.texts(agent="met")) == ("closed", ["canary", "hello"])
        assert world.store.agents.agent(Slug("new")) is None
        assert (world.store.tokens.of(Slug("new")), world.store.agents.squad("p", "s")) == ([], ())
        assert world.enrol("new").outcome == "new"
        assert world.texts("recent", agent="new") == []

    def test_leaving_twice_is_leaving_once(self) -> None:
        world = self.world()
        left = world.clock.now()
        world.store.agents.close(Slug("aa"), left)
        world.store.agents.close(Slug("aa"), world.clock.tick(5))
        agent = world.store.agents.agent(Slug("aa"))
        assert agent is not None
        assert (agent.status, agent.closed_at) == ("closed", left)

    def test_bodies_come_newest_first(self) -> None:
        world = self.world()
        for session in ("one", "two"):
            world.body(session=session)
        world.clock.tick(1)
        world.body(session="three")
        assert [body.session for body in world.store.agents.bodies(Slug("bb"))] == ["three", "two", "one", SESSION]

    def test_whoever_takes_a_free_slug_inherits_no_token_and_no_notice(self) -> None:
        world = self.world()
        record = record_of(mint("bus"), Slug("aa"), "p", world.clock.now())
        world.store.tokens.add(record)
        world.store.agents.notify(Notice(agent="aa", at=world.clock.now(), code="lost", text="secret"))
        world.store.agents.close(Slug("aa"), world.clock.now())
        world.enrol("aa", name="a.a")
        assert world.store.tokens.of(Slug("aa")) == []
        kept = world.store.tokens.by_key(record.key_id)
        assert kept is not None
        assert kept.revoked_at is not None
        assert world.store.agents.notices(Slug("aa")) == []

    def test_squads_have_open_members(self) -> None:
        world = self.world()
        joining = Joining(slug=Slug("dd"), name="dd", role="executor", label="x", project="p", squads=("s",))
        assert world.store.agents.enrol(joining, world.clock.now()).agent.squads == ("s",)
        world.store.agents.change_squad("p", "s", Slug("aa"), member=True)
        assert world.store.agents.squad("p", "s") == ("aa", "dd")
        world.store.agents.change_squad("p", "s", Slug("aa"), member=False)
        world.store.agents.close(Slug("dd"), world.clock.now())
        assert world.store.agents.squad("p", "s") == ()

    def test_one_body_holds(self) -> None:
        world = self.world()
        world.body(session="other")
        world.store.agents.hold(SESSION)
        world.store.agents.hold("other")
        assert {body.session: body.holder for body in world.store.agents.bodies(Slug("bb"))} == {SESSION: False, "other": True}

    def test_the_end_of_a_run_takes_the_inbox_in_the_same_step_and_never_back(self) -> None:
        world = self.world()
        mine, other = world.body(), world.body(session="other")
        world.store.mail.settle(mine, 1, [], takes=True)
        holding = world.store.agents.body(SESSION)
        assert holding is not None
        assert holding.holder
        world.store.mail.settle(other, 1, [], takes=True)
        world.store.mail.settle(holding.replace(spent=7), 1, [])  # it looked before the other one took it
        found = {body.session: (body.holder, body.spent) for body in world.store.agents.bodies(Slug("bb"))}
        assert found == {SESSION: (False, 7), "other": (True, 0)}
        world.store.agents.save_body(other.replace(presence="closed"))
        assert not any(body.holder for body in world.store.agents.bodies(Slug("bb")))

    def test_a_body_comes_back_as_it_was(self) -> None:
        world = self.world()
        body = world.body(session="x", cwd="/a b", pid=7, offered=3, hook_event="Stop", hook_at=world.clock.now())
        assert world.store.agents.body("x") == body

    def test_a_notice_is_kept_once_until_told(self) -> None:
        world = self.world()
        notice = Notice(agent="bb", at=world.clock.now(), code="lost", text="3 lost")
        world.store.agents.notify(notice)
        world.store.agents.notify(notice)
        assert world.store.agents.notices(Slug("bb")) == [notice]
        world.store.agents.told(Slug("bb"), world.clock.now())
        assert world.store.agents.notices(Slug("bb")) == []

    def test_notices_come_in_order_and_again_after_a_month(self) -> None:
        world = self.world()
        early = Notice(agent="bb", at=world.clock.now(), code="b", text="early")
        late = Notice(agent="bb", at=world.clock.tick(5), code="a", text="late")
        for notice in (late, early):
            world.store.agents.notify(notice)
        assert world.store.agents.notices(Slug("bb")) == [early, late]
        world.store.agents.told(Slug("bb"), early.at)
        assert world.store.agents.notices(Slug("bb")) == [late]
        world.store.agents.notify(early)
        assert world.store.agents.notices(Slug("bb")) == [late]
        again = early.replace(at=world.clock.tick(31 * DAY))
        world.store.agents.notify(again)
        assert world.store.agents.notices(Slug("bb")) == [late, again]

    def test_proof_is_written_once(self) -> None:
        world = self.world()
        world.store.agents.prove(Slug("bb"), "canary", world.clock.now())
        world.store.agents.prove(Slug("bb"), "proven", first := world.clock.now(), by="a line")
        world.store.agents.prove(Slug("bb"), "proven", world.clock.tick(5), by="another")
        agent = world.store.agents.agent(Slug("bb"))
        assert agent is not None
        assert (agent.proven_at, agent.proven_by) == (first, "a line")


class TokenContract(Contract):
    """Token records."""

    def test_only_a_digest_is_kept_and_found_by_its_key(self) -> None:
        world = self.world()
        token = mint("bus")
        record = record_of(token, Slug("aa"), "p", world.clock.now())
        world.store.tokens.add(record)
        world.store.tokens.add(record)
        assert world.store.tokens.by_key(token.key_id) == record
        assert world.store.tokens.of(Slug("aa")) == [record]
        assert token.text.encode() not in record.digest

    def test_a_key_id_is_not_given_twice(self) -> None:
        world = self.world()
        record = record_of(mint("bus"), Slug("aa"), "p", world.clock.now())
        world.store.tokens.add(record)
        refused(IdConflict, lambda: world.store.tokens.add(record.replace(digest=b"x" * 32)))

    def test_a_token_is_revoked_once(self) -> None:
        world = self.world()
        record = record_of(mint("bus"), Slug("aa"), "p", world.clock.now())
        world.store.tokens.add(record)
        assert world.store.tokens.revoke(record.key_id, world.clock.now()) is True
        assert world.store.tokens.revoke(record.key_id, world.clock.tick(1)) is False
        assert world.store.tokens.revoke("nothing", world.clock.now()) is False

    def test_a_live_token_is_given_other_scopes_and_a_revoked_one_none(self) -> None:
        world = self.world()
        record = record_of(mint("bus"), Slug("aa"), "p", world.clock.now())
        world.store.tokens.add(record)
        assert world.store.tokens.rescope(record.key_id, ("inbox:self", "send:project")) is True
        assert world.store.tokens.rescope(record.key_id, ("inbox:self", "send:project")) is False
        assert world.store.tokens.by_key(record.key_id) == record.replace(scopes=("inbox:self", "send:project"))
        world.store.tokens.revoke(record.key_id, world.clock.now())
        assert world.store.tokens.rescope(record.key_id, record.scopes) is False
        assert world.store.tokens.rescope("nothing", record.scopes) is False


class SkillContract(Contract):
    """Skills."""

    def test_a_full_descriptor_comes_back_and_only_its_owner_replaces_it(self) -> None:
        world = self.world()
        skill = declared("code review", Slug("aa"), "p")
        world.store.skills.put([skill])
        world.store.skills.put([skill.replace(description="better")])
        assert world.store.skills.list("p") == [skill.replace(description="better")]
        refused(Conflict, lambda: world.store.skills.put([skill.replace(owner=Slug("bb"))]))
        world.store.skills.put([skill.replace(owner=Slug("cc"), project="q")])
        assert len(world.store.skills.list()) == 2
        assert world.store.skills.list(owner=Slug("cc"))[0].project == "q"

    def test_a_refused_list_of_skills_declares_none(self) -> None:
        world = self.world()
        world.store.skills.put([declared("one", Slug("aa"), "p")])
        theirs = [declared("two", Slug("bb"), "p"), declared("one", Slug("bb"), "p")]
        refused(Conflict, lambda: world.store.skills.put(theirs))
        assert [skill.id for skill in world.store.skills.list()] == ["one"]
