"""Skills from files: what is understood, and what is refused with its place."""

from __future__ import annotations

import pytest

from sos.core.descriptors import from_skill_md, from_toml
from sos.model.agents import Agent, Peer
from sos.model.errors import InvalidInput
from sos.model.names import Slug
from sos.model.skills import Skill, declared, search
from sos.model.times import Millis

AA = Slug("aa")

TOML = """
name = "Code review"
description = "reads code, and says what it thinks"
version = "2.1"
labels = ["review"]
keywords = ["parser", "python"]
entrypoint = "agent:aa#review"
status = "active"
loading_level = 3
[input_schema]
type = "object"
required = ["path"]
"""
SKILL_MD = """\ufeff---
# of the Agent Skills kind
name: pdf-forms
description: >
  Fills PDF forms:
  "all" of them. # no comment here
license: Apache-2.0
metadata:
  author: somebody
  nested: {deep: 1}
tags:
  - pdf
  - 'it''s'
labels: [forms, "a b"]
version: "1.2"
---
# Instructions
name: not this
"""


@pytest.mark.promise("SQUAD-004")
def test_a_toml_descriptor_gives_every_field() -> None:
    (skill,) = from_toml(TOML, AA, "p")
    assert skill == Skill(
        id=Slug("code-review"), name="Code review", description="reads code, and says what it thinks", owner=AA, project="p",
        version="2.1", labels=("review",), keywords=("parser", "python"), entrypoint="agent:aa#review", loading_level=3,
        input_schema={"type": "object", "required": ["path"]},
    )  # fmt: skip
    assert [each.id for each in from_toml('[[skill]]\nname = "one"\n[[skill]]\nname = "two"', AA, "p")] == ["one", "two"]


@pytest.mark.promise("SQUAD-004")
def test_the_front_matter_of_a_skill_md_gives_a_skill() -> None:
    skill = from_skill_md(SKILL_MD, AA, "p")
    assert skill == Skill(
        id=Slug("pdf-forms"), name="pdf-forms", description='Fills PDF forms: "all" of them. # no comment here', owner=AA,
        project="p", version="1.2", labels=("forms", "a b"), keywords=("pdf", "it's"), entrypoint="agent:aa", loading_level=2,
    )  # fmt: skip
    folded = from_skill_md("---\r\nname: one # two\r\ndescription: begins\r\n  and goes on\r\n---\r\n", AA, "p")
    assert (folded.name, folded.description) == ("one", "begins and goes on")


@pytest.mark.promise("SQUAD-004")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "it is not TOML"),
        ('version = "1"', "needs a name"),
        ('name = "xx"\ntrust_tier = 4', "'trust_tier' is no field"),
        ('name = "xx"\nlabels = "no list"', "'labels' is no field of a skill, or not of its form"),
        ('name = "xx"\nloading_level = true', "'loading_level'"),
        ('name = "xx"\nowner = "bb"', "'owner'"),
        ("skill = 1", "one skill at its top"),
        ('name = "xx"\ndescription = "\\u001b"', "description of one line"),
    ],
)
def test_a_wrong_toml_descriptor_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        from_toml(text, AA, "p")


@pytest.mark.promise("SQUAD-004")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# no front matter", "does not begin with front matter"),
        ("---\nname: xx\n", "does not begin with front matter"),
        ("---\ndescription: x\n---", "needs a name"),
        ("---\n  name: xx\n---", "line 2 of its front matter is not"),
        ("---\nname: xx\nnonsense\n---", "line 3 of its front matter is not"),
        ("---\nname: 'x\n---", "the quotes of line 2"),
        ("---\nname: *anchor\n---", "line 2 of its front matter is YAML that is not read here"),
        ("---\nname: [a, b]\n---", "needs a name"),
        ("---\nname: xx\nlabels: plain\n---", "'labels'"),
    ],
)
def test_a_wrong_skill_md_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        from_skill_md(text, AA, "p")


def agent(slug: str, role: str, label: str) -> Agent:
    return Agent(slug=Slug(slug), name=slug, role=role, label=label, project="p", joined_at=Millis(0))  # type: ignore[arg-type]


@pytest.mark.promise("SQUAD-003")
def test_a_search_finds_by_word_label_and_role_and_puts_first_who_hears() -> None:
    me = agent("aa", "executor", "builder")
    people = [("bb", "specialist", "qa", "unknown"), ("cc", "specialist", "reviewer", "hearing"), ("dd", "medic", "sre", "late")]
    peers = [Peer(agent=agent(*each[:3]), presence="idle", hearing=each[3], skills=()) for each in people]
    skills = [declared(f"review {slug}", Slug(slug), "p").replace(labels=("code",)) for slug in ("aa", "bb", "cc", "dd", "gone")]
    skills[3] = skills[3].replace(labels=("text",))

    def found(**wanted: str) -> list[str]:
        return [each.skill.owner for each in search(skills, peers, me, **wanted)]

    assert found() == ["cc", "aa", "bb", "dd"]
    assert found(word="REVIEW-B") == ["bb"]
    assert found(tag="code") == ["cc", "aa", "bb"]
    assert found(role="specialist") == ["cc", "bb"]
    assert found(role="qa", word="review") == ["bb"]
    assert found(word="nothing") == []
    skills[2] = skills[2].replace(status="disabled")
    assert found() == ["aa", "bb", "dd", "cc"]
    assert [each.hearing for each in search(skills, peers, me, role="medic")] == ["late"]
