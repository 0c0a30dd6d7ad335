"""Whether a store is still the one that an agent knew: a restore, a loss, and damage are noticed and said."""

from __future__ import annotations

import time

from sos.core import history
from sos.homes import cursor, processes
from sos.homes import home as homes
from sos.model.times import DAY, Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.homes.home import Home
    from sos.model.agents import Agent
    from sos.settings import Settings
    from sos.stores.sqlite.store import SqliteStore


def compare(settings: Settings, store: SqliteStore, home: Home, now: Millis) -> None:
    """Notice a restore by its epoch, or by a newest number below what was seen; tell the agent once."""
    seen = cursor.load(home.path)  # first: what somebody saw before now stands in the store by now
    head, epoch = history.compare(store, home.slug, home.epoch, seen, now)
    if epoch != home.epoch:
        remember(settings, home, epoch, store.agents.agent(home.slug))
    if head != seen:
        cursor.save(home.path, head)


def remember(settings: Settings, home: Home, epoch: str, agent: Agent | None) -> None:
    """The history that this agent knows from now on."""
    if agent is not None:
        homes.save(settings.home, agent, home.store, epoch)


def check_after_boot(store: SqliteStore) -> None:
    """Look through the store once after each start of the machine: what damages it is a cut of the power. Raises StoreDamaged."""
    store.check_once(processes.boot() or f"day {int(time.time()) // (DAY // 1000)}")  # where no start has an id, once a day
