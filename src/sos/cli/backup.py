"""Copy the store while it is in use, or list the copies. A copy that is put back starts a new epoch, and agents notice."""

from __future__ import annotations

import os

from sos.model.errors import InvalidInput
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos backup"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos backup`."""
    parser.add_argument("what", choices=["make", "list"], nargs="?", default="make")
    parser.add_argument("--to", metavar="PATH", help="the file to write (default: a dated one in SOS_HOME/backups)")


def run(command: Command) -> int:
    """Copy, or list."""
    folder = os.path.join(command.settings.home, "backups")
    if command.arguments.what == "list":
        names = sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []
        paths = [os.path.join(folder, name) for name in names if name.endswith(".db")]
        command.out("\n".join(paths) or "no copies: sos backup", {"backups": [{"id": path} for path in paths]})
        return 0
    from sos import files

    connection = command.connect()
    if command.arguments.to and not os.path.isdir(os.path.dirname(os.path.abspath(command.arguments.to))):
        raise InvalidInput(f"{command.arguments.to} is in no directory that exists", next_step=EXAMPLE)
    stamp = iso(connection.clock.now()).replace(":", "").replace(".", "")
    path = command.arguments.to or os.path.join(files.private_directory(folder), f"sos-{stamp}.db")
    size = connection.copy(path)
    command.out(f"copied to {path} ({size:,} bytes)", {"id": path, "bytes": size})
    return 0
