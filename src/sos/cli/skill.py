"""Skills: list them, find one by a word, or declare one of your own."""

from __future__ import annotations

import os

from sos.model import wire
from sos.model.errors import InvalidInput
from sos.model.forms import found_skill
from sos.model.skills import STATUSES, checked, declared, search

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from sos.cli.command import Command
    from sos.model.agents import Agent
    from sos.model.skills import FoundSkill, Skill

EXAMPLE = "sos skill find review"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos skill`."""
    parser.add_argument("what", choices=["list", "find", "add"])
    parser.add_argument("text", metavar="WORD", nargs="?", help="what to find, or the name of the skill to declare")
    parser.add_argument("--role", metavar="R", help="find: whose owner has this role")
    add = parser.add_argument_group("add", "what is left out is made from the name")
    add.add_argument("--file", metavar="PATH", help="the whole descriptor: a .toml file, a SKILL.md, or the folder of one")
    add.add_argument("--description", help="what the skill is good for")
    add.add_argument("--version", metavar="V", help="its version (default: 1.0.0)")
    add.add_argument(
        "--label", action="append", metavar="L", help="a class that it belongs to (may be repeated); find: that it has"
    )
    add.add_argument("--keyword", action="append", metavar="W", help="a word that it is found by (may be repeated)")
    add.add_argument("--input-schema", metavar="JSON", help="JSON Schema of what goes in; @PATH reads a file")
    add.add_argument("--output-schema", metavar="JSON", help="JSON Schema of what comes out; @PATH reads a file")
    add.add_argument("--entrypoint", metavar="WHERE", help="how it is called (default: agent:SLUG)")
    add.add_argument("--status", choices=STATUSES, help="active (default), deprecated or disabled")
    add.add_argument("--loading-level", type=int, choices=[1, 2, 3], help="1 metadata, 2 instructions, 3 resources")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    if given.what == "add" and not (given.text or given.file):
        raise InvalidInput("sos skill add needs a name, or --file", next_step=EXAMPLE)
    if given.what == "find" and not (given.text or given.label or given.role):
        raise InvalidInput("sos skill find needs a word, --label or --role", next_step=EXAMPLE)
    connection = command.connect()
    me = connection.myself().agent
    if given.what == "add":
        connection.put_skills(_from_file(given, me) if given.file else [_from_flags(given, me)])
    wanted = {"word": given.text or "", "tag": (given.label or [""])[0], "role": given.role or ""}
    found = search(connection.skills(), connection.peers(), me, **(wanted if given.what == "find" else {}))
    lines = [f"{each.skill.id:<24} {_owner(each):<36} {each.skill.project:<12} {each.skill.description}" for each in found]
    command.out("\n".join(lines) or "no skills", {"skills": [found_skill(each) for each in found]})
    return 0


def _owner(found: FoundSkill) -> str:
    return f"{found.skill.owner} ({found.role}, {found.presence}, {found.hearing})"


def _from_flags(given: argparse.Namespace, me: Agent) -> Skill:
    return checked(declared(given.text, me.slug, me.project).replace(**_given(given)))


def _from_file(given: argparse.Namespace, me: Agent) -> list[Skill]:
    """The skills of a file; flags beside it would be a second truth. Raises InvalidInput, NotFound."""
    from sos.core import descriptors

    if given.text or _given(given):
        raise InvalidInput("--file gives the whole descriptor: leave out the name and the other flags", next_step=EXAMPLE)
    place = os.path.join(given.file, "SKILL.md") if os.path.isdir(given.file) else given.file
    data = _contents(place)
    try:
        text = data.decode()
        if place.endswith(".toml"):
            return descriptors.from_toml(text, me.slug, me.project)
        return [descriptors.from_skill_md(text, me.slug, me.project)]
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{place} is not UTF-8 at byte {error.start}", next_step=EXAMPLE) from error
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error.message}", next_step=error.next_step) from error


def _contents(path: str) -> bytes:
    """What a file of the user's holds, up to 1 MiB. Raises InvalidInput."""
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", next_step=EXAMPLE) from error


def _given(given: argparse.Namespace) -> dict[str, Any]:
    """The fields of a descriptor that the flags name."""
    names = ("description", "version", "entrypoint", "status", "loading_level")
    fields: dict[str, Any] = {name: value for name in names if (value := getattr(given, name)) is not None}
    for name, words in (("labels", given.label), ("keywords", given.keyword)):
        if words is not None:
            fields[name] = tuple(words)
    for name in ("input_schema", "output_schema"):
        if (text := getattr(given, name)) is not None:
            fields[name] = _schema(f"--{name.replace('_', '-')}", text)
    return fields


def _schema(option: str, text: str) -> dict[str, Any]:
    """A JSON object, or with `@PATH` the one in a file. Raises InvalidInput."""
    step = f"""give a JSON object: {option} '{{"type": "object"}}', or {option} @PATH of a file that holds one"""
    try:
        made = wire.loads(_contents(text[1:]) if text.startswith("@") else text)
    except InvalidInput as error:
        raise InvalidInput(f"{option}: {error.message}", next_step=step) from error
    if not isinstance(made, dict):
        raise InvalidInput(f"{option}: a schema is a JSON object", next_step=step)
    return made
