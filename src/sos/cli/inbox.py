"""List what waits in the inbox. Marks nothing."""

from __future__ import annotations

from sos.cli import forms
from sos.cli.command import limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos inbox --json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos inbox`."""
    parser.add_argument("--view", choices=["unread", "open", "pending", "dead", "recent"], default="unread")
    parser.add_argument("--limit", type=limit, default=50, metavar="N", help="at most N entries (default 50)")


def run(command: Command) -> int:
    """List."""
    given = command.arguments
    connection = command.connect()
    entries = connection.inbox(given.view, given.limit)
    now = connection.clock.now()
    counts = {view: connection.count(view) for view in ("unread", "open")}
    lines = [f"{connection.me.slug}: {counts['unread']} unread, {counts['open']} open requests"]
    lines += [forms.line(entry, now) for entry in entries]
    command.out("\n".join(lines), {"agent": connection.me.slug, **counts, "entries": [forms.entry(e) for e in entries]})
    return 0
