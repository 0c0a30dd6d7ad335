"""The monitor's loop: what it prints, and that it rests while there is nothing to say."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import pytest

from sos.cli import wait
from sos.cli.command import Command
from sos.core.connection import LocalConnection
from sos.model.attention import Attention, attention_of
from sos.model.errors import StoreUnreachable
from sos.model.names import Slug
from sos.model.tokens import AGENT_SCOPES
from sos.stores.memory.store import MemoryStore
from sos.testing.world import SESSION, World
from sos.watch import notices
from sos.watch.notices import Notices


def away() -> None:
    raise StoreUnreachable("the bus is away")


class Over(Exception):
    """The loop rested as often as it may in a test."""


class Monitor:
    """`sos wait --line` of `bb` over a memory store; every rest is written down, and `between` runs in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, presence: str = "idle") -> None:
        self.world = World(MemoryStore())
        self.world.store.agents.hold(self.world.body(presence=presence).session)
        self.rests: list[tuple[str, float]] = []
        self.between: list[Callable[[], object]] = []
        agent = self.world.store.agents.agent(Slug("bb"))
        assert agent is not None
        connection = LocalConnection(self.world.store, agent, self.world.clock, SESSION, scopes=AGENT_SCOPES["bus"])
        monkeypatch.setattr(wait, "_bound", lambda _: connection)
        monkeypatch.setattr(Notices, "rest", lambda _, seconds: self.rest("sleep", seconds))
        monkeypatch.setattr(self.world.store, "wait", lambda _, seconds: self.rest("wait", seconds))

    def rest(self, how: str, seconds: float) -> None:
        self.rests.append((how, seconds))
        if not self.between:
            raise Over
        self.between.pop(0)()

    def run(self, *between: Callable[[], object]) -> list[tuple[str, float]]:
        self.between = list(between)
        with pytest.raises(Over):
            wait.run(Command(argparse.Namespace(line=True, json=False, as_agent=None)))
        return self.rests


@pytest.mark.promise("WAKE-001", "CLI-006")
def test_a_line_has_a_count_and_nothing_of_a_peer_and_comes_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(monkeypatch)
    send = monitor.world.send
    rests = monitor.run(lambda: send("secret"), lambda: None, lambda: send("more", kind="request"), lambda: None)
    assert rests == [
        ("wait", notices.SWEEP),
        ("sleep", 30.0),
        ("sleep", notices.BUSY),
        ("sleep", 30.0),
        ("sleep", notices.BUSY),
    ]
    assert capsys.readouterr().out == "1 unread message for bb: sos inbox\n2 unread messages for bb: sos inbox\n"


@pytest.mark.promise("WAKE-001")
def test_the_monitor_outlasts_a_bus_that_is_away(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monitor = Monitor(monkeypatch)
    monitor.run(away, lambda: monitor.world.send("here again"), lambda: None)
    assert slept == [wait.AWAY]
    assert capsys.readouterr().out == "1 unread message for bb: sos inbox\n"


@pytest.mark.promise("WAKE-001", "CLI-006")
def test_what_was_told_is_not_told_again_because_the_bus_was_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = Notices.rest
    monitor, slept = Monitor(monkeypatch), list[float]()
    monitor.world.send("once")
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)

    def rest(told: Notices, seconds: float) -> None:
        monitor.rest("sleep", seconds)
        real(told, seconds)

    monkeypatch.setattr(Notices, "rest", rest)
    ticks = iter([None, *[away] * 20])
    tick = LocalConnection.tick
    monkeypatch.setattr(LocalConnection, "tick", lambda connection: (next(ticks, None) or (lambda: tick(connection)))())
    assert monitor.run(lambda: None) == [("sleep", 30.0), ("sleep", notices.BUSY)]
    assert sum(slept) >= 30.0  # the rest was not cut short either
    assert capsys.readouterr().out.count("1 unread") == 1


@pytest.mark.promise("BROADCAST-002")
def test_a_broadcast_and_a_claimed_sender_wake_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(monkeypatch)
    monitor.world.send("all", kind="broadcast")
    monitor.world.send("forged", assurance="claimed")
    assert monitor.run(lambda: None) == [("sleep", notices.BUSY)] * 2
    assert capsys.readouterr().out == ""


@pytest.mark.promise("WAKE-001")
def test_a_working_session_is_not_woken_until_it_is_idle(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(monkeypatch, presence="working")
    monitor.world.send()
    idle = monitor.world.body(presence="idle", holder=True)
    monitor.world.store.agents.save_body(idle.replace(presence="working"))
    monitor.run(lambda: monitor.world.store.agents.save_body(idle), lambda: None)
    assert monitor.rests == [("sleep", notices.BUSY), ("sleep", 30.0), ("sleep", notices.BUSY)]
    assert capsys.readouterr().out.count("\n") == 1


def test_the_loop_rests_no_longer_than_until_the_next_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor(monkeypatch)
    monitor.world.send("answer me", to="cc", kind="request", sender="bb", deadline_in=3000)
    assert monitor.run() == [("wait", 3.0)]


@pytest.mark.promise("RENDER-007")
@pytest.mark.parametrize(("wake", "told"), [("peers", True), ("requests", False), ("operator", False), ("nobody", False)])
def test_only_whom_the_agent_lets_wakes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wake: str, told: bool
) -> None:
    monitor = Monitor(monkeypatch)
    monitor.world.store.agents.attend(Slug("bb"), attention_of(Attention(), wake, "5m", None), "fenced")
    monitor.world.send("urgent!!!", priority=9)
    rests = monitor.run()
    assert ("1 unread" in capsys.readouterr().out) is told
    assert rests == [("sleep", 300.0 if told else notices.BUSY)]


@pytest.mark.promise("RENDER-007")
def test_in_quiet_hours_nothing_wakes_and_afterwards_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(monkeypatch)
    clock = [23 * 60, 6 * 60 + 59, 7 * 60]
    monkeypatch.setattr(notices, "_minute", lambda: clock.pop(0))
    monitor.world.store.agents.attend(Slug("bb"), attention_of(Attention(), None, None, "22:00-07:00"), "fenced")
    monitor.world.send("wake up", sender="operator")
    rests = monitor.run(lambda: None, lambda: None)
    assert rests == [("sleep", notices.BUSY), ("sleep", notices.BUSY), ("sleep", 30.0)]
    assert capsys.readouterr().out.count("unread") == 1


@pytest.mark.promise("REQUEST-003")
def test_a_rest_between_two_wakes_keeps_to_the_second_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    world, slept = World(MemoryStore()), list[float]()
    agent = world.store.agents.agent(Slug("bb"))
    assert agent is not None
    identifier = world.send("answer me", to="cc", kind="request", sender="bb", deadline_in=1500)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.tick(round(seconds * 1000))

    monkeypatch.setattr(time, "sleep", sleep)
    begun = world.clock.now()
    connection = LocalConnection(world.store, agent, world.clock, SESSION, scopes=AGENT_SCOPES["bus"])
    Notices(connection, lambda _: None, lambda _, body: True, lambda: True).rest(30.0)
    assert sum(slept) >= 30.0
    overdue = world.one(identifier, "cc").overdue_at
    assert overdue is not None
    assert 0 <= overdue - begun - 1500 < 1000
