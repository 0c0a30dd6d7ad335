"""Who acts here and why, the four answers that make an agent onboarded, and where it runs."""

from __future__ import annotations

import os

from sos.cli import forms
from sos.homes import home as homes
from sos.homes import processes
from sos.model.agents import presence_of
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.homes.undone import Undone

EXAMPLE = "sos whoami --as mumega-codecheck"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Say it; 1 where an answer is missing."""
    from sos.wiring.local import guide_path, who_am_i

    who = who_am_i(command.settings, command.arguments.as_agent)
    connection = command.connect()
    answers = connection.answers(guide_path(command.settings, connection.me))
    good = all(each.good for each in answers)
    lines = [f"{who.slug}, because of {who.why}"]
    lines += [f"{'✔' if each.good else '!'} {each.question} {each.answer}" for each in answers]
    lines += [f"  next: {each.next_step}" for each in answers if not each.good]
    left = _undone(homes.path_of(command.settings.home, who.slug))
    lines += [f"! left undone since {iso(each.since)}: {each.step}: {each.what}  next: {each.next_step}" for each in left]
    now = connection.clock.now()
    runs = [(body, presence_of(body, now)) for body in connection.myself().bodies if processes.is_here(body)]
    runs = [(body, presence) for body, presence in runs if presence not in {"closed", "gone"}]
    lines += [f"- {forms.runs(body, presence, now)}" for body, presence in runs]
    lines.append("onboarded" if good else "merely running: not onboarded")
    value = {
        **forms.agent(connection.me),
        "why": who.why,
        "onboarded": good,
        "answers": [each.fields() for each in answers],
        "runs": [{**forms.body(body), "presence": presence} for body, presence in runs],
        "undone": [{**each.fields(), "since": iso(each.since), "values": list(each.values)} for each in left],
    }
    command.out("\n".join(lines), value)
    return 0 if good else 1


def _undone(home: str) -> list[Undone]:
    if not os.path.lexists(os.path.join(home, "undone.json")):
        return []
    from sos.homes import undone  # where all is done, which is nearly always, a command starts without it

    return undone.load(home)
