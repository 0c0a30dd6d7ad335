"""Skills: what an agent can do, as a full descriptor. Partial ones are filled here, never sent half."""

from __future__ import annotations

from sos.model import wire
from sos.model.agents import Peer
from sos.model.errors import InvalidInput
from sos.model.names import label
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from sos.model.agents import Agent
    from sos.model.names import Slug

    SkillStatus = Literal["active", "deprecated", "disabled"]

MAX_DESCRIPTION = 1024
MAX_LINE = 128
MAX_WORDS = 32
MAX_SCHEMA = 16 * 1024
STATUSES: tuple[SkillStatus, ...] = ("active", "deprecated", "disabled")


class Skill(Record):
    """One skill of one agent. Nobody but its owner replaces it."""

    id: Slug
    name: str
    description: str
    owner: Slug
    project: str
    version: str = "1.0.0"
    #: JSON Schema (2020-12) of what goes in and comes out, as a mapping.
    input_schema: dict[str, Any] = {"type": "object"}  # a Record's default is never changed
    output_schema: dict[str, Any] = {"type": "object"}
    labels: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    entrypoint: str = ""
    status: SkillStatus = "active"
    #: 1 unvetted, 2 verified, 3 certified, 4 vendor. An agent never raises its own.
    trust_tier: int = 1
    #: 1 metadata, 2 instructions, 3 resources.
    loading_level: int = 1


class FoundSkill(Record):
    """A skill that a search found, and how its owner is."""

    skill: Skill
    role: str
    presence: str
    hearing: str


def search(
    skills: Sequence[Skill], peers: Sequence[Peer], me: Agent, *, word: str = "", tag: str = "", role: str = ""
) -> list[FoundSkill]:
    """Skills that hold a word, carry a label (`tag`) and whose owner has a role (the mesh's, or its own word for it).

    Those come first whose owner hears; those of who has left, and disabled ones, last.
    """
    own = Peer(agent=me, presence="unknown", hearing="unknown", skills=())  # who asks need not be told how it is
    owners = {peer.agent.slug: peer for peer in (*peers, own)}
    found = [
        FoundSkill(skill=skill, role=owner.agent.role, presence=owner.presence, hearing=owner.hearing)
        for skill in skills
        if (owner := owners.get(skill.owner)) is not None
        and word.lower() in "\n".join((skill.id, skill.name, skill.description, *skill.labels, *skill.keywords)).lower()
        and (not tag or tag in skill.labels)
        and (not role or role in {owner.agent.role, owner.agent.label})
    ]
    order = {"hearing": 0, "unknown": 1, "late": 2}
    return sorted(
        found, key=lambda each: (each.skill.status == "disabled", each.presence == "closed", order.get(each.hearing, 3))
    )


def declared(text: str, owner: Slug, project: str) -> Skill:
    """The full descriptor of a skill that was declared by its name alone. Raises InvalidInput."""
    made = label(text, "skill")
    words = tuple(word for word in made.split("-") if word)
    return Skill(
        id=made,
        name=text.strip(),
        description=f"{' '.join(words)}, by {owner}",
        owner=owner,
        project=project,
        keywords=words,
        entrypoint=f"agent:{owner}",
    )


def checked(skill: Skill) -> Skill:
    """The same skill, or InvalidInput where a field is out of its limits."""
    if not (0 < len(skill.description) <= MAX_DESCRIPTION and skill.description.isprintable()):
        raise InvalidInput(f"a skill needs a description of one line and at most {MAX_DESCRIPTION} characters")
    if not 1 <= skill.trust_tier <= 4 or not 1 <= skill.loading_level <= 3:
        raise InvalidInput("a skill's trust tier is 1 to 4, its loading level 1 to 3")
    lines = {"name": skill.name, "version": skill.version, "entrypoint": skill.entrypoint}
    for what, text in [
        *lines.items(),
        *(("label", each) for each in skill.labels),
        *(("keyword", each) for each in skill.keywords),
    ]:
        if not (len(text) <= MAX_LINE and text.isprintable()) or (not text and what != "entrypoint"):
            raise InvalidInput(f"a skill's {what} is one line of 1 to {MAX_LINE} printable characters")
    if max(len(skill.labels), len(skill.keywords)) > MAX_WORDS:
        raise InvalidInput(f"a skill has at most {MAX_WORDS} labels and as many keywords")
    if skill.status not in STATUSES:
        raise InvalidInput(f"a skill is {', '.join(STATUSES)}")
    for what, schema in (("input", skill.input_schema), ("output", skill.output_schema)):
        if len(wire.dumps(schema)) > MAX_SCHEMA:
            raise InvalidInput(f"a skill's {what} schema is a JSON object of at most {MAX_SCHEMA:,} characters")
    return skill
