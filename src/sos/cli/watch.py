"""Receive for agents that do not run, and tell of mail those that are idle: one process of this machine for many agents.

`add AGENT -- PROGRAM` hands each message to a command, as one JSON object on its standard input. It is handed over when the
command exits with 0; else it comes again, five times at most, and then its sender is told. `add AGENT --notice WAY` leaves the
messages in the inbox, and says how many wait while the agent is idle. Nothing of a message is an argument, and no shell is run.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

from sos.cli import output
from sos.homes import home as homes
from sos.model.errors import Conflict, InvalidInput, NotFound
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug, address_name
from sos.model.times import iso, parse_duration
from sos.watch import rules, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from types import FrameType

    from sos.cli.command import Command
    from sos.watch.rules import Rule
    from sos.watch.state import Standing

EXAMPLE = "sos watch add mumega-codecheck --reply -- /usr/local/bin/review --from-stdin"
UNIT = "sos-watch"
TEST_SECONDS, TEST_LOOK = 20.0, 0.1
"""Seconds that a test message may take until its command has taken it, and between two looks whether it has."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos watch`."""
    parser.add_argument("what", choices=list(ACTIONS))
    parser.add_argument("words", metavar="WORD", nargs="*", help="the agent; add: then --, the program and its arguments")
    parser.add_argument("--notice", choices=rules.NOTICES, help="add: say that mail waits; hand nothing over")
    parser.add_argument("--reply", action="store_true", help="add: what the program prints is the answer")
    parser.add_argument("--timeout", metavar="SPAN", default="5m", help="add: how long one run may take (default: 5m)")
    parser.add_argument("--at-once", type=int, metavar="N", default=1, help="add: how many may run at once (default: 1)")
    parser.add_argument("--once", action="store_true", help="run: hand over what is due now, and end")


def run(command: Command) -> int:
    """Do it."""
    return ACTIONS[command.arguments.what](command)


def _agent(command: Command) -> Slug:
    given = command.arguments
    if len(given.words) != 1:
        raise InvalidInput(f"sos watch {given.what} needs one agent", next_step="sos watch list")
    return Slug(address_name(given.words[0]))


def _no_words(command: Command) -> None:
    if command.arguments.words:
        raise InvalidInput(f"sos watch {command.arguments.what} takes no more words", next_step=EXAMPLE)


def _add(command: Command) -> int:
    given = command.arguments
    needs = given.notice in {None, "command"}
    if not given.words or (needs and len(given.words) < 2):
        raise InvalidInput(f"sos watch add needs an agent{' and a program' if needs else ''}", next_step=EXAMPLE)
    argv = tuple(given.words[1:]) or (("codex",) if given.notice == "codex" else ())
    if argv:
        found = shutil.which(argv[0])
        if found is None:
            raise InvalidInput(f"there is no program {ascii(argv[0])[:200]}", next_step="give its path")
        argv = (os.path.abspath(found), *argv[1:])
    rule = rules.Rule(
        agent=Slug(address_name(given.words[0])),
        way=given.notice or "handover",
        argv=argv,
        directory=os.getcwd(),
        reply=given.reply,
        timeout=parse_duration(given.timeout) // 1000,
        at_once=given.at_once,
    )
    rules.save(command.settings.home, rule)
    runs = state.runs(command.settings.home)
    command.out(f"{_told(rule)}{'' if runs else '; not yet: sos watch run'}", {**_form(rule), "running": runs})
    return 0


def _remove(command: Command) -> int:
    slug = _agent(command)
    rules.remove(command.settings.home, slug)
    command.out(f"{slug} is no longer watched", {"id": slug, "watched": False})
    return 0


def _list(command: Command) -> int:
    _no_words(command)
    root, runs = command.settings.home, state.runs(command.settings.home)
    found = [rule for rule in (rules.load(root, slug) for slug in sorted(homes.slugs(root))) if rule is not None]
    told = "a watch runs here" if runs else "no watch runs here: sos watch run"
    text = "\n".join([*map(_told, found), told if found else f"no agent is watched: {EXAMPLE}"])
    command.out(text, {"running": runs, "rules": [_form(rule) for rule in found]})
    return 0


def _status(command: Command) -> int:
    from sos.cli import services
    from sos.wiring import units

    _no_words(command)
    settings = command.settings
    runs = state.runs(settings.home)
    found = state.load(settings.home) if runs else []
    unit = units.state(settings, UNIT)
    lines = ["a watch runs here" if runs else "no watch runs here: sos watch run"]
    for each in found:
        lines.append(f"{'!' if each.trouble or each.failing else '✔'} {each.agent}: {each.does or 'not watched'}")
        if each.since is not None:
            lines.append(f"  since {iso(each.since)}: {each.trouble}")
        if each.failed_at is not None:
            lines.append(f"  failed last at {iso(each.failed_at)}: {each.failed}")
    lines.append(f"as a service: {services.said(unit, 'sos watch install')}")
    value = {"running": runs, "agents": [_standing(each) for each in found], "service": services.form(UNIT, unit)}
    command.out("\n".join(lines), value)
    return 0 if runs and not any(each.trouble or each.failing for each in found) else 1


def _standing(each: Standing) -> dict[str, object]:
    since, at = each.since, each.failed_at
    return {**each.fields(), "since": since and iso(since), "failed_at": at and iso(at)}


def _install(command: Command) -> int:
    from sos.cli import services
    from sos.wiring import units

    _no_words(command)
    unit = units.of_command(command.settings, UNIT, "SOS, the agent lifeline: watch", ("watch", "run"), None)
    return services.install(command, unit, "it starts with your session, and again after a failure")


def _uninstall(command: Command) -> int:
    from sos.cli import services

    _no_words(command)
    return services.uninstall(command, UNIT)


def _test_send(command: Command) -> int:
    slug = _agent(command)
    rule = rules.load(command.settings.home, slug)
    if rule is None:
        raise NotFound(f"{slug} is not watched", next_step=EXAMPLE)
    rules.checked(rule)
    if rule.way == "handover":
        return _test_message(command, slug)
    from sos.watch import sessions, transports

    found = sessions.Sessions(command.settings, slug)
    holder = found.holder(found.connection().myself())
    transports.tell(rule, f"a test of sos watch for {slug}: sos inbox", holder)
    command.out(f"told by {rule.way}", {"id": slug, "way": rule.way, "told": True})
    return 0


def _test_message(command: Command, slug: Slug) -> int:
    """Send it a message like anybody's, and see whether its command takes it."""
    if not state.runs(command.settings.home):
        raise Conflict("no watch runs here that would hand a message over", next_step="sos watch run")
    connection = command.connect()
    begun = time.monotonic()
    made = connection.send(Draft(id=new_id(connection.clock.now()), to=slug, text="A test of sos watch.", kind="message"))
    while (taken := time.monotonic() - begun) < TEST_SECONDS:
        ((delivery, _),) = connection.trace(made.id).deliveries.values()
        if delivery.acked_at is not None:
            text = f"handed over after {taken * 1000:.0f} ms"
            command.out(text, {"id": made.id, "handed_over": True, "milliseconds": round(taken * 1000)})
            return 0
        time.sleep(TEST_LOOK)
    text = f"not handed over within {TEST_SECONDS:g} s: sos watch status; sos trace {made.id}"
    command.out(text, {"id": made.id, "handed_over": False})
    return 1


def _run(command: Command) -> int:
    from sos.watch.running import Watch

    _no_words(command)
    watch = Watch(command.settings, output.remark)
    if command.arguments.once:
        handed, failed = watch.once()
        text = "\n".join(f"{slug}: {count} handed over" for slug, count in handed.items())
        if not handed and not failed:
            text = f"no agent is watched: {EXAMPLE}"
        command.out(text, {"handed_over": handed, "failed": failed})
        return 1 if failed else 0
    lock = state.lock(command.settings.home)
    if not lock.acquire():
        raise Conflict("a watch runs here already", next_step="sos watch status")
    stopping = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, end)
    try:
        watch.run(stopping)
    finally:
        lock.close()
    return 0


def _told(rule: Rule) -> str:
    words = " ".join(map(ascii, rule.argv))
    if rule.way != "handover":
        return f"{rule.agent}: a notice by {rule.way}{f': {words}' if words else ''}"
    return f"{rule.agent}: {words}{', its output is the answer' if rule.reply else ''}"


def _form(rule: Rule) -> dict[str, object]:
    return {"id": rule.agent, **rule.fields(), "argv": list(rule.argv)}


ACTIONS: dict[str, Callable[[Command], int]] = {
    "add": _add,
    "list": _list,
    "remove": _remove,
    "run": _run,
    "status": _status,
    "test-send": _test_send,
    "install": _install,
    "uninstall": _uninstall,
}
