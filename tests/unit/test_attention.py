"""The rules of attention as they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.attention import Attention, attention_of
from sos.model.errors import InvalidInput

pytestmark = pytest.mark.promise("RENDER-007")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("22:00-07:00", "22:00-07:00"), ("9:05-17:30", "09:05-17:30"), ("never", "never"), ("08:00-08:00", "never")],
)
def test_quiet_hours_have_one_spelling(typed: str, kept: str) -> None:
    assert attention_of(Attention(), None, None, typed).quiet == kept


@pytest.mark.parametrize("typed", ["", "22-7", "24:00-07:00", "22:60-07:00", "22:0-7:00", "٢٢:00-07:00", "22:00", "-1:00-07:00"])
def test_what_is_no_span_of_the_day_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        attention_of(Attention(), None, None, typed)
    assert "22:00-07:00" in refused.value.next_step


@pytest.mark.parametrize(("wake", "every"), [("everybody", None), (None, "1s"), (None, "2d"), (None, "soon")])
def test_other_rules_have_limits(wake: str | None, every: str | None) -> None:
    with pytest.raises(InvalidInput):
        attention_of(Attention(), wake, every, None)


def test_what_is_not_named_stays() -> None:
    before = attention_of(Attention(), "operator", "5m", "22:00-07:00")
    assert attention_of(before, None, None, None) == before


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_a_span_over_midnight_is_the_rest_of_the_day_turned_round(start: int, end: int, minute: int) -> None:
    def clock(value: int) -> str:
        return f"{value // 60}:{value % 60:02}"

    one = attention_of(Attention(), None, None, f"{clock(start)}-{clock(end)}")
    other = attention_of(Attention(), None, None, f"{clock(end)}-{clock(start)}")
    assert one.is_quiet(start) is (start != end)
    assert (start == end) or one.is_quiet(minute) is not other.is_quiet(minute)
