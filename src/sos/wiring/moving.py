"""`sos move`: an embedded deployment goes to a server, agent by agent, and can be run again wherever it was killed.

In this order: the server takes over all agents, with the digests of their tokens, so that nobody's mail has nowhere to go; each
home is switched to the server, as one replaced file; then what still waits in the store here follows, and the tasks. An agent
that is switched reads and sends there while others still do here: what they send it here follows too. The store here stays as it
is.
"""

from __future__ import annotations

import os
import time

from sos.homes import home as homes
from sos.model.deliveries import INBOX_LIMIT
from sos.model.errors import SosError
from sos.model.names import OPERATOR
from sos.model.record import Record
from sos.model.tasks import MAX_LIVE
from sos.model.tokens import AGENT_SERVICES
from sos.recovery import guide
from sos.wiring import canary
from sos.wiring.local import facts, open_store, store_path
from sos.wiring.remote import connection_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from sos.homes.home import Home
    from sos.model.agents import Agent
    from sos.model.deliveries import Delivery, View
    from sos.model.messages import Message
    from sos.model.tasks import Task
    from sos.model.tokens import Service
    from sos.remote.connection import HttpConnection
    from sos.settings import Settings
    from sos.stores.sqlite.store import SqliteStore

VIEWS: tuple[View, ...] = ("unread", "open")
"""What waits: never shown, or a request without an answer."""
SETTLE_SECONDS = 1.0
"""Before the last look: commands that began before their agent was switched may still write here."""


class Moved(Record):
    """What a move did, or would do."""

    agents: tuple[str, ...]
    #: Agents of this store whose home is not here: whoever has it moves it.
    elsewhere: tuple[str, ...]
    messages: int
    tasks: int
    #: What waits for the operator, who is another one at the server: it stays.
    left: int
    #: What went wrong after an agent was moved, in words.
    remarks: tuple[str, ...] = ()


class Moving:
    """One run of a move, inside `with`. `say` is told of each step."""

    def __init__(self, settings: Settings, url: str, token: str, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._url = url
        self._say = say
        self._store: SqliteStore = open_store(settings)
        self._server: HttpConnection = connection_to(settings, url, {"admin": token})
        here = store_path(settings)
        self._agents = [agent for agent in self._store.agents.agents() if agent.status == "open" and agent.slug != OPERATOR]
        self._homes: dict[str, Home] = {}
        self._damaged: set[str] = set()
        self._connections: dict[str, HttpConnection] = {}
        for agent in self._agents:
            home = homes.load(settings.home, agent.slug)
            if home is not None and home.name == agent.name and home.store in {here, url}:
                self._homes[agent.slug] = home

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (self._server, *self._connections.values()):
            connection.close()
        self._store.close()

    def planned(self) -> Moved:
        """What would be moved. Asks the server nothing."""
        return self._told(sum(1 for _ in self._waiting()), len(self._tasks()))

    def run(self) -> Moved:
        """Move. Raises what the server refuses, with all before it moved."""
        agents = [agent for agent in self._agents if agent.slug in self._homes]
        for agent in agents:
            self._enrol(agent)
        for agent in agents:
            self._switch(agent)
        messages = self._mail()
        tasks = sum(self._server.adopt_task(task) for task in self._tasks())
        time.sleep(SETTLE_SECONDS)
        messages += self._mail()
        return self._told(messages, tasks, [remark for agent in agents for remark in self._prove(agent)])

    def _told(self, messages: int, tasks: int, remarks: list[str] | None = None) -> Moved:
        return Moved(
            agents=tuple(sorted(self._homes)),
            elsewhere=tuple(agent.slug for agent in self._agents if agent.slug not in self._homes),
            messages=messages,
            tasks=tasks,
            left=self._store.mail.count(OPERATOR, "unread"),
            remarks=(*sorted(self._damaged), *(remarks or ())),
        )

    # --- agents ---------------------------------------------------------------------------------------------------------

    def _enrol(self, agent: Agent) -> None:
        tokens = [record for record in self._store.tokens.of(agent.slug) if record.revoked_at is None]
        skills = self._store.skills.list(agent.project, agent.slug)
        made = self._server.adopt_agent(agent, tokens, skills)
        self._say(f"{agent.slug}: {made.outcome} at {self._url}")

    def _connection(self, agent: Agent) -> HttpConnection:
        known = self._connections.get(agent.slug)
        if known is not None:
            return known
        path = self._homes[agent.slug].path
        tokens: dict[Service, str] = {}
        for service in AGENT_SERVICES:
            token = homes.sound_token(path, service)
            if token is not None:
                tokens[service] = token.text
        made = self._connections[agent.slug] = connection_to(self._settings, self._url, tokens, agent.slug)
        return made

    def _switch(self, agent: Agent) -> None:
        """From here on the agent's home names the server. It is asked by the agent's own token first."""
        myself = self._connection(agent).myself()
        self._homes[agent.slug] = homes.save(self._settings.home, agent, self._url, myself.epoch)
        note = self._store.agents.note(agent.slug)
        if note is not None:
            self._connection(agent).leave_note(note.text)
        self._unquiet(agent)
        self._store.nudge(agent.slug)  # who waits here looks at its home again
        self._say(f"{agent.slug}: its home names the server now")

    def _unquiet(self, agent: Agent) -> None:
        """No file may say any longer that nothing waits here: tool batches would believe it."""
        try:
            os.unlink(os.path.join(self._settings.home, "run", f"quiet-{agent.slug}"))
        except FileNotFoundError:
            return

    def _prove(self, agent: Agent) -> Iterator[str]:
        """A test message through the server, and the guide with its new facts; what failed, in words."""
        self._unquiet(agent)
        try:
            guide.keep(self._homes[agent.slug].path, facts(self._settings, agent))
            canary.came_back(self._settings, self._connection(agent))
        except SosError as error:
            yield f"{agent.slug}: {error.message}; next: sos whoami --as {agent.slug}"

    # --- what waits -----------------------------------------------------------------------------------------------------

    def _mail(self) -> int:
        new = 0
        for message, deliveries in self._waiting():
            new += self._server.adopt_mail(message, deliveries)
        self._say(f"mail: {new} that waited here are at the server")
        return new

    def _waiting(self) -> Iterator[tuple[Message, list[Delivery]]]:
        """Messages that wait for agents that are moved, the oldest first, each once with all whom it waits for."""
        found: dict[int, tuple[Message, dict[str, Delivery]]] = {}
        for slug, home in self._homes.items():
            for view in VIEWS:
                for entry in self._store.mail.entries(home.slug, view, INBOX_LIMIT + 1):
                    if entry.damaged:
                        self._damaged.add(f"{slug}: message {entry.message.id} is damaged and stays here")
                    else:
                        found.setdefault(entry.message.seq, (entry.message, {}))[1][slug] = entry.delivery
        for number in sorted(found):
            message, deliveries = found[number]
            yield message, list(deliveries.values())

    def _tasks(self) -> list[Task]:
        projects = sorted({agent.project for agent in self._agents if agent.slug in self._homes})
        return [task for project in projects for task in self._store.tasks.list(project, live=True, limit=MAX_LIVE)]
