"""Ids of foreign entries, and what a batch must be before a store takes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.core import backlog
from sos.model.addresses import Address
from sos.model.errors import InvalidInput
from sos.model.streams import START, Cursor, Standing, order, parse_entry_id
from sos.model.times import DAY, Millis

PARTS = st.integers(0, 2**64 - 1)


@given(PARTS, PARTS)
def test_an_entry_id_is_two_numbers_and_sorts_as_numbers(millis: int, number: int) -> None:
    for text in (f"{millis}-{number}", f"{millis:020}-{number:020}", f"{millis}-{number}".encode()):
        assert parse_entry_id(text) == f"{millis}-{number}"
    assert order(parse_entry_id(f"{millis}-{number}")) == (millis, number)


def test_ten_comes_after_nine() -> None:
    assert sorted(map(parse_entry_id, ("5-10", "5-9", "10-0", "0-0")), key=order) == [START, "5-9", "5-10", "10-0"]


@pytest.mark.parametrize(
    "wrong", ["", "1", "-", "1-", "-1", "1-2-3", "a-1", "1-\u0662", "-1-1", "+1-1", f"{2**64}-0", f"0-{2**64}", "1" * 99]
)
def test_what_is_no_entry_id_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        parse_entry_id(wrong)
    with pytest.raises(InvalidInput):
        parse_entry_id(wrong.encode())


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_backlog_ends_at_the_join_or_a_day_ago_whichever_is_later(joined_at: int, now: int) -> None:
    millis, number = order(backlog.boundary(Millis(joined_at), Millis(now)))
    assert (millis, number) == (max(joined_at, now - DAY, 0), 0)


def test_what_is_left_of_the_backlog_comes_back_after_a_day() -> None:
    def left(*given: tuple[int, int]) -> int:
        cursors = {Address(str(at)): Cursor(position=START, since=Millis(at), backlog=count) for at, count in given}
        return backlog.allowance(Standing(cursors=cursors), Millis(2 * DAY))

    assert [left(), left((DAY + 1, 20)), left((DAY + 1, 20), (DAY + 2, 40)), left((DAY, 20))] == [50, 30, 0, 50]
