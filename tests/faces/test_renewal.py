"""Tokens of a server live for 30 days, and the agent's own side renews them in the last third, wherever it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sos import files
from sos.core.access import identify
from sos.homes import home as homes
from sos.model.errors import SosError, StoreUnreachable
from sos.model.names import Slug
from sos.model.times import DAY, HOUR
from sos.model.tokens import AGENT_SERVICES, LIFE, RENEWED, SERVICES, mint, parse_token
from sos.remote.connection import HttpConnection
from sos.settings import load
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World
from sos.wiring.renewing import renew_due
from tests.faces.served import Served, served

AA = Slug("aa")


@pytest.fixture
def server() -> Iterator[Served]:
    with served(World(MemoryStore())) as made:
        yield made


class Agent:
    """`aa` on its own machine: a home with tokens that were made known over the server, the clock that of the test."""

    def __init__(self, server: Served) -> None:
        self.server, self.clock = server, server.world.clock
        self.made: list[HttpConnection] = []
        agent = server.world.store.agents.agent(AA)
        assert agent is not None
        self.home = homes.save(load().home, agent, server.url, server.world.store.epoch)
        old = HttpConnection(dict.fromkeys(AGENT_SERVICES, server.url), {"registry": server.token("registry")}, self.clock)
        for service in AGENT_SERVICES:
            token = mint(SERVICES[service])
            old.add_token(token.known, ("send:project", "inbox:self") if service == "bus" else None)
            homes.save_token(self.home.path, token)
        old.close()

    def held(self) -> dict[str, str]:
        """The tokens in the home."""
        return {service: homes.load_token(self.home.path, service) or "" for service in AGENT_SERVICES}

    def connect(self) -> HttpConnection:
        """A connection that has asked something, with the tokens in the home."""
        urls = dict.fromkeys(AGENT_SERVICES, self.server.url)
        made = HttpConnection(urls, {service: self.held()[service] for service in AGENT_SERVICES}, self.clock, agent=AA)
        made.count("unread")
        self.made.append(made)
        return made

    def live(self) -> list[str]:
        """The services whose token in the home is taken."""
        found = []
        for service, text in self.held().items():
            try:
                identify(self.server.world.store, text, service, self.clock.now())  # type: ignore[arg-type]  # a service
            except SosError:
                continue
            found.append(service)
        return found


@pytest.fixture
def agent(server: Served) -> Iterator[Agent]:
    made = Agent(server)
    yield made
    for each in made.made:
        each.close()


def records(agent: Agent) -> dict[str, tuple[str, ...]]:
    """Scopes of the live tokens by key id."""
    found = agent.server.world.store.tokens.of(AA)
    return {record.key_id: record.scopes for record in found if record.revoked_at is None and record.expires_at is not None}


@pytest.mark.promise("TOKEN-012")
def test_a_token_is_renewed_in_the_last_third_of_its_life_and_not_before(agent: Agent) -> None:
    before, scopes = agent.held(), records(agent)
    agent.clock.tick(LIFE - RENEWED - HOUR)
    assert renew_due(load(), agent.connect()) == []
    assert agent.held() == before
    agent.clock.tick(2 * HOUR)
    connection = agent.connect()
    assert renew_due(load(), connection) == list(AGENT_SERVICES)
    after = agent.held()
    assert all(after[service] != before[service] for service in AGENT_SERVICES)
    connection.count("unread")  # it goes on with the new ones
    assert renew_due(load(), connection) == []
    new = records(agent)
    assert set(new) == {parse_token(text).key_id for text in after.values()}
    assert sorted(new.values()) == sorted(scopes.values())
    agent.clock.tick(LIFE - HOUR)
    assert agent.live() == list(AGENT_SERVICES)
    agent.clock.tick(2 * HOUR)
    assert agent.live() == []


@pytest.mark.promise("TOKEN-012", "TOKEN-008")
@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("call", range(1, 11))
def test_ended_at_any_call_what_stands_in_the_home_is_live_and_the_next_renewal_goes_on(
    agent: Agent, call: int, heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`heard`: whether the server still got the call whose answer was lost."""
    agent.clock.tick(LIFE - DAY)
    connection, calls = agent.connect(), 0
    ask = HttpConnection._ask

    def ends(self: HttpConnection, name: str, /, *more: float, **arguments: object) -> object:
        nonlocal calls
        calls += 1
        done = ask(self, name, *more, **arguments) if calls < call + heard else None
        if calls >= call:
            raise StoreUnreachable("cut off")
        return done

    with monkeypatch.context() as cut:
        cut.setattr(HttpConnection, "_ask", ends)
        with pytest.raises(StoreUnreachable):
            renew_due(load(), connection)
    assert agent.live() == list(AGENT_SERVICES)
    connection.count("unread")
    renew_due(load(), agent.connect())
    agent.clock.tick(DAY * 2)
    assert agent.live() == list(AGENT_SERVICES)


@pytest.mark.promise("TOKEN-012")
def test_what_the_environment_gave_and_what_another_process_renews_is_left_alone(agent: Agent) -> None:
    agent.clock.tick(LIFE - DAY)
    before, connection = agent.held(), agent.connect()
    lock = files.Lock(f"{agent.home.path}/token.lock", 1.0)
    with lock:
        assert renew_due(load(), connection) == []
    assert agent.held() == before
    other = mint("bus")
    homes.save_token(agent.home.path, other)  # as another process would
    assert "bus" not in renew_due(load(), connection)
    assert agent.held()["bus"] == other.text


@pytest.mark.promise("TOKEN-012")
def test_a_hook_warns_once_at_each_of_three_times(agent: Agent) -> None:
    told: list[str] = []
    for left in (73, 71, 70, 23, 22, 0.5, 0.4):
        now = agent.clock.now()
        (expires,) = {record.expires_at for record in agent.server.world.store.tokens.of(AA) if record.expires_at}
        agent.clock.tick(int(expires - left * HOUR - now))
        look = agent.connect().look(begins=True, epoch="", seen=0)
        warned = [notice.text for notice in look.notices if notice.code == "token_expires"]
        told += [text.partition(" in less than ")[2].partition(",")[0] for text in warned]
        agent.server.world.store.agents.told(AA, agent.clock.now())
    assert told == ["72 h", "24 h", "1 h"]
