"""What a runtime runs at its events; the installed launcher does this faster. Reads the runtime's JSON on standard input."""

from __future__ import annotations

from sos.runtimes import HOOKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = 'echo \'{"session_id": "…", "hook_event_name": "UserPromptSubmit"}\' | sos hook'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The runtime and the event, as the launcher gives them."""
    parser.add_argument("runtime", nargs="?", choices=HOOKED, default="claude")
    parser.add_argument("event", nargs="?", default="")


def run(command: Command) -> int:
    """Run the hook."""
    from sos.hook.run import main

    return main([command.arguments.runtime, command.arguments.event])
