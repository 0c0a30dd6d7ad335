"""What an agent's machine adds to what its store knows of its hearing: what the doctor finds, and a canary on its real path."""

from __future__ import annotations

import os

from sos.core.hearing import present
from sos.doctor import examining
from sos.doctor.inbox import Watching
from sos.doctor.patient import Patient
from sos.homes import home as homes
from sos.model.agents import BEATING
from sos.model.errors import SosError
from sos.model.times import MINUTE, SECOND, parse_iso
from sos.wiring import hops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.core.hearing import Facts
    from sos.model.agents import Agent
    from sos.model.times import Millis
    from sos.settings import Settings

PATIENCE = 30 * SECOND
"""Milliseconds that mail has to wait before a canary is sent after it."""
AGAIN = 15 * MINUTE
"""Milliseconds until an agent whose mail still waits gets the next canary."""
SHOWING = ("UserPromptSubmit", "PostToolBatch")
"""The events whose hook runs might have shown mail."""
THEIRS = ("inbox", "hook", "context")
"""Hops of a canary that are the agent's own: the others accuse the sentinel's own token, or the store of all."""


class Machine:
    """Looks at the agents of this machine. An agent whose home is elsewhere is left as its store knows it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._canaries: dict[str, tuple[Millis, str]] = {}

    def look(self, agent: Agent, facts: Facts) -> Facts:
        """The facts, and what is seen here. Nothing is looked at where no mail has waited for half a minute."""
        waits = facts.now - facts.oldest if facts.unread and facts.oldest is not None else -1
        if waits < PATIENCE or agent.slug not in homes.slugs(self._settings.home):
            return facts
        assert facts.oldest is not None
        # A program that takes its mail by itself would be handed the canary, as work.
        hooked = any(body.runtime not in BEATING for body in present(facts.bodies))
        broken = self._canary(agent.slug, facts.oldest, facts.now) if hooked else ""
        facts = facts.replace(failed=self._failed(agent.slug, facts.oldest), broken=broken)
        if not facts.broken and not facts.failed and waits < AGAIN:
            return facts
        return facts.replace(found=self._found(agent.slug, facts.now))

    def _found(self, slug: str, now: Millis) -> tuple[str, ...]:
        nobody = Watching(running=False, ways={}, troubles={})
        looked = examining.climb(self._settings, [Patient(self._settings, slug)], nobody, now, everything=True, deep=False)
        findings = [trouble.finding for each in looked for trouble in each.troubles]
        # What only warns may be the cause all the same: a config that is ignored, the last session of an agent that is gone.
        return tuple(each.code for each in sorted(findings, key=lambda each: each.severity != "critical"))

    def _canary(self, slug: str, oldest: Millis, now: Millis) -> str:
        """The hop of the agent's own at which the canary broke that was sent after the oldest message; empty where none did."""
        sent, broken = self._canaries.get(slug, (None, ""))
        if sent is None or sent < oldest or now - sent >= AGAIN:
            try:
                hop = hops.walk(self._settings.replace(session=None, agent=None, token=None), None, slug).broken
            except SosError:
                return ""  # it could not be sent: that accuses nobody
            broken = hop if hop in THEIRS else ""
            self._canaries[slug] = (now, broken)
        return broken

    def _failed(self, slug: str, oldest: Millis) -> int:
        """Hook runs since then that could not reach the bus, as they wrote into the agent's log."""
        try:
            with open(os.path.join(homes.path_of(self._settings.home, slug), "log"), encoding="ascii", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return 0
        words = [line.split(" ", 2) for line in lines]
        return sum(len(each) == 3 and each[1].rstrip(":") in SHOWING and (parse_iso(each[0]) or 0) > oldest for each in words)
