"""Squads of your project: who is in one, and putting agents in or out."""

from __future__ import annotations

from sos.core.access import allow_all
from sos.core.sending import unknown
from sos.model.errors import InvalidInput
from sos.model.names import address_name, label

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
    connection = command.connect()
    project = label(given.project, "project") if given.project else connection.me.project
    agents = connection.store.agents
    if given.what != "list":
        allow_all(connection.scopes)
    if given.what != "list" and not given.agents:
        raise InvalidInput(f"sos squad {given.what} needs a squad and agents", next_step=EXAMPLE)
    if given.squad is None:
        found = {agent.slug: list(agent.squads) for agent in agents.agents() if agent.project == project and agent.squads}
        text = "\n".join(f"{slug}: {', '.join(names)}" for slug, names in found.items()) or f"no squads in {project}"
        command.out(text, {"project": project, "agents": found})
        return 0
    squad = label(given.squad, "squad")
    for name in given.agents if given.what != "list" else []:
        agent = agents.agent(address_name(name))
        if agent is None:
            raise unknown(connection.store, name)
        if agent.project != project:
            step = f"sos squad {given.what} {squad} {agent.slug} --project {agent.project}"
            raise InvalidInput(f"{agent.slug} is in project {agent.project}, not {project}", next_step=step)
        agents.change_squad(project, squad, address_name(name), member=given.what == "add")
    members = list(agents.squad(project, squad))
    command.out(f"{squad} ({project}): {', '.join(members) or 'nobody'}", {"id": squad, "project": project, "members": members})
    return 0
