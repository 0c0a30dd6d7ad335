"""The other agents: who they are and whether their hook ran lately."""

from __future__ import annotations

from sos.cli import forms
from sos.core.sending import hearing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos peers --json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos peers`."""
    parser.add_argument("--all", action="store_true", help="agents that have left as well")


def run(command: Command) -> int:
    """List."""
    connection = command.connect()
    now = connection.clock.now()
    agents = [agent for agent in connection.peers() if command.arguments.all or agent.status == "open"]
    heard = {agent.slug: hearing(connection.store, agent.slug, now) for agent in agents}
    lines = [
        f"{agent.slug:<24} {agent.role:<12} {agent.project:<16} {heard[agent.slug]}"
        + (" (has left)" if agent.status == "closed" else "")
        for agent in agents
    ]
    values = [{**forms.agent(agent), "hearing": heard[agent.slug]} for agent in agents]
    command.out("\n".join(lines) or "no other agents: sos join --name NAME --role ROLE", {"peers": values})
    return 0
