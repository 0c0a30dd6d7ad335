"""Give the slug back. The agent's record and messages stay; what is sent to it from now on is refused."""

from __future__ import annotations

from sos.model.errors import Forbidden
from sos.model.names import OPERATOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos leave --as mumega-codecheck --yes"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos leave`."""
    parser.add_argument("--yes", action="store_true", help="really leave")


def run(command: Command) -> int:
    """Leave."""
    connection = command.connect()
    if connection.me.slug == OPERATOR:
        raise Forbidden("the operator cannot leave", next_step="name the agent: sos leave --as AGENT --yes")
    if not command.arguments.yes:
        unread = connection.count("unread")
        said = f"{connection.me.slug} would leave with {unread} unread. Do it: add --yes"
        command.out(said, {"id": connection.me.slug, "status": "open", "unread": unread})
        return 1
    connection.leave()
    command.out(f"{connection.me.slug} has left", {"id": connection.me.slug, "status": "closed"})
    return 0
