"""Remove what connect wrote, exactly."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos disconnect claude"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos disconnect`."""
    parser.add_argument("runtime", choices=["claude"])


def run(command: Command) -> int:
    """Disconnect."""
    from sos.wiring import connecting

    removed = connecting.disconnect_claude(command.settings)
    command.out("removed the plugin" if removed else "there was no plugin of ours", {"id": "claude", "removed": removed})
    return 0
