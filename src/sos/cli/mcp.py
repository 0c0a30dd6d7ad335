"""Serve the agent's tools over MCP on standard input and output: what a runtime starts for its model."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos mcp --as mumega-codecheck"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Serve until the input ends."""
    from sos.mcpstdio.loop import serve

    return serve(lambda: command.settings, command.arguments.as_agent)
