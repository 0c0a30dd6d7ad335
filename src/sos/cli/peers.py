"""The other agents: who they are, what they can do, what they are doing, and whether they hear (their hook ran lately)."""

from __future__ import annotations

from sos.cli import forms
from sos.core.sending import hearing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.core.connection import LocalConnection
    from sos.model.agents import Agent
    from sos.model.times import Millis

EXAMPLE = "sos peers --json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos peers`."""
    parser.add_argument("--all", action="store_true", help="agents that have left as well")


def run(command: Command) -> int:
    """List."""
    connection = command.connect()
    now = connection.clock.now()
    agents = [agent for agent in connection.peers() if command.arguments.all or agent.status == "open"]
    values = [_form(connection, agent, now) for agent in agents]
    lines = [_line(value) for value in values]
    command.out("\n".join(lines) or "no other agents: sos join --name NAME --role ROLE", {"peers": values})
    return 0


def _form(connection: LocalConnection, agent: Agent, now: Millis) -> dict[str, object]:
    store = connection.store
    bodies = store.agents.bodies(agent.slug)
    presence = "closed" if agent.status == "closed" else bodies[0].presence if bodies else "unknown"
    skills = [skill.id for skill in connection.skills(agent.project, agent.slug) if skill.status == "active"]
    return {**forms.agent(agent), "presence": presence, "hearing": hearing(store, agent.slug, now), "skills": skills}


def _line(value: dict[str, object]) -> str:
    skills = value["skills"]
    said = ", ".join(skills) if isinstance(skills, list) else ""
    left = " (has left)" if value["status"] == "closed" else ""
    columns = f"{value['slug']:<24} {value['role']:<12} {value['project']:<16} {value['presence']:<8} {value['hearing']:<8}"
    return f"{columns} {said}{left}".rstrip()
