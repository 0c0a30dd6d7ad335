"""Show messages whole: by id, or everything unread. In its own session that is surfacing; elsewhere a look."""

from __future__ import annotations

from sos.cli import forms
from sos.model.ids import parse_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos read 01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos read`."""
    parser.add_argument("ids", metavar="ID", nargs="*", help="message ids; none: all unread")


def run(command: Command) -> int:
    """Show, flush, then mark."""
    connection = command.connect()
    entries = connection.read([parse_reference(each) for each in command.arguments.ids])
    now = connection.clock.now()
    text = "\n".join(forms.whole(entry, connection.me, now) for entry in entries) or "nothing unread"
    command.out(text, {"agent": connection.me.slug, "entries": [forms.entry(entry) for entry in entries]})
    connection.mark_read([entry for entry in entries if entry.delivery.unread])
    if not connection.own and entries:
        command.remark(f"(a look from outside: nothing was marked for {connection.me.slug})")
    return 0
