"""Tokens: their form, that no changed character passes, and that no printed form shows the secret."""

from __future__ import annotations

import os
import re
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.digests import sha256
from sos.model.errors import TokenDamaged, TokenWrongKind
from sos.model.names import Slug
from sos.model.redaction import looks_like_token
from sos.model.times import Millis
from sos.model.tokens import (
    KINDS,
    SERVICES,
    Token,
    TokenRecord,
    mint,
    parse_token,
    require_kind,
)

if TYPE_CHECKING:
    from sos.model.tokens import Kind

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
EVERY_KIND = st.sampled_from(sorted(KINDS))


def secret_of(token: Token) -> str:
    return token.text.split("_")[2][10:53]


def shows_secret(text: str, token: Token) -> bool:
    """Whether 6 characters of the secret or more stand in a text."""
    secret = secret_of(token)
    return any(secret[start : start + 6] in text for start in range(len(secret) - 5))


@pytest.mark.promise("TOKEN-001")
@given(EVERY_KIND)
def test_a_token_has_its_form_and_is_read_back(kind: Kind) -> None:
    token = mint(kind)
    assert re.fullmatch(rf"sos_{kind}_[0-9A-Za-z]{{10}}[0-9A-Za-z]{{43}}[0-9A-Za-z]{{6}}", token.text)
    assert token.text.startswith(f"sos_{kind}_{token.key_id}")
    assert parse_token(token.text) == parse_token(f" {token.text}\n") == token
    assert looks_like_token(token.text)


@pytest.mark.promise("TOKEN-001")
def test_the_kinds_are_these() -> None:
    assert list(KINDS) == ["join", "reg", "sqd", "bus", "adm"]
    assert all(SERVICES[service] == kind for kind, service in KINDS.items())


@pytest.mark.promise("TOKEN-001")
@given(st.binary(min_size=32, max_size=32))
def test_the_secret_holds_all_256_bits(random: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", lambda count: random[:count])
        secret = secret_of(mint("bus"))
    value = 0
    for character in secret:
        value = value * 62 + BASE62.index(character)
    assert value.to_bytes(32, "big") == random


@pytest.mark.promise("TOKEN-001")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_changed_character_passes(kind: Kind) -> None:
    token = mint(kind)
    for place, right in enumerate(token.text):
        for wrong in BASE62 + "_- \n\x00é\u0661\uff21\ud800":
            if wrong != right:
                with pytest.raises(TokenDamaged):
                    parse_token(token.text[:place] + wrong + token.text[place + 1 :])


@given(EVERY_KIND, st.data())
def test_a_cut_a_doubled_or_a_swapped_part_is_refused(kind: Kind, data: st.DataObject) -> None:
    text = mint(kind).text
    place = data.draw(st.integers(0, len(text) - 1))
    swapped = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
    for damaged in (text[:place], text[place + 1 :], text + text[place], text[:place] + text[place] * 2 + text[place + 1 :]):
        with pytest.raises(TokenDamaged):
            parse_token(damaged)
    if swapped != text:
        with pytest.raises(TokenDamaged):
            parse_token(swapped)


@given(st.text())
def test_foreign_text_is_no_token(text: str) -> None:
    with pytest.raises(TokenDamaged):
        parse_token(text.replace("sk-bus-", ""))


@given(EVERY_KIND, st.data())
def test_no_printed_form_shows_the_secret(kind: Kind, data: st.DataObject) -> None:
    token = mint(kind)
    record = TokenRecord(
        key_id=token.key_id, digest=token.digest, service=token.service, agent=Slug("aa"), project="p", scopes=(),
        created_at=Millis(0),
    )  # fmt: skip
    for printed in (repr(token), str(token), f"{token}", f"{token!r}", f"{[token]} {(token,)}", repr(record)):
        assert not shows_secret(printed, token)
        assert token.key_id in printed
    place = data.draw(st.integers(0, len(token.text) - 1))
    for damaged in (token.text[:place], token.text[:place] + "!" + token.text[place + 1 :], token.text[:-1] + "é"):
        with pytest.raises(TokenDamaged) as refused:
            parse_token(damaged)
        assert not shows_secret(f"{refused.value} {refused.value!r} {refused.value.next_step}", token)


def test_a_traceback_shows_no_secret() -> None:
    token = mint("reg")
    try:
        require_kind(token, "bus")
    except TokenWrongKind as error:
        assert not shows_secret("".join(traceback.format_exception(error)), token)  # noqa: PT017  # needs the traceback
    else:
        pytest.fail("a registry token passed for the bus")


@pytest.mark.promise("TOKEN-004")
@pytest.mark.parametrize("shown", sorted(KINDS))
@pytest.mark.parametrize("needed", sorted(SERVICES))
def test_a_token_opens_its_own_service_alone(shown: Kind, needed: str) -> None:
    service = next(known for known in SERVICES if known == needed)
    if KINDS[shown] == service:
        require_kind(mint(shown), service)
        return
    with pytest.raises(TokenWrongKind) as refused:
        require_kind(mint(shown), service)
    assert KINDS[shown] in refused.value.message
    assert f"{service} needs sos_{SERVICES[service]}_" in refused.value.message
    assert refused.value.next_step == f"sos token show {service}"


def test_what_a_store_keeps_is_the_digest_of_the_whole_text() -> None:
    token = mint("bus")
    assert token.digest == sha256(token.text.encode())
    assert len(token.digest) == 32


def test_an_older_token_is_a_bus_token_whose_key_id_tells_nothing() -> None:
    text = "sk-bus-kasra-0123456789abcdef"
    token = parse_token(text + "\n")
    assert (token.kind, token.text) == ("bus", text)
    assert text not in repr(token)
    assert token.key_id[1:] not in text
    for damaged in ("sk-bus-", "sk-bus-a b-0123456789", "sk-bus-é0123456789", "sk-bus-" + "x" * 200, "sk-bus-\x00123456789"):
        with pytest.raises(TokenDamaged):
            parse_token(damaged)
