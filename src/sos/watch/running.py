"""One process that receives for many agents: each is an agent of the SDK whose one handler runs the agent's command."""

from __future__ import annotations

import threading
import time

from sos.homes import home as homes
from sos.model.errors import SosError
from sos.sdk import Agent
from sos.watch import rules
from sos.watch.commands import CommandFailed, Commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.sdk import Message
    from sos.watch.rules import Rule

LOOK = 2.0
"""Seconds between two looks at the rules."""
AGAIN = 3.0
"""Seconds before an agent that could not be received for is tried again."""
MARGIN = 30.0
"""Seconds that a handler has beyond its command's own."""


class Watched:
    """One agent, received for by one rule."""

    def __init__(self, rule: Rule, say: Callable[[str], None]) -> None:
        self.rule = rule
        #: Whether anything failed so far.
        self.troubled = False
        self._say = say
        self.commands = Commands(rule)
        self.agent = agent = Agent(name=rule.agent, concurrency=rule.at_once)
        agent.on_error = self._failed  # type: ignore[method-assign]
        agent.on_message(timeout=rule.timeout + MARGIN)(self._handle)

    def _handle(self, message: Message) -> None:
        text = self.commands.run(message)
        if text:
            self.agent.reply(message, text)

    def _failed(self, error: Exception, message: Message | None) -> None:
        self.troubled = True
        self._say(_told(self.rule.agent, error, message))

    def stop(self) -> None:
        """Take no more; what runs may end within some seconds, then it is ended and its message given back."""
        self.agent.stop()
        self.commands.end()


class Watch:
    """All agents of a home that have a rule. `say` hears of trouble, in lines."""

    def __init__(self, root: str, say: Callable[[str], None]) -> None:
        self._root = root
        self._say = say
        self._watched: dict[str, Watched] = {}
        #: By agent: when it is tried again, and the trouble that was said last.
        self._again: dict[str, float] = {}
        self._troubles: dict[str, str] = {}

    def run(self, stopping: threading.Event) -> None:
        """Receive until `stopping` is set. Rules that are added, changed or taken away meanwhile count at once."""
        try:
            while not stopping.is_set():
                self._adjust()
                stopping.wait(LOOK)
        finally:
            self._stop(list(self._watched))

    def once(self) -> tuple[dict[str, int], list[str]]:
        """Hand over what is due now: how many messages of each agent were, and the agents with whom there was trouble."""
        handed, failed = {}, set()
        for slug, rule in self._rules().items():
            try:
                watched = Watched(rule, self._say)
                try:
                    handed[slug] = watched.agent.run_once()
                finally:
                    watched.commands.end()
                    if watched.troubled:
                        failed.add(slug)
            except SosError as error:
                self._trouble(slug, error)
        return handed, sorted(failed | set(self._troubles))

    def _rules(self) -> dict[str, Rule]:
        found = {}
        for slug in homes.slugs(self._root):
            try:
                rule = rules.load(self._root, slug)
                if rule is not None:
                    found[slug] = rules.checked(rule)  # where its program is gone, messages wait
            except SosError as error:
                self._trouble(slug, error)
        return found

    def _adjust(self) -> None:
        wanted = self._rules()
        self._stop([slug for slug, watched in self._watched.items() if watched.rule != wanted.get(slug)])
        for slug, rule in wanted.items():
            if slug in self._watched or self._again.get(slug, 0.0) > time.monotonic():
                continue
            try:
                made = Watched(rule, self._say)
            except SosError as error:
                self._again[slug] = time.monotonic() + AGAIN
                self._trouble(slug, error)
                continue
            made.agent.run_in_background()
            self._watched[slug] = made
            self._troubles.pop(slug, None)
            self._say(f"{slug}: watched")

    def _trouble(self, slug: str, error: SosError) -> None:
        """Say it, where it was not the last that was said of this agent."""
        told = f"{slug}: {error.message}; next: {error.next_step}"
        if self._troubles.get(slug) != told:
            self._troubles[slug] = told
            self._say(told)

    def _stop(self, slugs: list[str]) -> None:
        """Stop these, all at the same time."""
        stopped = [self._watched.pop(slug) for slug in slugs]
        threads = [threading.Thread(target=each.stop, name=f"sos-stop-{each.rule.agent}") for each in stopped]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for each in stopped:
            self._say(f"{each.rule.agent}: no longer watched")


def _told(slug: str, error: Exception, message: Message | None) -> str:
    what = error.message if isinstance(error, SosError) else f"{type(error).__name__}: {error}"
    if message is None:
        return f"{slug}: {what}"
    comes = "; it comes again" if isinstance(error, CommandFailed) else ""
    return f"{slug}: message {message.id} from {message.sender}, attempt {message.attempt}: {what}{comes}"
