"""Serve the agent's tools over MCP on standard input and output: what a runtime starts for its model."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from sos.cli.command import Command
    from sos.settings import Settings

EXAMPLE = "sos mcp --as mumega-codecheck"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Serve until the input ends."""
    from sos.mcpstdio.loop import serve

    return serve(lambda: command.settings_now(), command.arguments.as_agent, _examine)


def _examine(settings: Settings, named: str | None) -> dict[str, Any]:
    from sos.cli import doctor  # where a tool asks for it

    return doctor.examined(settings, named)
