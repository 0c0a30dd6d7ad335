"""Writing, importing, killing, trimming, flushing, restoring in any order: what is in a stream is neither lost nor doubled."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from sos.model.ids import new_id
from sos.model.streams import Batch
from sos.model.times import HOUR, MINUTE
from sos.stores.memory.store import MemoryStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.streams import EVERYBODY, GLOBAL, PRIVATE, PROJECT, Deployment
from sos.testing.world import World

NAMES = (PROJECT, GLOBAL, PRIVATE, EVERYBODY)
STREAMS = st.sampled_from(NAMES)


class Machine(RuleBasedStateMachine):
    """Two importers of one agent, and servers with whatever clocks and operators."""

    def make_store(self) -> Any:
        return MemoryStore()

    @initialize()
    def begin(self) -> None:
        self.store = self.make_store()
        self.old = Deployment(World(self.store))
        self.old.world.clock.tick(HOUR)
        self.written = 0
        self.pending: list[Batch] = []
        self.backups: dict[str, Any] = {}

    @rule(names=st.lists(STREAMS, min_size=1, max_size=3, unique=True), burst=st.integers(1, 3), own=st.booleans())
    def write(self, names: list[Any], burst: int, own: bool) -> None:
        for _ in range(burst):
            self.written += 1
            fields: dict[str, str] = {"id": new_id(self.old.world.clock.now())} if own else {}
            for name in names if own else names[:1]:
                self.old.stream(name).add(self.old.world.clock.now(), text=f"message {self.written}", source="old", **fields)

    @rule(name=STREAMS)
    def prepare(self, name: Any) -> None:
        batch = self.old.prepare(name)
        if batch is not None:
            self.pending = [*self.pending[-1:], batch]

    @precondition(lambda self: self.pending)
    @rule(first=st.booleans())
    def take(self, first: bool) -> None:
        batch = self.pending.pop(0 if first else -1)
        before = self.old.cursor(batch.stream)
        taken = self.old.take(batch)
        assert taken.stale == (before != batch.expected)
        assert self.old.cursor(batch.stream) == (before if taken.stale else batch.cursor)

    @rule()
    def kill(self) -> None:
        self.pending = []

    @rule(name=STREAMS)
    def flush(self, name: Any) -> None:
        self.old.stream(name).flush()

    @rule(name=STREAMS, keep=st.integers(0, 3))
    def trim(self, name: Any, keep: int) -> None:
        self.old.stream(name).trim(keep)

    @rule(name=STREAMS)
    def back_up(self, name: Any) -> None:
        self.backups[name] = self.old.stream(name).saved()

    @rule(name=STREAMS)
    def restore(self, name: Any) -> None:
        if name in self.backups:
            self.old.stream(name).restore(self.backups[name])

    @rule(span=st.sampled_from([1, MINUTE, -1, -MINUTE]))
    def pass_time(self, span: int) -> None:
        self.old.world.clock.tick(span)

    @rule()
    def drain(self) -> None:
        self.old.drain(*NAMES)
        there = {fields["text"] for name in NAMES for _, fields in self.old.stream(name).entries}
        assert there <= set(self.texts())

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert len(self.texts()) == len(set(self.texts()))

    def texts(self) -> list[str]:
        return [entry.message.text for entry in self.store.mail.entries("bb", "recent", 10_000)]

    def teardown(self) -> None:
        if hasattr(self, "old"):
            self.drain()
            self.store.close()


class SqliteMachine(Machine):
    def make_store(self) -> Any:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteStore(os.path.join(self.folder.name, "sos.db"), os.path.join(self.folder.name, "run"), create=True)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


@pytest.mark.promise("ADDRESS-004")
@pytest.mark.parametrize(("machine", "examples"), [(Machine, 150), (SqliteMachine, 12)])
def test_nothing_that_stands_in_a_stream_is_lost_or_doubled(machine: type[Machine], examples: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))
