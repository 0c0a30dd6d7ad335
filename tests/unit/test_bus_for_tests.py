"""Users test their agents on `sos.testing.Bus`: no thread, no wait, and the semantics of the real stores."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from sos.model.errors import InvalidInput, NobodyHere, UnknownAgent
from sos.model.work import LEASE
from sos.sdk import Agent, Message
from sos.testing import Bus

EXAMPLES = Path(__file__).parents[2] / "examples"


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


@pytest.mark.promise("SDK-012")
def test_an_agent_that_is_made_on_import_is_tested_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "echo", raising=False)
    bus = Bus()
    with bus.installed():
        agent: Agent = importlib.import_module("echo").agent
    sys.modules.pop("echo")
    tester = bus.agent("tester")
    sent = tester.send("echo", "hello")
    assert sent.receipt is not None
    assert (agent.run_once(), texts(bus.inbox("tester"))) == (1, ["hello"])
    assert agent.run_once() == 0
    assert tester.run_once() == 1  # an agent without a handler has heard it too
    with pytest.raises(UnknownAgent):
        Agent(name="echo")  # the bus is installed no longer


@pytest.mark.promise("SDK-012")
def test_what_fails_is_due_again_with_time_and_dead_after_five(capsys: pytest.CaptureFixture[str]) -> None:
    bus, attempts = Bus(), []
    agent, tester = bus.agent("worker"), bus.agent("tester")

    @agent.on_message
    def handle(message: Message) -> None:
        attempts.append(message.attempt)
        agent.reply(message, "never")
        raise ValueError("poison")

    tester.send("worker", "x")
    assert (agent.run_once(), agent.run_once(), attempts) == (0, 0, [1])
    assert "ValueError: poison" in capsys.readouterr().err
    for number in range(2, 6):
        assert texts(bus.unhandled("worker")) == ["x"]
        bus.tick("5m")
        assert agent.run_once() == 0
        assert attempts == list(range(1, number + 1))
    bus.tick("5m")
    assert (texts(bus.dead("worker")), texts(bus.unhandled("worker")), agent.run_once()) == (["x"], [], 0)
    (told,) = bus.inbox("tester")
    assert (told.kind, told.sender) == ("event", "system")


@pytest.mark.promise("SDK-012")
def test_two_bodies_one_of_which_hangs_have_one_effect() -> None:
    bus = Bus()
    first, second, tester = bus.agent("worker"), bus.agent("worker"), bus.agent("tester")
    errors: list[Exception] = []
    first.on_error = lambda error, message: errors.append(error)  # type: ignore[method-assign]

    @first.on_message
    def hang(message: Message) -> None:
        first.reply(message, "too late")
        bus.tick(LEASE / 1000 + 1)
        assert second.run_once() == 1

    @second.on_message
    def handle(message: Message) -> None:
        second.reply(message, f"attempt {message.attempt}")

    tester.send("worker", "x")
    assert first.run_once() == 0
    assert texts(bus.inbox("tester")) == ["attempt 2"]
    assert [type(error).__name__ for error in errors] == ["StaleFence"]


@pytest.mark.promise("SDK-012")
def test_several_agents_filters_and_order() -> None:
    bus, heard = Bus(), []
    worker, tester = bus.agent("worker"), bus.agent("tester")

    @worker.on_message(kind="request")
    async def asked(message: Message) -> None:
        heard.append(message.text)
        worker.reply(message, "done")

    tester.send("worker", "only read")
    asking = tester.request("worker", "one", deadline="1h")
    tester.request("worker", "two", deadline="1h")
    worker.broadcast("to all")
    assert (worker.run_once(most=1), list(heard)) == (1, ["one"])  # requests come before messages
    assert (worker.run_once(), heard) == (2, ["one", "two"])
    assert asking.wait(0).text == "done"
    assert texts(bus.inbox("tester")) == ["to all", "done", "done"]


@pytest.mark.promise("SDK-012")
def test_an_agent_that_writes_to_itself_comes_to_an_end() -> None:
    bus = Bus()
    agent = bus.agent("worker")

    @agent.on_message
    def handle(message: Message) -> None:
        agent.send("worker", "again")

    agent.send("worker", "x")
    assert agent.run_once(most=20) == 20


@pytest.mark.promise("SDK-012")
def test_what_is_wrong_is_said() -> None:
    bus = Bus()
    agent = bus.agent("worker")
    with pytest.raises(UnknownAgent):
        agent.send("nobody", "x")
    with pytest.raises(InvalidInput):
        bus.agent("../worker")
    with bus.installed(), pytest.raises(NobodyHere):
        Agent()
    with agent, pytest.raises(InvalidInput):
        agent.run_once()
