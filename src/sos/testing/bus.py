"""A bus in memory whose clock stands still: agents of the SDK are tested on it without a store, a thread or a wait."""

from __future__ import annotations

from contextlib import contextmanager

from sos.core.connection import LocalConnection
from sos.model.agents import Joining
from sos.model.errors import NobodyHere
from sos.model.names import OPERATOR, Slug, slug
from sos.model.times import parse_duration
from sos.model.tokens import AGENT_SCOPES
from sos.model.transitions import is_live
from sos.sdk import Agent, Message
from sos.stores.memory.store import MemoryStore
from sos.testing.clock import FakeClock
from sos.wiring import bodies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sos.model.agents import Agent as Record
    from sos.model.deliveries import View
    from sos.model.roles import Role

MOST_LISTED = 1000
_SCOPES = (*AGENT_SCOPES["bus"], *AGENT_SCOPES["squad"], *AGENT_SCOPES["registry"])


class Bus:
    """A bus for one test. It keeps the contract of the real stores, and forgets everything with the test.

        bus = Bus()
        with bus.installed():
            from myproject.echo import agent    # its Agent(name="echo") joins this bus

        tester = bus.agent("tester")
        tester.send("echo", "hello")
        assert agent.run_once() == 1
        assert [message.text for message in bus.inbox("tester")] == ["hello"]

    Nothing happens by itself: `Agent.run_once` handles what is due, and `tick` lets time pass, so that what failed is due again,
    leases lapse and deadlines pass. What waits for another agent inside a handler needs that one running (`with other:`), and
    waits in real time.
    """

    def __init__(self, project: str = "test") -> None:
        self.project = project
        self.clock = FakeClock()
        self._store = MemoryStore()
        self._sessions = 0
        self._join(OPERATOR, "operator", "executor")

    def agent(self, name: str, *, role: Role = "executor", concurrency: int = 8) -> Agent:
        """An agent of this name, joined if it has not. The same name again is a second body of it. Raises InvalidInput."""
        return Agent(connection=self._connect(name, role), concurrency=concurrency)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within this, each `Agent(name=…)` of this process is one on this bus. Raises NobodyHere for one that has no name."""
        before, bodies.testing = bodies.testing, lambda name, _: self._named(name)
        try:
            yield
        finally:
            bodies.testing = before

    def tick(self, span: str | float) -> None:
        """Let time pass: `30s`, `5m`, `2h`, or seconds. Raises InvalidInput."""
        self.clock.tick(parse_duration(span) if isinstance(span, str) else int(span * 1000))
        self._store.mail.tick(self.clock.now())

    def inbox(self, name: str) -> list[Message]:
        """All that this agent was sent, oldest first, handled or not."""
        return self._listed(name, "recent")

    def unhandled(self, name: str) -> list[Message]:
        """What was not handled to its end yet: it was not begun, is at work, or rests after it failed."""
        return [message for message in self.inbox(name) if is_live(message.entry.message, message.entry.delivery)]

    def dead(self, name: str) -> list[Message]:
        """What was given up: its handler failed five times, or it was dropped."""
        return self._listed(name, "dead")

    def _listed(self, name: str, view: View) -> list[Message]:
        entries = self._store.mail.entries(slug(name), view, MOST_LISTED)
        return [Message(entry) for entry in sorted(entries, key=lambda entry: entry.message.seq)]

    def _named(self, name: str | None) -> LocalConnection:
        if name is None:
            raise NobodyHere("on a bus for tests an agent is made by its name", next_step='Agent(name="NAME")')
        return self._connect(name, "executor")

    def _connect(self, name: str, role: Role) -> LocalConnection:
        agent = self._store.agents.agent(slug(name)) or self._join(slug(name), name, role)
        self._sessions += 1
        return LocalConnection(self._store, agent, self.clock, f"sdk-test-{self._sessions}", scopes=_SCOPES)

    def _join(self, address: Slug, name: str, role: Role) -> Record:
        joining = Joining(slug=address, name=name, role=role, label=name, project=self.project)
        return self._store.agents.enrol(joining, self.clock.now()).agent
