"""Skills: list them, find one by a word, or declare one of your own."""

from __future__ import annotations

from sos.model import wire
from sos.model.errors import InvalidInput
from sos.model.skills import STATUSES, checked, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from sos.cli.command import Command
    from sos.model.skills import Skill

EXAMPLE = "sos skill find review"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos skill`."""
    parser.add_argument("what", choices=["list", "find", "add"])
    parser.add_argument("text", metavar="WORD", nargs="?", help="what to find, or the name of the skill to declare")
    add = parser.add_argument_group("add", "what is left out is made from the name")
    add.add_argument("--description", help="what the skill is good for")
    add.add_argument("--version", metavar="V", help="its version (default: 1.0.0)")
    add.add_argument("--label", action="append", metavar="L", help="a class that it belongs to (may be repeated)")
    add.add_argument("--keyword", action="append", metavar="W", help="a word that it is found by (may be repeated)")
    add.add_argument("--input-schema", metavar="JSON", help="JSON Schema of what goes in; @PATH reads a file")
    add.add_argument("--output-schema", metavar="JSON", help="JSON Schema of what comes out; @PATH reads a file")
    add.add_argument("--entrypoint", metavar="WHERE", help="how it is called (default: agent:SLUG)")
    add.add_argument("--status", choices=STATUSES, help="active (default), deprecated or disabled")
    add.add_argument("--loading-level", type=int, choices=[1, 2, 3], help="1 metadata, 2 instructions, 3 resources")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    if given.what != "list" and not given.text:
        raise InvalidInput(f"sos skill {given.what} needs a word", next_step=EXAMPLE)
    connection = command.connect()
    if given.what == "add":
        made = declared(given.text, connection.me.slug, connection.me.project)
        connection.put_skills([checked(made.replace(**_given(given)))])
    found = [skill for skill in connection.skills() if given.what == "list" or _matches(skill, given.text)]
    lines = [f"{skill.id:<24} {skill.owner:<24} {skill.project:<12} {skill.description}" for skill in found]
    values = [{**skill.fields(), "labels": list(skill.labels), "keywords": list(skill.keywords)} for skill in found]
    command.out("\n".join(lines) or "no skills", {"skills": values})
    return 0


def _given(given: argparse.Namespace) -> dict[str, Any]:
    """The fields of a descriptor that the flags name."""
    names = ("description", "version", "entrypoint", "status", "loading_level")
    fields: dict[str, Any] = {name: value for name in names if (value := getattr(given, name)) is not None}
    for name, words in (("labels", given.label), ("keywords", given.keyword)):
        if words is not None:
            fields[name] = tuple(words)
    for name in ("input_schema", "output_schema"):
        if (text := getattr(given, name)) is not None:
            fields[name] = _schema(text)
    return fields


def _schema(text: str) -> dict[str, Any]:
    """A JSON object, or with `@PATH` the one in a file. Raises InvalidInput."""
    data: str | bytes = text
    if text.startswith("@"):
        try:
            with open(text[1:], "rb") as file:
                data = file.read(1 << 20)
        except OSError as error:
            raise InvalidInput(f"{text[1:]} cannot be read: {error.strerror}", next_step=EXAMPLE) from error
    made = wire.loads(data)
    if not isinstance(made, dict):
        raise InvalidInput("a schema is a JSON object", next_step=EXAMPLE)
    return made


def _matches(skill: Skill, word: str) -> bool:
    wanted = word.lower()
    return any(wanted in part.lower() for part in (skill.id, skill.name, skill.description, *skill.labels, *skill.keywords))
