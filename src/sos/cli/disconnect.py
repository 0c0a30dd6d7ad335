"""Remove what connect wrote, exactly."""

from __future__ import annotations

from sos.runtimes import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos disconnect claude"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos disconnect`."""
    parser.add_argument("runtime", choices=NAMES)


def run(command: Command) -> int:
    """Disconnect."""
    from sos.wiring import connecting

    runtime = command.arguments.runtime
    removed = connecting.disconnect(command.settings, runtime)
    command.out("removed what connect wrote" if removed else "there was nothing of ours", {"id": runtime, "removed": removed})
    return 0
