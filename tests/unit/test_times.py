"""Times as milliseconds, against the standard library's datetime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sos.model.errors import InvalidInput
from sos.model.times import DAY, HOUR, MAX_DURATION, MINUTE, SECOND, Millis, ago, iso, left, parse_duration, parse_iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = int((datetime(2101, 1, 1, tzinfo=UTC) - EPOCH) / timedelta(milliseconds=1)) - 1
TIMES = st.integers(0, END).map(Millis)


@given(TIMES)
@example(Millis(0))
@example(Millis(END))
@example(Millis(951_782_400_000))  # 29 February 2000
@example(Millis(4_107_456_000_000))  # 28 February 2100 is followed by March
@example(Millis(4_107_542_400_000))
def test_times_are_written_and_read_like_the_standard_library(at: Millis) -> None:
    expected = (EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert iso(at) == expected
    assert parse_iso(expected) == parse_iso(expected.replace("Z", "+00:00")) == at


def test_every_day_of_130_years() -> None:
    for day in range(0, END, DAY):
        assert parse_iso(iso(Millis(day))) == day
    assert iso(Millis(END)) == "2100-12-31T23:59:59.999Z"


@given(TIMES, st.text("0123456789", min_size=1, max_size=9))
def test_any_number_of_decimals_is_cut_to_milliseconds(at: Millis, decimals: str) -> None:
    whole = at - at % 1000
    assert parse_iso(iso(Millis(whole))[:-4] + decimals + "Z") == whole + int((decimals + "00")[:3])
    assert parse_iso(iso(Millis(whole))[:-5] + "Z") == whole


@given(
    st.integers(1970, 2100), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61), st.integers(0, 59)
)
def test_a_date_that_is_none_is_refused(year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
    text = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"
    try:
        expected = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        assert parse_iso(text) is None
    else:
        assert parse_iso(text) == (expected - EPOCH) / timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2026-11-24",
        "2026-11-24T00:16:03",
        "2026-11-24T00:16:03+01:00",
        "2026-11-24 00:16:03Z",
        "2026:11:24T00-16-03Z",
        "2026T11-24-00:16:03Z",
        "20261-1-24T00:16:03Z",
        "2026-11-24T00:16:61Z",
        "2026-02-30T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "٢٠٢٦-11-24T00:16:03Z",
        "2026-11-24T00:16:03.١Z",
        "2026-11-24T00:16:03.1xZ",
        "+026-11-24T00:16:03Z",
    ],
)
def test_what_is_no_such_time_is_none(text: str) -> None:
    assert parse_iso(text) is None


@given(st.text(max_size=40))
def test_foreign_text_never_raises(text: str) -> None:
    assert parse_iso(text) is None or text[4] == "-"


@pytest.mark.parametrize(
    ("text", "span"),
    [("250ms", 250), ("30s", 30 * SECOND), ("5m", 5 * MINUTE), ("5min", 5 * MINUTE), ("1h", HOUR), ("2d", 2 * DAY),
     ("366d", MAX_DURATION)],
)  # fmt: skip
def test_durations(text: str, span: int) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "0s", "5", "s", "-1s", "+1s", "1.5s", "367d", "999999999999d", "9" * 5000 + "s", "1w", "1S", "1 s", "١s", "1s\n"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (999, "0 s"),
        (59_999, "59 s"),
        (MINUTE, "1 m"),
        (HOUR - 1, "59 m"),
        (DAY - 1, "23 h"),
        (3 * DAY, "3 d"),
    ],
)
def test_spans_as_people_say_them(span: int, text: str) -> None:
    assert ago(span) == text


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (299_995, "5 m"),
        (298_000, "4 m 58 s"),
        (29_001, "30 s"),
        (3_600_000, "1 h"),
        (7_800_000, "2 h 10 m"),
        (86_400_000 * 3 + 61_000, "3 d 1 m"),
        (0, "0 s"),
        (-5, "0 s"),
    ],
)
def test_what_is_left_of_a_deadline_is_no_minute_less_than_it_is(span: int, said: str) -> None:
    assert left(span) == said
