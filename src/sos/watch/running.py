"""One process for many agents of a machine: hands over, tells and keeps quiet files, as their rules and homes say."""

from __future__ import annotations

import fcntl
import os
import threading
import time

from sos.homes import home as homes
from sos.homes import resolver
from sos.model.errors import SosError
from sos.watch import rules
from sos.watch.handover import Handover
from sos.watch.rounds import Noticing, Quieting
from sos.watch.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sos.settings import Settings
    from sos.watch.rules import Rule

    class Work(Protocol):
        """What is done for one agent, from `start` to `stop`."""

        def start(self) -> None: ...
        def stop(self) -> None: ...

    #: An agent, and its rule; None for its quiet file.
    Job = tuple[str, Rule | None]

LOOK = 2.0
"""Seconds between two looks at rules, homes and sessions."""
AGAIN = 3.0
"""Seconds before an agent that could not be begun with is tried again."""
DESCRIPTOR = 200
"""The first number for the descriptor that quiet files lead to: another process by our number hardly has one so high."""


class Watch:
    """All agents of a home that have a rule, or a session here and their bus behind a server. `say` hears of what changes."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._root = settings.home
        self._state = State(settings.home, say)
        self._works: dict[Job, Work] = {}
        #: When an agent is tried again that could not be begun with.
        self._again: dict[str, float] = {}

    def run(self, stopping: threading.Event) -> None:
        """Go on until `stopping` is set. Rules that are added, changed or taken away meanwhile count at once."""
        with open(os.devnull, "rb") as nothing:
            descriptor = fcntl.fcntl(nothing.fileno(), fcntl.F_DUPFD_CLOEXEC, DESCRIPTOR)
        try:
            self._state.save(())  # what stands there is of a watch before this one
            while not stopping.is_set():
                self._adjust(descriptor)
                self._state.save((slug, _doing(rule)) for slug, rule in self._works)
                stopping.wait(LOOK)
        finally:
            self._stop(list(self._works))
            os.close(descriptor)

    def once(self) -> tuple[dict[str, int], list[str]]:
        """Hand over what is due now: how many messages of each agent were, and the agents with whom there was trouble."""
        handed = {}
        for slug, rule in self._rules().items():
            if rule.way == "handover":
                try:
                    handed[slug] = Handover(rule, self._state, _doing(rule)).once()
                except SosError as error:
                    self._state.trouble(slug, "", _told(error))
        return handed, self._state.troubled()

    def _rules(self) -> dict[str, Rule]:
        found = {}
        for slug in homes.slugs(self._root):
            try:
                rule = rules.load(self._root, slug)
                if rule is not None:
                    found[slug] = rules.checked(rule)  # where its program is gone, messages wait
            except SosError as error:
                self._state.trouble(slug, "", _told(error))
        return found

    def _wanted(self) -> list[Job]:
        jobs: list[Job] = list(self._rules().items())
        for slug in homes.slugs(self._root):
            try:
                home = homes.load(self._root, slug)
                if home is not None and home.remote and resolver.sessions(self._root, slug):
                    jobs.append((slug, None))
            except SosError as error:
                self._state.trouble(slug, "", _told(error))
        return jobs

    def _adjust(self, descriptor: int) -> None:
        wanted = self._wanted()
        self._stop([job for job in self._works if job not in wanted])
        for slug, rule in wanted:
            if (slug, rule) in self._works or self._again.get(slug, 0.0) > time.monotonic():
                continue
            try:
                made = self._made(slug, rule, descriptor)
            except SosError as error:
                self._again[slug] = time.monotonic() + AGAIN
                self._state.trouble(slug, "", _told(error))
                continue
            self._works[slug, rule] = made
            self._state.began(slug, _doing(rule))
            made.start()

    def _made(self, slug: str, rule: Rule | None, descriptor: int) -> Work:
        def trouble(text: str) -> None:
            self._state.trouble(slug, _doing(rule), text)

        if rule is None:
            return Quieting(self._settings, slug, descriptor, trouble)
        if rule.way == "handover":
            return Handover(rule, self._state, _doing(rule))
        return Noticing(self._settings, rule, trouble)

    def _stop(self, jobs: list[Job]) -> None:
        """Stop these, all at the same time."""
        stopped = [(job, self._works.pop(job)) for job in jobs]
        threads = [threading.Thread(target=work.stop, name=f"sos-stop-{slug}") for (slug, _), work in stopped]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for (slug, rule), _ in stopped:
            self._state.ended(slug, _doing(rule))


def _doing(rule: Rule | None) -> str:
    if rule is None:
        return "kept quiet for tool batches"
    return "watched" if rule.way == "handover" else f"told by {rule.way}"


def _told(error: SosError) -> str:
    return f"{error.message}; next: {error.next_step}"
