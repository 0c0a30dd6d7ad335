"""Answer a message of your inbox. Answering a request closes it."""

from __future__ import annotations

import time

from sos.model.ids import new_id, parse_id, parse_reference
from sos.model.messages import Draft
from sos.model.times import Millis
from sos.model.work import Sending

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = 'sos reply 01a20b4a-b6d8-7455-aa1d-55d6b6d6c693 "it is green"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos reply`."""
    parser.add_argument("--from", dest="sender", metavar="AGENT", help="who sent it, where several senders used one id")
    parser.add_argument("--id", metavar="NEW", help="your own id for the reply (UUID), to send the same again safely")
    parser.add_argument("answered", metavar="ID", help="the message that you answer")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="the text; - reads standard input")


def run(command: Command) -> int:
    """Reply, and print the receipt."""
    given = command.arguments
    now = Millis(time.time_ns() // 1_000_000)
    draft = Draft(id=parse_id(given.id) if given.id else new_id(now), to="", text=command.text(given.text))
    return command.send(Sending(draft=draft, answered=parse_reference(given.answered), sender=given.sender))
