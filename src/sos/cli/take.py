"""Take the inbox over into this session: its messages are shown here from now on."""

from __future__ import annotations

from sos.model.errors import NobodyHere

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos take"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Take it."""
    connection = command.connect()
    body = connection.store.agents.body(connection.session) if connection.session else None
    if body is None or body.agent != connection.me.slug:
        raise NobodyHere("only a running session that is bound to an agent can hold its inbox")
    connection.store.agents.hold(connection.session)
    command.out(f"{connection.me.slug}: this session holds the inbox now", {"id": connection.me.slug, "session": body.session})
    return 0
