"""Send to everybody of your project, of a squad, or of all projects. Recipients are fixed now; late joiners get nothing."""

from __future__ import annotations

import time

from sos.model.errors import InvalidInput
from sos.model.ids import new_id, parse_id
from sos.model.messages import EVERYWHERE, Draft
from sos.model.names import label
from sos.model.times import Millis
from sos.model.work import Sending

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = 'sos broadcast --squad parsers "the grammar file moved"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos broadcast`."""
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--squad", metavar="S", help="only the members of this squad")
    whom.add_argument("--everywhere", action="store_true", help="the agents of all projects; only the operator may")
    parser.add_argument("--project", metavar="P", help="the operator: the agents, or the squad, of another project")
    parser.add_argument("--id", metavar="ID", help="your own message id (UUID), to send the same again safely")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="the text; - reads standard input")


def run(command: Command) -> int:
    """Broadcast, and print the receipt."""
    given = command.arguments
    now = Millis(time.time_ns() // 1_000_000)
    if given.everywhere and given.project:
        raise InvalidInput("--project or --everywhere, not both", next_step=EXAMPLE)
    draft = Draft(id=parse_id(given.id) if given.id else new_id(now), to="", text=command.text(given.text), kind="broadcast")
    squad = EVERYWHERE if given.everywhere else given.squad and label(given.squad, "squad")
    project = label(given.project, "project") if given.project else None
    return command.send(Sending(draft=draft, squad=squad, project=project))
