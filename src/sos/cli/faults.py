"""Break fresh stores of your own kind on purpose (kill -9, stopped processes, clock steps, torn files), and see what is lost."""

from __future__ import annotations

from sos.cli import output
from sos.testing.faults import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos faults --seed 7"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos faults`."""
    running.arguments(parser)


def run(command: Command) -> int:
    """Run the trials beside the user's store, which is not touched."""
    given = command.arguments
    result = running.run(command.settings, given.seed, given.trials, given.store, running.progress)
    command.out(result.table(), result.fields())
    if result.broken:
        output.remark(
            "sos: a promise was broken; please report the lines above\n     next: sos faults --seed " + str(result.seed)
        )
    return result.exit_code
