"""The quiet file never hides mail: every order of two writers and two readers, and the order that the real code takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sos.files import Lock
from sos.hook import run, session
from sos.hook.event import Event
from sos.model.transitions import Surface
from sos.runtimes.speech import speech_of
from sos.settings import load
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import SESSION, World
from sos.wiring import local
from tests.contracts.quiet_model import READER, WRITER, Operation, Program, Verdict, explore
from tests.shell import Shell

#: The statements that are steps of the protocol, by how they begin.
STATEMENTS: dict[str, Operation] = {
    "BEGIN IMMEDIATE": "begin",
    "COMMIT": "commit",
    "INSERT INTO delivery": "insert",
    "UPDATE delivery": "mark",
    "SELECT 1 FROM delivery": "query",
}


def judged(writer: Program, reader: Program) -> Verdict:
    return explore((writer, writer, reader, reader))


@pytest.mark.promise("HOOK-008")
def test_no_order_and_no_crash_loses_a_ring() -> None:
    verdict = judged(WRITER, READER)
    assert verdict.states > 15_000
    assert (verdict.hidden, verdict.lost, verdict.unmarked) == (0, 0, 0)


@pytest.mark.parametrize(
    "writer",
    [
        pytest.param(("unlink", "lock", "begin", "insert", "commit", "unlock"), id="unlink before the lock"),
        pytest.param(("lock", "begin", "insert", "commit", "unlink", "unlock"), id="unlink after the commit"),
        pytest.param(("lock", "begin", "insert", "commit", "unlock", "unlink"), id="unlink after the lock"),
    ],
)
def test_a_writer_that_rings_at_the_wrong_time_is_seen_to_lose_rings(writer: Program) -> None:
    assert explore((writer, READER)).lost


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(("read", "print", "lock", "begin", "mark", "commit", "settle", "unlock"), id="no second query"),
        pytest.param(
            ("read", "print", "query", "lock", "begin", "mark", "commit", "settle", "unlock"), id="query before the lock"
        ),
        pytest.param(
            ("read", "print", "lock", "begin", "mark", "query", "commit", "unlock", "settle"), id="settle after the lock"
        ),
        pytest.param(
            ("read", "lock", "begin", "mark", "query", "commit", "settle", "unlock", "print"), id="mark before the print"
        ),
    ],
)
def test_a_reader_that_is_quiet_at_the_wrong_time_is_seen_to_lose_rings(reader: Program) -> None:
    assert explore((WRITER, reader)).lost


def test_a_ring_after_the_commit_is_lost_by_a_crash_alone_and_one_before_the_lock_without_any() -> None:
    # A kill loop finds the first kind only by luck, this walk always.
    assert explore((("unlink", "lock", "begin", "insert", "commit", "unlock"), READER), crashes=False).lost
    assert not explore((("lock", "begin", "insert", "commit", "unlink", "unlock"), READER), crashes=False).lost


class Recorder:
    """Writes down each step of the protocol as the real code takes it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[Operation] = []
        self._wrap(patch, Lock, "acquire", after=lambda lock, taken: self._locked(lock, "lock") if taken else None)
        self._wrap(patch, Lock, "release", after=lambda lock, _: self._locked(lock, "unlock"))
        self._wrap(patch, os, "unlink", after=lambda path, _: self._quiet_file(path, "unlink"), before=True)
        self._wrap(patch, os, "open", after=lambda path, _: self._quiet_file(path, "settle"))
        self._wrap(patch, Database, "read", after=self._statement)
        self._wrap(patch, Database, "insert", after=self._statement)

    def _wrap(self, patch: pytest.MonkeyPatch, place: Any, name: str, after: Any, *, before: bool = False) -> None:
        real = getattr(place, name)

        def wrapped(subject: Any, *rest: Any, **named: Any) -> Any:
            if before:  # removing what is not there rings as well
                after((subject, *rest)[0], None)
                return real(subject, *rest, **named)
            made = real(subject, *rest, **named)
            after(subject, rest if place is Database else made)
            return made

        patch.setattr(place, name, wrapped)

    def _locked(self, lock: Lock, step: Operation) -> None:
        if lock._path.endswith("sos.db.lock"):
            self.steps.append(step)

    def _quiet_file(self, path: object, step: Operation) -> None:
        if "/quiet-" in str(path):
            self.steps.append(step)

    def _statement(self, _: Database, rest: tuple[Any, ...]) -> None:
        if " WHERE recipient = :agent AND live = 1 AND seq > :after\nAND ((shown = 0" in rest[0]:
            self.steps.append("read")
        self.steps += [step for opening, step in STATEMENTS.items() if rest[0].startswith(opening)]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


@pytest.fixture
def world(home: Path, recorder: Recorder) -> Iterator[World]:
    """Made after the recorder: what a store keeps of its database for later is recorded too."""
    store = SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True)
    yield World(store)
    store.close()


def recorded_post(recorder: Recorder, world: World, **fields: Any) -> Program:
    recorder.steps.clear()
    world.send(**fields)
    return tuple(recorder.steps)


def recorded_settle(recorder: Recorder, world: World) -> Program:
    shown = world.entries()
    surface = Surface(at=world.clock.now(), body=SESSION, turn=1)
    body = world.body()
    recorder.steps.clear()
    world.store.mail.settle(body, 1, [(entry.message.seq, surface) for entry in shown[:1]])
    return tuple(recorder.steps)


@pytest.mark.promise("HOOK-008")
def test_a_real_post_rings_under_the_lock_and_before_the_commit(recorder: Recorder, world: World) -> None:
    steps = recorded_post(recorder, world)
    assert steps == ("lock", "begin", "insert", "unlink", "commit", "unlock")
    verdict = judged(steps, READER)
    assert (verdict.hidden, verdict.lost, verdict.unmarked) == (0, 0, 0)


def test_a_real_broadcast_rings_for_each_recipient_before_the_commit(recorder: Recorder, world: World) -> None:
    steps = recorded_post(recorder, world, kind="broadcast", recipients=("bb", "cc"))
    assert steps == ("lock", "begin", "insert", "unlink", "insert", "unlink", "commit", "unlock")


@pytest.mark.promise("HOOK-008")
def test_a_real_settle_asks_again_under_the_lock_and_loses_no_ring(recorder: Recorder, world: World) -> None:
    world.send("one")
    quiet = recorded_settle(recorder, world)
    world.send("two")
    world.send("three")
    rung = recorded_settle(recorder, world)
    assert [step for step in rung if step != "unlink"] == [step for step in quiet if step != "settle"]
    for steps in (quiet, rung):
        assert [step for step in steps if step != "commit"][:4] == ["lock", "begin", "mark", "query"]
        assert steps[-1] == "unlock"
    verdict = judged(WRITER, ("read", "print", *quiet))
    assert (verdict.hidden, verdict.lost) == (0, 0)


@pytest.mark.promise("HOOK-008", "INBOX-010")
def test_a_real_hook_run_reads_prints_and_then_settles(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole run, as it was seen, through the model: beside the real writer's order it loses nothing."""
    shell = Shell(home)
    for name in ("aa", "bb"):
        shell.join(name)
    shell.connect("bb")
    shell.event("SessionStart", "s-1", source="startup")
    shell.run("send", "--as", "aa", "bb", "hello")
    steps = recorded_hook(monkeypatch, Event(speech=speech_of("claude"), name="UserPromptSubmit", session="s-1", cwd=str(home)))
    assert steps.index("read") < steps.index("print") < steps.index("lock") < steps.index("mark") < steps.index("query")
    verdict = judged(("lock", "begin", "insert", "unlink", "commit", "unlock"), steps)
    assert (verdict.hidden, verdict.lost) == (0, 0)
    assert (home / ".sos" / "run" / "quiet-bb").exists()


def recorded_hook(patch: pytest.MonkeyPatch, event: Event) -> Program:
    opened: list[SqliteStore] = []
    real = local.open_home_store

    def opening(*given: Any, **named: Any) -> SqliteStore:
        opened.append(real(*given, **named))
        return opened[-1]

    patch.setattr(session, "open_home_store", opening)
    recorder = Recorder(patch)
    patch.setattr(run, "_print", lambda _: recorder.steps.append("print"))
    run._run(load(), event)
    taken = tuple(recorder.steps)
    for store in opened:
        store.close()
    return taken
