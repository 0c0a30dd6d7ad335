"""What to do when stuck. Works with no store, no token, a broken store and a full disk."""

from __future__ import annotations

from sos.wiring import guiding

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos guide"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Print it, filled with what can be known without any service."""
    text, slug, remarks = guiding.text(lambda: command.settings, command.arguments.as_agent)
    for remark in remarks:
        command.remark(f"sos: {remark}")
    command.out(text, {"id": slug, "guide": text})
    return 0
