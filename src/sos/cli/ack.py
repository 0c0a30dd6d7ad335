"""Acknowledge messages: a request is closed without an answer."""

from __future__ import annotations

from sos.cli import forms
from sos.model.ids import parse_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos ack 01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos ack`."""
    parser.add_argument("--from", dest="sender", metavar="AGENT", help="who sent it, where several senders used one id")
    parser.add_argument("ids", metavar="ID", nargs="+", help="message ids")


def run(command: Command) -> int:
    """Acknowledge."""
    given = command.arguments
    entries = command.connect().ack([parse_reference(each) for each in given.ids], given.sender)
    text = "\n".join(f"{entry.message.id}  {forms.state(entry.delivery)}" for entry in entries)
    command.out(text, {"entries": [forms.entry(entry) for entry in entries]})
    return 0
