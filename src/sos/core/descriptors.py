"""Skills from files: a TOML descriptor of ours, or the front matter of a `SKILL.md`. Texts in, full descriptors out.

A `SKILL.md` (https://agentskills.io/specification) begins with YAML between two lines `---`. We read the flat part of it: one
`key: value` a line, values plain or quoted, lists as `[a, b]` or as lines `- a`, texts folded with `>` or kept with `|`. What it
holds beside name, description, version and words is not ours, and is passed over.
"""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.skills import Skill, checked, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from sos.model.names import Slug

_TEXTS = frozenset(("name", "description", "version", "entrypoint", "status"))
_LISTS = frozenset(("labels", "keywords"))
_WHOLE = frozenset(("loading_level",))
_TABLES = frozenset(("input_schema", "output_schema"))
_STEP = "sos skill add --help"


def from_toml(text: str, owner: Slug, project: str) -> list[Skill]:
    """The skills of a TOML file: one at its top, or each `[[skill]]`. Raises InvalidInput with the line or the field."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"it is not TOML: {error}", next_step=_STEP) from error
    several = document.get("skill")
    if several is None:
        return [_made(document, owner, project)]
    if len(document) > 1 or not isinstance(several, list) or not several:
        raise InvalidInput("it holds one skill at its top, or only [[skill]] tables", next_step=_STEP)
    return [_made(each, owner, project) for each in several]


def from_skill_md(text: str, owner: Slug, project: str) -> Skill:
    """The skill that a `SKILL.md` describes. Raises InvalidInput."""
    given = _front_matter(text)
    known = {key: value for key, value in given.items() if key in {"name", "description", "version"}}
    words = [word for key in ("keywords", "tags") for word in given.get(key, ())]
    if words:
        known["keywords"] = words
    if "labels" in given:
        known["labels"] = given["labels"]
    return _made(known, owner, project).replace(loading_level=2)  # its body instructs


def _made(given: Mapping[str, Any], owner: Slug, project: str) -> Skill:
    name = given.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput("a skill needs a name", next_step=_STEP)
    fields: dict[str, Any] = {}
    for key, value in given.items():
        if key in _TEXTS and isinstance(value, str):
            fields[key] = " ".join(value.split()) if key == "description" else value
        elif key in _LISTS and isinstance(value, list) and all(isinstance(each, str) for each in value):
            fields[key] = tuple(value)
        elif (key in _WHOLE and type(value) is int) or (key in _TABLES and isinstance(value, dict)):
            fields[key] = value
        else:
            known = ", ".join(sorted(_TEXTS | _LISTS | _WHOLE | _TABLES))
            raise InvalidInput(
                f"{str(key)[:60]!a} is no field of a skill, or not of its form; there are {known}", next_step=_STEP
            )
    return checked(declared(name, owner, project).replace(**fields))


def _front_matter(text: str) -> dict[str, Any]:
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
        raise InvalidInput("it does not begin with front matter: name and description between two lines ---", next_step=_STEP)
    end = next(place for place, line in enumerate(lines[1:], 1) if line.strip() == "---")
    return dict(_entries(lines[1:end]))


def _entries(lines: list[str]) -> Iterator[tuple[str, Any]]:
    place = 0
    while place < len(lines):
        line, number = lines[place], place + 2
        place += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, rest = line.partition(":")
        if line[0] in " \t-" or not colon or (rest and not rest[0].isspace()):
            raise InvalidInput(f"line {number} of its front matter is not `key: value`", next_step=_STEP)
        inner = []
        while place < len(lines) and (not lines[place].strip() or lines[place][0] in " \t-"):
            inner.append(lines[place])
            place += 1
        yield key.strip(), _value(rest.strip(), inner, number)


def _value(text: str, inner: list[str], number: int) -> Any:
    """The value after a colon; `inner`: the lines under it that belong to it."""
    below = [line.strip() for line in inner if line.strip() and not line.lstrip().startswith("#")]
    if text[:1] in {">", "|"}:
        return (" " if text[0] == ">" else "\n").join(below)
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(each.strip(), number) for each in text[1:-1].split(",") if each.strip()]
    if not text and below and all(line.startswith("- ") for line in below):
        return [_scalar(line[2:].strip(), number) for line in below]
    if not text:
        return {}  # a mapping, which is not ours
    return _scalar(" ".join((text, *below)), number)


def _scalar(text: str, number: int) -> str:
    if text[:1] in {'"', "'"}:
        if len(text) < 2 or text[-1] != text[0]:
            raise InvalidInput(f"the quotes of line {number} of its front matter do not close", next_step=_STEP)
        inside = text[1:-1]
        return inside.replace("''", "'") if text[0] == "'" else inside.replace('\\"', '"').replace("\\\\", "\\")
    if text[:1] in {"&", "*", "!", "{", "@", "`"}:
        raise InvalidInput(
            f"line {number} of its front matter is YAML that is not read here: put the value in quotes", next_step=_STEP
        )
    return text.partition(" #")[0].rstrip()
