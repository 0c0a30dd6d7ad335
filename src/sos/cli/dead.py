"""Dead letters of your inbox: list them, show one, give them another life, or drop them."""

from __future__ import annotations

from sos.cli import forms
from sos.model.errors import InvalidInput
from sos.model.ids import parse_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos dead requeue 01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos dead`."""
    parser.add_argument("what", choices=["list", "show", "requeue", "drop"])
    parser.add_argument("ids", metavar="ID", nargs="*", help="message ids (not for list)")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    connection = command.connect()
    ids = [parse_reference(each) for each in given.ids]
    if given.what != "list" and not ids:
        raise InvalidInput(f"sos dead {given.what} needs message ids", next_step="sos dead list")
    if given.what == "requeue":
        entries = connection.requeue(ids)
    elif given.what == "drop":
        entries = connection.drop(ids)
    else:
        entries = connection.read(ids) if ids else connection.dead(100)
    now = connection.clock.now()
    if given.what == "show":
        text = "\n".join(forms.whole(entry, connection.me, now) for entry in entries)
    else:
        text = "\n".join(f"{forms.line(entry, now)}  {entry.delivery.reason}" for entry in entries) or "no dead letters"
    command.out(text, {"agent": connection.me.slug, "entries": [forms.entry(entry) for entry in entries]})
    return 0
