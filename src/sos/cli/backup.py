"""Copy the store while it is in use, list the copies, or put one back.

`restore` looks through the copy first, moves the store aside with its log, and puts the copy in its place under the store's lock.
That starts a new epoch, and agents notice. It refuses while another process has the store open.
"""

from __future__ import annotations

import os

from sos.model.errors import InvalidInput
from sos.model.times import iso
from sos.wiring.local import SystemClock, require_store, store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.stores.sqlite.restoring import Copy

EXAMPLE = "sos backup"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos backup`."""
    parser.add_argument("what", choices=["make", "list", "restore"], nargs="?", default="make")
    parser.add_argument(
        "file", nargs="?", help="restore: the copy that is put in the store's place; the old one is kept beside it"
    )
    parser.add_argument("--yes", action="store_true", help="restore: do it")
    parser.add_argument("--to", metavar="PATH", help="the file to write (default: a dated one in SOS_HOME/backups)")


def run(command: Command) -> int:
    """Copy, or list."""
    from sos.wiring import putting_back

    if (command.arguments.what == "restore") is not bool(command.arguments.file):
        raise InvalidInput("sos backup restore takes the file of a copy, and nothing else does", next_step="sos backup list")
    if command.arguments.what == "restore":
        return _restore(command, os.path.abspath(command.arguments.file))
    folder = os.path.join(command.settings.home, "backups")
    if command.arguments.what == "list":
        paths = putting_back.copies(command.settings)
        there = os.path.exists(store_path(command.settings))
        none = "no copies: sos backup" if there else f"no copies, and no store: {putting_back.way(command.settings)}"
        command.out("\n".join(paths) or none, {"backups": [{"id": path} for path in paths]})
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


def _restore(command: Command, source: str) -> int:
    from sos.stores.sqlite import restoring

    path = store_path(command.settings)
    if not os.path.exists(path):
        require_store(command.settings)
    if not command.arguments.yes:
        copy = restoring.look(source, path)
        command.out(
            f"{source} is sound and holds {_holds(copy)}. It would replace {path}; stop the agents first. Do it: add --yes",
            {"id": source, "store": path, "restored": False, "agents": copy.agents, "messages": copy.messages, "aside": []},
        )
        return 1
    stamp = iso(SystemClock().now()).replace(":", "").replace(".", "")
    done = restoring.restore(source, path, stamp)
    kept = f"the old one is kept: {', '.join(done.aside)}" if done.aside else "there was none"
    command.out(
        f"{path} is {source} now, with {_holds(done.copy)}; {kept}. What was sent since is lost, and agents are told so",
        {
            "id": source,
            "store": path,
            "restored": True,
            "agents": done.copy.agents,
            "messages": done.copy.messages,
            "aside": list(done.aside),
        },
    )
    return 0


def _holds(copy: Copy) -> str:
    until = f", the newest of {iso(copy.newest)}" if copy.newest is not None else ""
    return f"{copy.agents} agents and {copy.messages} messages{until}"
