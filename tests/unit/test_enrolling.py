"""Enrolling over a wire, as the core sees it: with a clock of the test's own."""

from __future__ import annotations

import pytest

from sos.core import enrolling, tokens
from sos.core.access import identify, record_of
from sos.model.agents import Enrolment, Joining
from sos.model.errors import Conflict, Forbidden, InvalidInput, ScopeMissing, SlugTaken, TokenExpired, TokenRevoked
from sos.model.names import Slug
from sos.model.times import MINUTE
from sos.model.tokens import AGENT_SERVICES, SERVICES, KnownToken, Token, mint
from sos.stores.memory.store import MemoryStore
from sos.testing.contracts import refused
from sos.testing.world import World


def joining(name: str = "dd.x", slug: str = "dd-x", label: str = "", project: str = "") -> Joining:
    return Joining(slug=Slug(slug), name=name, role="executor", label=label, project=project)


def three() -> list[KnownToken]:
    return [mint(SERVICES[service]).known for service in AGENT_SERVICES]


def invite(world: World, name: str = "dd.x", role: str = "code-reviewer", project: str = "pp") -> Token:
    token = mint("join")
    world.store.tokens.add(enrolling.invitation(token.known, name, role, project, world.clock.now()))
    return token


def use(world: World, token: Token, asked: Joining, tokens: list[KnownToken], install: str = "one") -> Enrolment:
    record = identify(world.store, token.text, "join", world.clock.now())
    return enrolling.invited(world.store, record, asked, tokens, install, world.clock.now())


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


@pytest.mark.promise("TOKEN-011")
def test_an_invitation_lives_for_fifteen_minutes(world: World) -> None:
    token = invite(world)
    world.clock.tick(15 * MINUTE + 59_000)  # clocks may differ by a minute
    assert use(world, token, joining(), three()).outcome == "new"
    late = invite(world, "ee")
    world.clock.tick(16 * MINUTE + 1)
    refused(TokenExpired, lambda: use(world, late, joining("ee", "ee"), three()))
    assert world.store.agents.agent(Slug("ee")) is None


@pytest.mark.promise("TOKEN-011", "PRESENCE-005")
def test_until_it_is_used_up_the_same_installation_may_try_again(world: World) -> None:
    token, tokens = invite(world), three()
    record = identify(world.store, token.text, "join", world.clock.now())
    first = enrolling.invited(world.store, record, joining(), tokens, "one", world.clock.now())
    again = enrolling.invited(world.store, record, joining(), tokens, "one", world.clock.now())
    assert (first.outcome, again.outcome) == ("new", "same")
    refused(TokenRevoked, lambda: enrolling.invited(world.store, record, joining(), three(), "two", world.clock.now()))
    assert [notice.code for notice in world.store.agents.notices(Slug("operator"))] == ["invitation_cloned"]
    assert len(world.store.tokens.of(Slug("dd-x"))) == 5
    refused(TokenRevoked, lambda: use(world, token, joining(), tokens))


@pytest.mark.promise("TOKEN-011")
def test_it_is_for_its_slug_role_and_project_alone_and_nothing_is_half_made(world: World) -> None:
    token = invite(world)
    before = len(world.store.agents.agents())
    for wrong in (joining("ee", "ee"), joining(label="lead"), joining(project="qq")):
        with pytest.raises(Forbidden):
            use(world, token, wrong, three())
    refused(InvalidInput, lambda: use(world, token, joining(name="ee"), three()))  # a name of another slug
    refused(InvalidInput, lambda: use(world, token, joining(), three()[:2]))
    refused(InvalidInput, lambda: use(world, token, joining(), [*three(), mint("adm").known]))
    refused(InvalidInput, lambda: use(world, token, joining(), three(), install=""))
    theirs = mint("bus")
    world.store.tokens.add(record_of(theirs, Slug("aa"), "p", world.clock.now()))
    refused(Conflict, lambda: use(world, token, joining(), [*three()[:2], theirs.known]))
    assert len(world.store.agents.agents()) == before
    assert use(world, token, joining(), three()).agent.role == "specialist"


@pytest.mark.promise("TOKEN-017")
def test_over_a_server_an_agent_may_not_send_to_any_project_and_cannot_give_itself_the_right(world: World) -> None:
    use(world, invite(world), joining(), three())
    agent = world.store.agents.agent(Slug("dd-x"))
    assert agent is not None
    (bus,) = [record for record in world.store.tokens.of(agent.slug) if record.service == "bus"]
    assert bus.scopes == ("inbox:self", "send:project", "broadcast:project")
    fresh = mint("bus")
    tokens.add(world.store, agent, fresh.known, None, world.clock.now(), embedded=False)
    kept = world.store.tokens.by_key(fresh.key_id)
    assert kept is not None
    assert kept.scopes == bus.scopes
    more = ("inbox:self", "send:any-project")
    refused(ScopeMissing, lambda: tokens.add(world.store, agent, mint("bus").known, more, world.clock.now(), embedded=False))


@pytest.mark.promise("NAME-005")
def test_the_operator_can_invite_an_agent_that_lost_everything_and_a_taken_slug_stays_taken(world: World) -> None:
    use(world, invite(world), joining(), three())
    again = use(world, invite(world), joining(), three(), install="another")
    assert again.outcome == "same"
    refused(SlugTaken, lambda: use(world, invite(world, "dd_x"), joining(name="dd_x"), three()))
