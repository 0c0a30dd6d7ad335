"""Send a message to an agent. It is on disk when the receipt is printed; `sos trace ID` says how far it came."""

from __future__ import annotations

import time

from sos.core.sending import deadline_for
from sos.model.ids import new_id, parse_id
from sos.model.messages import Draft
from sos.model.times import Millis, parse_duration
from sos.model.work import Sending

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = 'sos send --request --deadline 5m kasra "is the build green?"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos send`."""
    parser.add_argument("--request", action="store_true", help="an answer is expected")
    parser.add_argument("--deadline", metavar="SPAN", help="critical (30 s), routine (60 s), or a duration like 5m")
    parser.add_argument("--expires", metavar="SPAN", help="not worth showing after this duration")
    parser.add_argument("--thread", metavar="ID", help="the conversation that it belongs to")
    parser.add_argument("--id", metavar="ID", help="your own message id (UUID), to send the same again safely")
    parser.add_argument("to", metavar="TO", help="the agent")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="the text; - reads standard input")


def run(command: Command) -> int:
    """Send, and print the receipt."""
    given = command.arguments
    now = Millis(time.time_ns() // 1_000_000)
    kind = "request" if given.request else "message"
    draft = Draft(
        id=parse_id(given.id) if given.id else new_id(now),
        to=given.to,
        text=command.text(given.text),
        kind="request" if given.request else "message",
        thread=given.thread,
        deadline_in=deadline_for(kind, given.deadline),
        expires_in=parse_duration(given.expires) if given.expires else None,
    )
    return command.send(Sending(draft=draft))
