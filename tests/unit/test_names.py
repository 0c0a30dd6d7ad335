"""Names and slugs: one idempotent rule, and no surprise mapped onto a clean name."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.errors import BadName, ReservedName
from sos.model.names import MAX_LENGTH, RESERVED, address_name, label, slug

SLUG = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
NAMES = (
    st.text(alphabet=st.characters(codec="ascii"), max_size=70)
    | st.text(alphabet=string.ascii_letters + string.digits + " ._-", max_size=70)
    | st.text(max_size=70)
)


def suggestion_of(error: BadName) -> str:
    return error.next_step.rsplit(" ", 1)[1]


def by_the_sentence(name: str) -> str:
    """The rule as the design words it, with the regular expressions that the lean module cannot afford."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@pytest.mark.promise("NAME-001", "NAME-002")
@given(NAMES)
def test_a_name_has_one_slug_that_is_its_own_or_is_refused_with_a_free_one(name: str) -> None:
    try:
        made = slug(name)
    except BadName as error:
        proposal = suggestion_of(error)
        assert slug(proposal) == proposal  # every refusal carries a name that works
        return
    assert SLUG.fullmatch(made)
    assert slug(made) == made == by_the_sentence(name)
    assert label(name, "project") == address_name(name) == made


@pytest.mark.promise("NAME-001")
@given(st.from_regex(SLUG, fullmatch=True).filter(lambda name: name not in RESERVED and "--" not in name))
def test_a_slug_is_never_refused(name: str) -> None:
    assert slug(name) == name


@pytest.mark.promise("NAME-001")
@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Alpha.Codex", "alpha-codex"),
        ("mumega.codecheck", "mumega-codecheck"),
        (" A__b ", "a-b"),
        ("my_agent", "my-agent"),
        ("Alpha Room", "alpha-room"),
        ("-a-b-", "a-b"),
        ("a1", "a1"),
        ("a@b:c", "a-b-c"),
        ("x" * MAX_LENGTH, "x" * MAX_LENGTH),
    ],
)
def test_acceptance_cases(name: str, made: str) -> None:
    assert slug(name) == made


@pytest.mark.promise("NAME-002")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("\t\n", "empty"),
        ("...", "paths"),
        ("_._", "at least 2"),
        ("-", "at least 2"),
        ("a", "at least 2"),
        ("7up", "letter first"),
        ("mumega.c\u043edecheck", "ASCII"),  # Cyrillic o
        ("\u212aasra", "ASCII"),  # the Kelvin sign, which lower() makes a k
        ("\u017fystem", "ASCII"),  # long s, which NFKC makes an s
        ("\uff4basra", "ASCII"),  # full-width k
        ("kasra\u200b", "ASCII"),  # zero-width space
        ("kasra\u202e", "ASCII"),  # right-to-left override
        ("ka\u0301sra", "ASCII"),  # combining accent
        ("агент", "ASCII"),
        ("../../etc", "paths"),
        ("a..b", "paths"),
        ("a/b", "paths"),
        ("a\\b", "paths"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\x1b[31m", "control"),
        ("a\x7fb", "control"),
        ("x" * (MAX_LENGTH + 1), "longer than 63"),
    ],
)
def test_what_could_surprise_is_refused_before_any_mapping(name: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason) as refused:
        slug(name)
    assert slug(suggestion_of(refused.value))
    assert refused.value.message.isascii()
    assert refused.value.message.isprintable()


@pytest.mark.promise("NAME-002")
@pytest.mark.parametrize("word", sorted(RESERVED))
@pytest.mark.parametrize("written", ["{}", " {} ", ".{}", "-{}-"])
def test_reserved_words_are_refused_however_written(word: str, written: str) -> None:
    for name in (written.format(word), written.format(word.upper())):
        with pytest.raises(ReservedName) as refused:
            slug(name)
        assert slug(suggestion_of(refused.value)) == f"{word}-agent"


def test_the_operator_can_be_written_to_and_a_project_may_use_a_word_reserved_for_agents() -> None:
    assert address_name("Operator") == "operator"
    assert label("global", "project") == "global"
    with pytest.raises(BadName, match="cannot be a squad"):
        label("a/b", "squad")
