"""JSON, strict: what the standard library reads and writes, without what two readers could disagree about."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model import wire
from sos.model.errors import UnreadableJson

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("duplicate")
    return dict(pairs)


def refuse(text: str) -> object:
    raise ValueError(text)


def finite(text: str) -> float:
    if math.isinf(float(text)):
        raise ValueError(text)
    return float(text)


@given(VALUES)
def test_it_writes_what_the_standard_library_writes_and_reads_it_back(value: object) -> None:
    assert wire.dumps(value) == json.dumps(value)
    assert wire.dumps(value, indent=2) == json.dumps(value, indent=2)
    for text in (wire.dumps(value), wire.dumps(value, indent=2), json.dumps(value, ensure_ascii=False, indent=3)):
        assert wire.loads(text) == wire.loads(text.encode("utf-8", "surrogatepass")) == value


@given(
    st.text(alphabet='{}[]",:0123456789.eE+-truefalsnNI \t\n\\ud', max_size=30)
    | VALUES.flatmap(lambda value: st.just(json.dumps(value)).flatmap(lambda text: st.just(text[: len(text) * 2 // 3])))
)
def test_any_text_is_read_as_the_standard_library_reads_it_or_refused_as_it_does(text: str) -> None:
    try:
        expected = json.loads(text, object_pairs_hook=duplicates, parse_constant=refuse, parse_float=finite)
    except ValueError:
        with pytest.raises(UnreadableJson):
            wire.loads(text)
    else:
        assert wire.loads(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a":1,"a":2}',
        '[{"b":{"a":1,"\\u0061":1}}]',
        "NaN",
        "[Infinity]",
        '{"a":-Infinity}',
        "1e999",
        "[-1e400]",
        "9" * 10_000,
        "1 2",
        "{}x",
        "\ufeff{}",
        b"\xef\xbb\xbf{}",
        '{"a":1,}',
        "{'a':1}",
        "// no\n1",
        '"\n"',
        b"\xff",
        b'"\xed\xa0\x80"',
        "\x00",
        "01",
        "\u00a01",
    ],
)
def test_what_is_not_strict_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(UnreadableJson):
        wire.loads(text)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_a_nesting_bomb_is_refused(opening: str, closed: bool) -> None:
    closing = "".join("]" if character == "[" else "}" for character in reversed(opening) if character in "[{")
    depth = 200_000
    with pytest.raises(UnreadableJson):
        wire.loads(opening * depth + "1" + closing * depth * closed)


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    with pytest.raises(UnreadableJson, match="byte 4"):
        wire.loads(b'{"a\xffb":1}'.replace(b"a", b"aa"))


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded_in_writing() -> None:
    assert wire.loads(wire.dumps(nested(wire.MAX_DEPTH))) == nested(wire.MAX_DEPTH)
    with pytest.raises(TypeError, match="nested"):
        wire.dumps(nested(wire.MAX_DEPTH + 2))
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="nested"):
        wire.dumps(endless)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {1: 2}, {None: 1}, b"x", {1, 2}, object(), [math.nan]])
def test_what_has_no_form_in_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        wire.dumps(value)


@given(st.text())
def test_the_written_form_is_one_printable_ascii_line(text: str) -> None:
    assert wire.dumps({text: text}).isascii()
    assert wire.dumps({text: text}).replace("\x7f", "").isprintable()
