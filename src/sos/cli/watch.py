"""Receive for agents that do not run: one process of this machine hands each message to a command of the agent's.

The message comes as one JSON object on the command's standard input. It is handed over when the command exits with 0; else it
comes again, five times at most, and then its sender is told. Nothing of a message is ever an argument, and no shell is run.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading

from sos import files
from sos.cli import output
from sos.homes import home as homes
from sos.model.errors import Conflict, InvalidInput
from sos.model.names import Slug, address_name
from sos.model.times import parse_duration
from sos.watch import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from types import FrameType

    from sos.cli.command import Command
    from sos.watch.rules import Rule

EXAMPLE = "sos watch add mumega-codecheck --reply -- /usr/local/bin/review --from-stdin"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos watch`."""
    parser.add_argument("what", choices=["add", "list", "remove", "run"])
    parser.add_argument("words", metavar="WORD", nargs="*", help="add: the agent, then --, then the program and its arguments")
    parser.add_argument("--reply", action="store_true", help="add: what the program prints is the answer")
    parser.add_argument("--timeout", metavar="SPAN", default="5m", help="add: how long one run may take (default: 5m)")
    parser.add_argument("--at-once", type=int, metavar="N", default=1, help="add: how many may run at once (default: 1)")
    parser.add_argument("--once", action="store_true", help="run: hand over what is due now, and end")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    if given.what == "add":
        return _add(command)
    if given.what == "remove":
        if len(given.words) != 1:
            raise InvalidInput("sos watch remove needs one agent", next_step="sos watch list")
        slug = address_name(given.words[0])
        rules.remove(command.settings.home, slug)
        command.out(f"{slug} is no longer watched", {"id": slug, "watched": False})
        return 0
    if given.words:
        raise InvalidInput(f"sos watch {given.what} takes no more words", next_step=EXAMPLE)
    if given.what == "list":
        return _list(command)
    return _run(command)


def _add(command: Command) -> int:
    given = command.arguments
    if len(given.words) < 2:
        raise InvalidInput("sos watch add needs an agent and a program", next_step=EXAMPLE)
    slug, program = address_name(given.words[0]), given.words[1]
    found = shutil.which(program)
    if found is None:
        raise InvalidInput(f"there is no program {ascii(program)[:200]}", next_step="give its path")
    rule = rules.Rule(
        agent=Slug(slug),
        argv=(os.path.abspath(found), *given.words[2:]),
        directory=os.getcwd(),
        reply=given.reply,
        timeout=parse_duration(given.timeout) // 1000,
        at_once=given.at_once,
    )
    rules.save(command.settings.home, rule)
    runs = _is_running(command)
    command.out(f"{_told(rule)}{'' if runs else '; not yet: sos watch run'}", {**_form(rule), "running": runs})
    return 0


def _list(command: Command) -> int:
    root, runs = command.settings.home, _is_running(command)
    found = [rule for rule in (rules.load(root, slug) for slug in sorted(homes.slugs(root))) if rule is not None]
    state = "a watch runs here" if runs else "no watch runs here: sos watch run"
    text = "\n".join([*map(_told, found), state if found else f"no agent is watched: {EXAMPLE}"])
    command.out(text, {"running": runs, "rules": [_form(rule) for rule in found]})
    return 0


def _run(command: Command) -> int:
    from sos.watch.running import Watch

    watch = Watch(command.settings.home, output.remark)
    if command.arguments.once:
        handed, failed = watch.once()
        text = "\n".join(f"{slug}: {count} handed over" for slug, count in handed.items())
        if not handed and not failed:
            text = f"no agent is watched: {EXAMPLE}"
        command.out(text, {"handed_over": handed, "failed": failed})
        return 1 if failed else 0
    lock = _lock(command)
    if not lock.acquire():
        raise Conflict("a watch runs here already", next_step="sos watch list")
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


def _lock(command: Command) -> files.Lock:
    return files.Lock(os.path.join(files.private_directory(os.path.join(command.settings.home, "run")), "watch.lock"), 0.1)


def _is_running(command: Command) -> bool:
    lock = _lock(command)
    free = lock.acquire()
    if free:
        lock.close()
    return not free


def _told(rule: Rule) -> str:
    return f"{rule.agent}: {' '.join(map(ascii, rule.argv))}{', its output is the answer' if rule.reply else ''}"


def _form(rule: Rule) -> dict[str, object]:
    return {"id": rule.agent, **rule.fields(), "argv": list(rule.argv)}
