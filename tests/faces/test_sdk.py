"""An agent of the SDK over each kind of connection: what its handlers get, what they send, and what becomes of what fails."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from sos.core.access import embedded_scopes, record_of
from sos.core.connection import LocalConnection
from sos.model.errors import NobodyHere, UnknownAgent
from sos.model.ids import MessageId
from sos.model.names import Slug
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint
from sos.model.work import LEASE
from sos.ports import Store
from sos.ports.connection import Connection
from sos.remote.connection import HttpConnection
from sos.sdk import Agent, Message, NoAnswer, loop
from sos.stores.memory.store import MemoryStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World
from tests.faces.served import served

BB = Slug("bb")


class Ground:
    """A world, and agents of `bb` and others over it."""

    def __init__(self, store: Store, stack: ExitStack, *, remote: bool) -> None:
        self.world = World(store)
        self.stack = stack
        self.url = stack.enter_context(served(self.world)).url if remote else ""
        self.errors: list[tuple[Exception, Message | None]] = []
        self._bodies = 0

    def connection(self, slug: str, session: str) -> Connection:
        agent = self.world.store.agents.agent(Slug(slug))
        assert agent is not None
        tokens = {service: mint(SERVICES[service]) for service in AGENT_SERVICES}
        records = [record_of(token, agent.slug, agent.project, self.world.clock.now()) for token in tokens.values()]
        for record in records:
            self.world.store.tokens.add(record)
        if not self.url:
            return LocalConnection(self.world.store, agent, self.world.clock, session, scopes=embedded_scopes(records[-1]))
        texts = {service: token.text for service, token in tokens.items()}
        made = HttpConnection(dict.fromkeys(AGENT_SERVICES, self.url), texts, self.world.clock, session)
        self.stack.callback(made.close)
        return made

    def agent(self, slug: str = "bb", **more: Any) -> Agent:
        self._bodies += 1
        made = Agent(connection=self.connection(slug, f"sdk-{self._bodies}"), **more)
        made.on_error = lambda error, message: self.errors.append((error, message))  # type: ignore[method-assign]
        self.stack.callback(made.stop, 0.2)
        return made

    def until(self, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < ends, (self.errors, self.world.texts("recent"))
            time.sleep(0.005)

    def texts(self, slug: str = "aa") -> list[str]:
        return self.world.texts(agent=slug)


@pytest.fixture(params=["memory", "sqlite", "http"])
def ground(request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setattr(loop, "FIRST_REST", 0.0)
    monkeypatch.setattr(loop, "FIRST_AWAY", 0.01)
    with ExitStack() as stack:
        if request.param == "sqlite":
            store: Any = SqliteStore(str(tmp_path / "s" / "sos.db"), str(tmp_path / "run"), create=True)
            stack.callback(store.close)
        else:
            store = MemoryStore()
        yield Ground(store, stack, remote=request.param == "http")


@pytest.mark.promise("SDK-001", "SDK-005")
def test_what_a_handler_sends_is_stored_with_its_end_and_its_inbox_is_proven(ground: Ground) -> None:
    agent, inside = ground.agent(), threading.Event()
    seen: list[list[str]] = []

    @agent.on_message
    def handle(message: Message) -> None:
        sent = agent.reply(message, f"re: {message.text}")
        agent.send("aa", "and more")
        assert sent.receipt is None
        seen.append(ground.texts())
        inside.set()

    identifier = ground.world.send("hello", kind="request", deadline_in=60_000)
    with agent:
        ground.until(lambda: len(ground.texts()) == 2)
    assert seen == [[]]
    assert ground.texts() == ["re: hello", "and more"]
    delivery = ground.world.one(identifier)
    assert (delivery.acked_at is not None, delivery.replied_at is not None, delivery.shown) == (True, True, 0)
    record = ground.world.store.agents.agent(BB)
    assert record is not None
    assert record.proven_by == "its handler acknowledged a message"
    assert ground.errors == []


@pytest.mark.promise("SDK-005", "LEASE-004")
def test_a_handler_that_raises_has_sent_nothing_and_after_five_tries_its_sender_hears(ground: Ground) -> None:
    agent, attempts = ground.agent(), []

    @agent.on_message
    def handle(message: Message) -> None:
        if message.text == "poison":
            attempts.append(message.attempt)
            agent.reply(message, "never seen")
            raise ValueError("boom")
        agent.reply(message, "fine")

    ground.world.send("poison")
    ground.world.send("behind it")
    with agent:
        while len(ground.world.entries("dead")) == 0:
            ground.until(lambda: bool(attempts))
            ground.world.clock.tick(2)
            time.sleep(0.01)
            ground.world.store.nudge(BB)
        ground.until(lambda: "fine" in ground.texts())
    assert attempts == [1, 2, 3, 4, 5]
    assert "never seen" not in ground.texts()
    assert any("was not delivered" in text and "ValueError: boom" in text for text in ground.texts())
    assert {str(error) for error, _ in ground.errors} == {"boom"}


@pytest.mark.promise("SDK-004")
def test_filters_async_handlers_and_order_per_sender_hold_together(ground: Ground) -> None:
    ground.world.enrol("dd")
    agent = ground.agent(concurrency=4)
    order: dict[str, list[str]] = {"aa": [], "dd": []}
    requests: list[str] = []
    running: list[str] = []
    most: list[int] = []

    @agent.on_message
    async def handle(message: Message) -> None:
        running.append(message.sender)
        assert running.count(message.sender) == 1
        most.append(len(running))
        await asyncio.sleep(0.01)
        order[message.sender].append(message.text)
        running.remove(message.sender)

    @agent.on_message(kind="request", sender="dd")
    def asked(message: Message) -> None:
        requests.append(message.text)
        agent.reply(message, "yes")

    for number in range(8):
        ground.world.send(f"{number}", sender="aa")
        ground.world.send(f"{number}", sender="dd")
    ground.world.send("asked", kind="request", sender="dd")
    ground.world.send("not by dd", kind="request", sender="aa")
    with agent:
        ground.until(lambda: ground.world.store.mail.count(BB, "unread") == 0 and sum(map(len, order.values())) == 18)
        ground.until(lambda: ground.texts("dd") == ["yes"])
    numbers = [str(number) for number in range(8)]
    assert [text for text in order["aa"] if text in numbers] == [text for text in order["dd"] if text in numbers] == numbers
    assert requests == ["asked"]
    assert max(most) == 2
    assert ground.errors == []


@pytest.mark.promise("SDK-007")
def test_a_request_waits_for_its_answer_with_and_without_a_loop(ground: Ground) -> None:
    answering, asking = ground.agent("bb"), ground.agent("aa")

    @answering.on_message(kind="request")
    def handle(message: Message) -> None:
        if message.text != "silence":
            answering.reply(message, f"{message.text}: yes")

    other: list[str] = []
    asking.on_message(lambda message: other.append(message.text))
    with answering:
        assert asking.request("bb", "alone?").wait(10).text == "alone?: yes"
        with asking:
            assert asking.request("bb", "with a loop?", deadline=10).wait().text == "with a loop?: yes"
            with pytest.raises(NoAnswer, match="bb has not answered"):
                asking.request("bb", "silence").wait(0.2)
    assert other == []
    assert ground.world.entries("unread", "aa") == []
    with pytest.raises(UnknownAgent):
        asking.send("nobody", "x")
    assert asking.send("bb", "outside").receipt is not None


@pytest.mark.promise("SDK-007")
def test_a_wait_without_a_loop_rests_while_other_mail_waits(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    asking, looks = ground.agent("aa"), []
    ground.world.send("other mail", to="aa", sender="bb")
    asked = asking.request("bb", "silence")
    monkeypatch.setattr(asking._requests, "_look", lambda: looks.append(time.monotonic()))
    with pytest.raises(NoAnswer):
        asked.wait(0.5)
    assert 2 <= len(looks) <= 10
    assert ground.texts() == ["other mail"]


@pytest.mark.promise("SDK-005")
def test_a_handler_that_exits_ends_neither_its_thread_nor_its_process(ground: Ground) -> None:
    agent = ground.agent(concurrency=1)

    @agent.on_message
    def handle(message: Message) -> None:
        if message.text == "exit" and message.attempt == 1:
            sys.exit(3)
        agent.reply(message, f"attempt {message.attempt}")

    ground.world.send("exit")
    with agent:
        ground.until(lambda: ground.texts() == ["attempt 2"])
    assert [type(error) for error, _ in ground.errors] == [RuntimeError]


@pytest.mark.promise("SDK-001")
def test_one_run_handles_what_is_due_in_this_thread(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_REST", 100)
    agent, threads = ground.agent(), []

    @agent.on_message
    def handle(message: Message) -> None:
        threads.append(threading.current_thread())
        if message.text == "poison":
            raise ValueError
        agent.reply(message, f"re: {message.text}")

    for text in ("one", "poison", "two"):
        ground.world.send(text)
    assert agent.run_once() == 2
    assert (ground.texts(), set(threads)) == (["re: one", "re: two"], {threading.current_thread()})
    (failed,) = [entry for entry in ground.world.entries("recent") if not entry.delivery.answered]
    assert (failed.message.text, failed.delivery.attempts, len(ground.errors)) == ("poison", 1, 1)
    body = ground.world.store.agents.body("sdk-1")
    assert body is not None
    assert body.presence == "closed"


@pytest.mark.promise("SDK-001")
def test_one_run_that_is_interrupted_gives_back_what_it_had(ground: Ground) -> None:
    agent, attempts = ground.agent(), []

    @agent.on_message
    def handle(message: Message) -> None:
        attempts.append(message.attempt)
        if len(attempts) == 1:
            raise KeyboardInterrupt

    ground.world.send("one")
    with pytest.raises(KeyboardInterrupt):
        agent.run_once()
    assert agent.run_once() == 1
    assert ground.world.texts() == []


@pytest.mark.promise("SDK-007")
def test_an_answer_that_nobody_waits_for_goes_to_the_handlers(ground: Ground) -> None:
    asking, seen = ground.agent("aa"), []
    asking.on_message(lambda message: seen.append(message.text))
    with pytest.raises(UnknownAgent):
        asking.request("nobody", "x")
    kept, late = asking.request("bb", "in time?", deadline=30), asking.request("bb", "late?", deadline=0.01)
    time.sleep(0.05)
    for request, text in ((kept, "in time"), (late, "late"), (kept, "twice")):
        ground.world.post(text, to="aa", sender="bb", kind="reply", in_reply_to=request.id)
    with asking:
        ground.until(lambda: sorted(seen) == ["late", "twice"])
        assert kept.wait(5).text == "in time"
    assert ground.world.entries("unread", "aa") == []


@pytest.mark.promise("SDK-010", "SDK-009", "LEASE-001")
def test_two_bodies_share_the_work_and_one_that_hangs_loses_it(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_SECONDS", 0.05)
    hanging, working = ground.agent(concurrency=1), ground.agent(concurrency=2)
    begun, free, effects = threading.Event(), threading.Event(), []

    @hanging.on_message(timeout=0.1)
    def hang(message: Message) -> None:
        hanging.reply(message, "too late")
        begun.set()
        free.wait(20)

    @working.on_message
    def work(message: Message) -> None:
        effects.append(message.text)
        working.reply(message, "done")

    ground.world.send("once")
    hanging.run_in_background()
    assert begun.wait(15)
    time.sleep(0.3)  # its time without progress is over: it is extended no more
    ground.world.clock.tick(LEASE + 1)
    with working:
        ground.until(lambda: ground.texts() == ["done"])
        free.set()
        ground.until(lambda: any(type(error).__name__ == "StaleFence" for error, _ in ground.errors))
    assert (ground.texts(), effects) == (["done"], ["once"])


@pytest.mark.promise("SDK-009", "LEASE-003")
def test_a_handler_that_hangs_keeps_its_thread_and_not_its_sender(ground: Ground) -> None:
    agent, free, seen = ground.agent(concurrency=2), threading.Event(), []

    @agent.on_message(timeout=0.1)
    def handle(message: Message) -> None:
        seen.append(message.text)
        if message.text == "hangs":
            free.wait(20)

    first = ground.world.send("hangs")
    ground.world.send("after it")
    with agent:
        ground.until(lambda: seen == ["hangs", "after it"])
        ground.until(lambda: ground.world.texts() == [])
        assert ground.world.one(first).attempts == 1
        free.set()


@pytest.mark.promise("SDK-009", "LEASE-001")
def test_a_handler_that_progresses_keeps_its_lease(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_SECONDS", 0.02)
    agent, go = ground.agent(), threading.Event()

    @agent.on_message(timeout=0.3)
    def handle(message: Message) -> None:
        for _ in range(20):
            time.sleep(0.05)
            agent.progress()
            if go.is_set():
                return

    identifier = ground.world.send("long")
    with agent:
        ground.until(lambda: ground.world.one(identifier).attempts == 1)
        for _ in range(4):
            before = ground.world.one(identifier).leased_until or 0
            ground.world.clock.tick(LEASE - 1000)
            ground.until(partial(_is_extended, ground, identifier, before))
        go.set()
        ground.until(lambda: ground.world.one(identifier).acked_at is not None)
    assert ground.world.one(identifier).attempts == 1


def _is_extended(ground: Ground, identifier: MessageId, before: int) -> bool:
    return (ground.world.one(identifier).leased_until or 0) > before


@pytest.mark.promise("SDK-008")
def test_a_stop_finishes_what_runs_and_gives_back_what_waits(ground: Ground) -> None:
    agent, begun = ground.agent(concurrency=8), threading.Event()

    @agent.on_message
    def handle(message: Message) -> None:
        begun.set()
        time.sleep(0.3)
        agent.reply(message, f"finished {message.text}")

    for number in range(3):
        ground.world.send(f"{number}")
    agent.run_in_background()
    assert begun.wait(10)
    agent.stop()
    assert ground.texts() == ["finished 0"]
    assert [text for text, _ in _leased(ground)] == ["1", "2"]
    body = ground.world.store.agents.bodies(BB)[0]
    assert (body.presence, body.runtime) == ("closed", "sdk")


def _leased(ground: Ground) -> list[tuple[str, int]]:
    ground.world.clock.tick(1)
    ground.world.store.mail.tick(ground.world.clock.now())
    found = ground.world.store.mail.lease(BB, "another", 10, type(ground.world.clock.now())(ground.world.clock.now() + LEASE),
                                          ground.world.clock.now())  # fmt: skip
    return [(entry.message.text, entry.delivery.fence) for entry in found]


def test_a_program_is_never_an_agent_unasked(home: Any) -> None:
    with pytest.raises(NobodyHere, match="which agent is this"):
        Agent()
