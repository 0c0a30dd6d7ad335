"""Find agents that run and hear nothing, and tell: the agent itself, then a peer of its role that hears, then the operator.

Deaf is who has mail waiting and has missed two opportunities to show it, or has run no hook meanwhile: for 15 minutes at rest,
for 30 (--long-tool) at work. Nobody is by silence alone. Each is told once, until the agent hears again. Nothing is ended, and
where the sentinel's own loop is late, nobody is accused. It looks after the agents of the store on this machine; `sos serve` does
the same for its own.
"""

from __future__ import annotations

import signal
import threading

from sos.cli import output
from sos.model.errors import Conflict, InvalidInput, SosError
from sos.model.times import SECOND, iso, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from types import FrameType

    from sos.cli.command import Command
    from sos.ports import Store
    from sos.wiring.sentinel import Round

EXAMPLE = "sos sentinel --once"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos sentinel`."""
    parser.add_argument("what", choices=["run"], nargs="?", help="look every 30 seconds, until it is ended")
    parser.add_argument("--once", action="store_true", help="look now")
    parser.add_argument(
        "--long-tool", metavar="SPAN", default="30m", help="how long a tool of these agents may run (default: 30m)"
    )


def run(command: Command) -> int:
    """Look; 1 where an agent is deaf."""
    from sos.wiring import sentinel
    from sos.wiring.local import connect_here

    given = command.arguments
    if given.once == (given.what is not None):
        raise InvalidInput("sos sentinel takes --once or run", next_step=EXAMPLE)
    settings = command.settings
    if settings.url is not None:
        raise InvalidInput("SOS_URL names a server, whose own sentinel looks", next_step="unset SOS_URL, or see its log")
    store = connect_here(settings.replace(session=None, agent=None, token=None)).store
    lock = sentinel.lock(settings.home)
    if not lock.acquire():
        raise Conflict("a sentinel runs here already", next_step="see what it says: its own terminal, or the log of sos serve")
    try:
        watch = _Watch(command, store)
        return watch.once() if given.once else watch.run()
    finally:
        lock.close()


class _Watch:
    """Rounds over the store of this machine."""

    def __init__(self, command: Command, store: Store) -> None:
        from sos.doctor.hearing import Machine
        from sos.wiring.local import SystemClock

        self._command = command
        self._store = store
        self._clock = SystemClock()
        self._machine = Machine(command.settings)
        self._long_tool = parse_duration(command.arguments.long_tool)

    def once(self) -> int:
        """One round, as the answer."""
        found = self._look()
        for failure in found.failures:
            self._command.remark(f"sos: {failure}")
        self._command.out("\n".join(_lines(found)), _form(found))
        return 1 if found.cases else 0

    def run(self) -> int:
        """Round after round, saying what was told, until a signal ends it."""
        from sos.wiring.sentinel import EVERY, Pace

        ended = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ended.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
                signal.signal(number, end)
        pace = Pace(self._clock, EVERY / SECOND)
        while not ended.is_set():
            try:
                found = self._look(pace.late(), pace.awake)
                for line in (*_told(found), *found.failures):
                    output.remark(f"sos: {line}")
            except SosError as error:
                output.remark(f"sos: this round saw nothing: {error.message}; next: {error.next_step}")
            ended.wait(pace.rest())
        return 0

    def _look(self, lag: int = 0, awake: int = 0) -> Round:
        from sos.wiring import sentinel

        settings = self._command.settings
        return sentinel.look(
            settings.home,
            self._store,
            self._clock.now(),
            lag=lag,
            awake=awake,
            long_tool=self._long_tool,
            machine=self._machine.look,
            spelling=settings.global_stream,
            webhook=sentinel.webhook_of(settings),
        )


def _lines(found: Round) -> list[str]:
    from sos.core import hearing

    lines = []
    for slug, verdict in sorted(found.verdicts.items()):
        why = ""
        if verdict.alarm:
            what, step = hearing.said(slug, verdict)
            since = "" if verdict.since is None else f", since {iso(verdict.since)}"
            why = f"{what} ({verdict.cause or 'unknown'}{since}); next: {step}"
        lines.append(f"{slug:<24} {verdict.hearing:<8} {why}".rstrip())
    return [*lines, *_told(found)] or ["no agent here has a session"]


def _told(found: Round) -> list[str]:
    return [f"told {telling.to} ({telling.way}): {telling.text}" for telling in found.told]


def _form(found: Round) -> dict[str, object]:
    agents = [
        {
            "id": slug,
            "hearing": verdict.hearing,
            "cause": verdict.cause or None,
            "since": None if verdict.since is None else iso(verdict.since),
        }
        for slug, verdict in sorted(found.verdicts.items())
    ]
    told = [{"id": each.id, "to": each.to, "about": each.about, "way": each.way, "text": each.text} for each in found.told]
    return {"deaf": [case.agent for case in found.cases], "agents": agents, "told": told, "failures": list(found.failures)}
