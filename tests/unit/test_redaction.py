"""No error repeats a token, whatever was given where a name, an id or a duration belongs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.errors import BadName, InvalidInput, SosError
from sos.model.ids import parse_id
from sos.model.messages import parse_deadline
from sos.model.names import address_name, label, slug
from sos.model.redaction import looks_like_token, redacted
from sos.model.times import parse_duration
from sos.model.tokens import KINDS, mint

OLDER = "sk-bus-kasra-0123456789abcdef"
KIND = st.sampled_from(sorted(KINDS))


def leaks(text: str, token: str) -> bool:
    """Whether 12 characters of a token's secret stand in a text, in any case."""
    secret = token.rpartition("_")[2].lower()
    return any(secret[place : place + 12] in text.lower() for place in range(len(secret) - 11))


@pytest.mark.promise("TOKEN-003")
@given(KIND, st.integers(30, 80), st.text(max_size=8), st.text(max_size=8))
def test_no_part_of_a_token_that_stands_in_a_text_is_left(kind: str, cut: int, before: str, after: str) -> None:
    token = mint(kind).text[:cut]  # type: ignore[arg-type]  # one of the kinds
    assert not leaks(redacted(f"{before} {token} {after} {token}!"), token)
    assert looks_like_token(before + token)


@pytest.mark.promise("TOKEN-003")
@pytest.mark.parametrize(
    "parse", [slug, address_name, parse_id, parse_duration, parse_deadline, lambda text: label(text, "squad")]
)
@pytest.mark.parametrize("cut", [None, 60, 45])
def test_a_token_in_the_wrong_place_is_refused_and_not_repeated(parse: Callable[[str], object], cut: int | None) -> None:
    for given_text in (mint("bus").text[:cut], mint("bus").text[:cut].lower(), f" {mint('reg').text[:cut]}"):
        with pytest.raises(InvalidInput) as refused:
            parse(given_text)
        assert not leaks(f"{refused.value} {refused.value!r} {refused.value.next_step}", given_text.strip())


@pytest.mark.promise("TOKEN-003")
def test_an_error_of_any_kind_holds_no_token_in_message_or_next_step() -> None:
    token = mint("sqd").text
    error = SosError(f"no agent {token!r} here ({OLDER})", next_step=f"sos join --name {token}")
    assert not leaks(f"{error} {error.args} {error.message} {error.next_step}", token)
    assert "0123456789" not in error.message
    assert error.message == "no agent 'sos_sqd_…' here (sk-bus-…"


@given(st.text())
def test_what_holds_no_token_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text
    assert not looks_like_token(text)


@pytest.mark.parametrize(
    "text",
    ["the prefix is sos_bus_, and a token follows it: 59 characters, base 62", "sk-bus-tokens", "sos-bus-monitor", "sos_bus_x"],
)
def test_prose_about_tokens_is_no_token(text: str) -> None:
    assert not looks_like_token(text)


@pytest.mark.parametrize("around", ["{}", "--token={}", "see\n{}\n", "x{}"])
def test_a_token_is_seen_anywhere_in_an_argument(around: str) -> None:
    assert looks_like_token(around.format(mint("adm").text))
    assert looks_like_token(around.format(OLDER))


def test_a_name_that_looks_like_a_token_gets_a_proposal_without_it() -> None:
    with pytest.raises(BadName) as refused:
        slug("sos_bus_" + "a" * 40)
    assert refused.value.next_step == "choose another, for example agent"
