"""Mend the config files of runtimes: show what is broken and what would be written, and write it when you say so.

A key that is complete in the broken file is never lost. Where a file was cut off, the runtime's newest backup that parses is laid
under what was saved. The broken file is kept first, byte by byte, below SOS_HOME.
"""

from __future__ import annotations

import glob
import os
import shlex
import sys

from sos.cli import output
from sos.model.configs import DIALECTS, Config
from sos.model.errors import InvalidInput, SosError
from sos.recovery import repair
from sos.runtimes import configs
from sos.wiring import originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from sos.cli.command import Command
    from sos.recovery.repair import Plan

EXAMPLE = "sos repair ~/.claude.json"
MOST_NAMES = 12
"""Keys that are named one by one in a line for people."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos repair`."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="a config file (default: all that are known)")
    parser.add_argument("--runtime", choices=list(configs.RUNTIMES), help="the files of one runtime")
    parser.add_argument("--dialect", choices=DIALECTS, help="how FILE is written, where its name does not say it")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 if anything is broken")
    parser.add_argument("--yes", action="store_true", help="write without asking")


def run(command: Command) -> int:
    """Look, show, and mend."""
    chosen = _chosen(command)
    told: list[dict[str, Any]] = []
    code = 0
    for config in chosen:
        try:
            entry, broken = _one(command, config)
        except SosError as error:
            if len(chosen) == 1:
                raise
            entry = {"path": config.path, "runtime": config.runtime, "state": "refused", "error": error.code,
                     "message": error.message, "next": error.next_step}  # fmt: skip
            broken = error.exit_code
            _say(command, f"refused  {config.path}: {error.message}\n  next: {error.next_step}")
        code = code or broken
        told.append(entry)
    if command.json:
        command.out("", {"files": told, "broken": sum(entry["state"] not in {"sound", "mended"} for entry in told)})
    elif not chosen:
        output.answer(f"no config file of {command.arguments.runtime or 'any known runtime'} is here")
    return code


def _chosen(command: Command) -> list[Config]:
    given = command.arguments
    settings = command.settings
    places = settings.places(os.getcwd())
    if given.file is None:
        if given.dialect is not None:
            raise InvalidInput("--dialect is of one FILE", next_step="sos repair FILE --dialect jsonc")
        return configs.known(places, given.runtime)
    if given.runtime is not None:
        raise InvalidInput("a FILE or --runtime, not both", next_step="sos repair FILE")
    found = configs.named(given.file, places)
    if given.dialect is not None:
        found = found or Config(runtime="", title="", path=given.file, dialect=given.dialect, broken="closed")
        found = found.replace(dialect=given.dialect)
    if found is None:
        raise InvalidInput(f"{given.file} does not say how it is written", next_step="sos repair FILE --dialect json")
    return [found]


def _one(command: Command, config: Config) -> tuple[dict[str, Any], int]:
    """Look at one file; what is told of it, and 1 where it stays broken."""
    ours = glob.escape(originals.written(command.settings.home, config.runtime, config.path))
    made = repair.plan(config.replace(backups=(*config.backups, ours)))
    entry: dict[str, Any] = {
        "path": config.path, "runtime": config.runtime, "state": made.state, "effect": _effect(made), "problems": made.problems,
        "unsaved": made.unsaved, "backup": made.base, "added": made.added, "conflicts": made.conflicts, "diff": made.diff,
    }  # fmt: skip
    _say(command, _text(made))
    if made.state != "mendable" or command.arguments.check:
        return entry, int(made.state != "sound")
    if not command.arguments.yes and not _wanted(command):
        _say(command, f"  nothing was written; to write it: sos repair --yes {shlex.quote(config.path)}")
        return entry, 1
    kept = repair.apply(made, command.settings.home, command.remark)
    _say(command, f"  mended; what was there is kept: {kept}")
    return {**entry, "state": "mended", "effect": "", "kept": kept}, 0


def _wanted(command: Command) -> bool:
    if command.json or sys.stdin is None or not sys.stdin.isatty():
        return False
    command.remark("Write it? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _say(command: Command, text: str) -> None:
    if not command.json:
        output.answer(text)


def _effect(made: Plan) -> str:
    """What it means for the runtime that a file is broken."""
    config = made.config
    if made.state == "sound" or not config.title:
        return ""
    if config.broken == "ignored":
        return f"{config.title} starts as always and ignores the whole file: hooks, permissions and all else in it do not count"
    return f"{config.title} does not open until it is mended"


def _text(made: Plan) -> str:
    config = made.config
    if made.state == "sound":
        return f"sound    {config.path}"
    kind = "ignored" if config.title and config.broken == "ignored" else "broken"
    lines = [f"{kind:<8} {config.path}", *(f"  {what}" for what in (_effect(made), *made.problems) if what)]
    if made.state == "lost":
        lines.append("  Nothing of it can be saved, and no backup of it parses. Nothing was written.")
        then = f"without it, {config.title}: {config.without}" if config.title else "its program may make a new one"
        return "\n".join([*lines, f"  next: put a copy back, or move it away ({then})"])
    if made.unsaved:
        lines.append(f"  cut off, and not saved: {_names(made.unsaved)}")
    if made.base is not None:
        lines.append(f"  laid under it: {made.base}")
    if made.added:
        lines.append(f"  added from there: {_names(made.added)}" if made.base else f"  added: {_names(made.added)}")
    lines += [f"  conflict: {conflict}" for conflict in made.conflicts]
    return "\n".join([*lines, *(f"    {line}" for line in made.diff.split("\n"))])


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
