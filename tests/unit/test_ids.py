"""Message ids: UUID version 7, checked by the standard library's uuid."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.errors import InvalidInput
from sos.model.ids import is_id, loaded, new_id, parse_id, parse_reference, stored
from sos.model.times import Millis

TIMES = st.integers(0, (1 << 48) - 1).map(Millis)


@given(TIMES)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_time(at: Millis) -> None:
    made = new_id(at)
    parsed = uuid.UUID(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == at


@given(TIMES, TIMES)
def test_ids_stand_in_the_order_of_their_times(one: Millis, other: Millis) -> None:
    if one != other:
        assert (new_id(one) < new_id(other)) == (one < other)
        assert (uuid.UUID(new_id(one)).bytes < uuid.UUID(new_id(other)).bytes) == (one < other)


def test_ids_of_one_millisecond_differ_in_all_74_random_bits() -> None:
    made = [uuid.UUID(new_id(Millis(1))).int for _ in range(2000)]
    assert len(set(made)) == len(made)
    ones = zeros = 0
    for value in made:
        ones |= value
        zeros |= ~value
    random = ((1 << 80) - 1) ^ (0xF << 76) ^ (0b11 << 62)
    assert ones & random == zeros & random == random


def test_the_place_of_a_foreign_entry_names_a_message_and_is_no_id_to_send_under() -> None:
    place = "raw:sos:stream:agent:bb:1795000000000-0"
    assert parse_reference(place) == place
    assert parse_reference(" 0F8FAD5B-D9CB-469F-A165-70867728950E") == "0f8fad5b-d9cb-469f-a165-70867728950e"
    for wrong in (place + "\n", "raw:\u00e9", "raw:" + "x" * 400, "row:x", ""):
        with pytest.raises(InvalidInput):
            parse_reference(wrong)
    with pytest.raises(InvalidInput):
        parse_id(place)


@given(st.uuids())
def test_what_is_stored_comes_back(made: uuid.UUID) -> None:
    assert stored(str(made)) == made.bytes
    assert loaded(made.bytes) == str(made)
    assert parse_id(f" {str(made).upper()}\n") == str(made)


@given(st.text())
def test_an_id_from_elsewhere_is_stored_as_it_is(text: str) -> None:
    assert loaded(stored(text)) == text
    assert isinstance(stored(text), bytes) == is_id(text)


@given(st.text("0123456789abcdefgA-{} ", max_size=40) | st.uuids().map(lambda made: f"{{{made}}}"))
def test_only_the_canonical_form_is_an_id(text: str) -> None:
    try:
        canonical = str(uuid.UUID(text)) == text
    except ValueError:
        canonical = False
    assert is_id(text) == canonical
    if not is_id(text.strip().lower()):
        with pytest.raises(InvalidInput):
            parse_id(text)
