"""Take the inbox over into this session: its messages are shown here from now on."""

from __future__ import annotations

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
    connection.take()
    command.out(
        f"{connection.me.slug}: this session holds the inbox now", {"id": connection.me.slug, "session": connection.session}
    )
    return 0
