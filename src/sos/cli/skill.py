"""Skills: list them, find one by a word, or declare one of your own."""

from __future__ import annotations

from sos.core.access import allow_all
from sos.model.errors import InvalidInput
from sos.model.skills import checked, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.skills import Skill

EXAMPLE = "sos skill find review"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos skill`."""
    parser.add_argument("what", choices=["list", "find", "add"])
    parser.add_argument("text", metavar="WORD", nargs="?", help="what to find, or the name of the skill to declare")
    parser.add_argument("--description", help="what the skill is good for (add)")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    if given.what != "list" and not given.text:
        raise InvalidInput(f"sos skill {given.what} needs a word", next_step=EXAMPLE)
    connection = command.connect()
    if given.what == "add":
        allow_all(connection.scopes)
        made = declared(given.text, connection.me.slug, connection.me.project)
        made = made.replace(description=given.description) if given.description else made
        connection.store.skills.put([checked(made)])
    found = [skill for skill in connection.skills() if given.what == "list" or _matches(skill, given.text)]
    lines = [f"{skill.id:<24} {skill.owner:<24} {skill.project:<12} {skill.description}" for skill in found]
    values = [{**skill.fields(), "labels": list(skill.labels), "keywords": list(skill.keywords)} for skill in found]
    command.out("\n".join(lines) or "no skills", {"skills": values})
    return 0


def _matches(skill: Skill, word: str) -> bool:
    wanted = word.lower()
    return any(wanted in part.lower() for part in (skill.id, skill.name, skill.description, *skill.labels, *skill.keywords))
