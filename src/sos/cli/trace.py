"""The story of one message that you sent or received: every fact with its time, its body and its evidence."""

from __future__ import annotations

from sos.cli import forms
from sos.model.ids import parse_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos trace 01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos trace`."""
    parser.add_argument("id", metavar="ID", help="the message")


def run(command: Command) -> int:
    """Tell it."""
    story = command.connect().trace(parse_reference(command.arguments.id))
    command.out(forms.told(story), forms.story(story))
    return 0
