"""Squads of your project: who is in one, and putting agents in or out."""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.names import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos squad add parsers mumega-codecheck"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos squad`."""
    parser.add_argument("what", choices=["list", "add", "remove"])
    parser.add_argument("squad", metavar="SQUAD", nargs="?", help="the squad (list: of all agents where it is left out)")
    parser.add_argument("agents", metavar="AGENT", nargs="*", help="agents to add or remove")
    parser.add_argument("--project", help="the project (default: yours)")


def run(command: Command) -> int:
    """Do it, and list the members."""
    given = command.arguments
    if given.what != "list" and not given.agents:
        raise InvalidInput(f"sos squad {given.what} needs a squad and agents", next_step=EXAMPLE)
    connection = command.connect()
    project = label(given.project, "project") if given.project else connection.me.project
    if given.squad is None:
        everybody = [connection.myself().agent, *(peer.agent for peer in connection.peers())]
        found = {agent.slug: list(agent.squads) for agent in everybody if agent.project == project and agent.squads}
        text = "\n".join(f"{slug}: {', '.join(found[slug])}" for slug in sorted(found)) or f"no squads in {project}"
        command.out(text, {"project": project, "agents": found})
        return 0
    squad = label(given.squad, "squad")
    if given.what == "list":
        members = connection.squad(squad, project)
    else:
        members = connection.change_squad(squad, given.agents, member=given.what == "add", project=project)
    command.out(f"{squad} ({project}): {', '.join(members) or 'nobody'}", {"id": squad, "project": project, "members": members})
    return 0
