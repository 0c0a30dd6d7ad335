"""Changes of a JSON text at one place: the value gets ours, and every other character stays."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos.recovery import dialects, jsonedit
from sos.recovery.jsontokens import TOKEN

SPACES = ("", "", " ", "  ", "\t", "\n", "\r\n", "\n    ", "\r\n\t", " \n\n ")
COMMENTS = (
    "// to the end\n",
    '// with "quotes", {brackets] and a \\\r\n',
    "/* in one, line */",
    "/* over\n two ] */",
    "//\n",
    "/**/",
)
KEYS = st.sampled_from(
    ["a", "b", "mcp", "hooks", "ö\U0001f680", 'k "q"', "// no comment", "/* nor this */", "", "x,y", "{", "\u2028"]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 10**20), st.just(1.5e-3), st.text('ab"\\/*,{}[]\n\u2028ß', max_size=6)
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12)
OURS = {"command": "/home/a b/.sos/bin/sos-mcp", "args": ["ä", {"x": [1, 2]}]}
STEPS = ("hooks", "Stop")


@st.composite
def written(draw: st.DrawFn, value: Any, *, loose: bool) -> str:
    """A value as somebody might write it: `loose` with comments and commas before a closing bracket."""
    chance = random.Random(draw(st.integers(0, 2**32)))  # a draw for each space would take all the time

    def gap() -> str:
        made = chance.choice(SPACES)
        if loose and chance.random() < 0.3:
            made += chance.choice(COMMENTS) + chance.choice(SPACES)
        return made

    def text(each: Any) -> str:
        if not isinstance(each, dict | list):
            return json.dumps(each, ensure_ascii=chance.random() < 0.5)
        pieces = (
            [f"{json.dumps(key)}{gap()}:{gap()}{text(each[key])}" for key in each] if isinstance(each, dict) else map(text, each)
        )
        inside = f"{gap()},{gap()}".join(pieces)
        comma = f"{gap()}," if loose and each and chance.random() < 0.5 else ""
        opening, closing = "{}" if isinstance(each, dict) else "[]"
        return f"{opening}{gap()}{inside}{comma}{gap()}{closing}"

    return gap() + text(value) + gap()


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Any]:
    """A text, and its value: an object, in which something may stand at STEPS."""
    value = draw(st.dictionaries(KEYS, VALUES, max_size=4))
    at_steps = draw(st.sampled_from(["", "hooks", "element", "list"]))
    if at_steps:
        inner = draw(st.dictionaries(KEYS, VALUES, max_size=2))
        if at_steps != "hooks":
            inner["Stop"] = draw(st.lists(VALUES, max_size=3)) if at_steps == "list" else draw(VALUES)
        value["hooks"] = inner
    return draw(written(value, loose=draw(st.booleans()))), value


def parsed(text: str) -> Any:
    return dialects.strict(text.encode(), "jsonc")


def with_ours(value: dict[str, Any]) -> dict[str, Any]:
    hooks = value.get("hooks", {})
    return {**value, "hooks": {**hooks, "Stop": OURS}}


def pieces(text: str) -> list[str]:
    """Every piece of a text that says something: strings, words, brackets, comments; no space and no comma."""
    return [found[0].rstrip("\r") for found in TOKEN.finditer(text) if found.lastgroup not in {"space", "comma"}]


def is_within(one: list[str], other: list[str]) -> bool:
    """Whether all of one stands in the other, in its order."""
    rest = iter(other)
    return all(piece in rest for piece in one)


@settings(max_examples=200)
@given(documents())
def test_what_is_put_has_the_old_value_and_ours_and_taken_out_again_the_old_one(made: tuple[str, Any]) -> None:
    text, value = made
    assert parsed(text) == value
    if not isinstance(value.get("hooks", {}), dict):
        with pytest.raises(ValueError, match="is no object"):
            jsonedit.put(text, STEPS, OURS)
        return
    put = jsonedit.put(text, STEPS, OURS)
    assert parsed(put) == with_ours(value)
    assert jsonedit.stands(value, STEPS) or is_within(pieces(text), pieces(put))
    had = jsonedit.stands(value, STEPS[:1])
    taken = jsonedit.take(put, STEPS, stay=int(had))
    without = {key: each for key, each in value.get("hooks", {}).items() if key != "Stop"}
    assert parsed(taken) == {**value, "hooks": without} if had else parsed(taken) == value
    assert jsonedit.stands(value, STEPS) or pieces(taken) == pieces(text)


@settings(max_examples=200)
@given(documents(), st.integers(1, 3))
def test_what_is_appended_is_the_last_element_and_taken_out_again_the_others_are_left(made: tuple[str, Any], count: int) -> None:
    text, value = made
    hooks = value.get("hooks", {})
    if not isinstance(hooks, dict) or not isinstance(hooks.get("Stop", []), list):
        with pytest.raises(ValueError, match=r"is no (?:object|list)"):
            jsonedit.append(text, STEPS, OURS)
        return
    put = text
    for _ in range(count):
        put = jsonedit.append(put, STEPS, OURS)
    assert parsed(put)["hooks"]["Stop"] == [*hooks.get("Stop", []), *[OURS] * count]
    stay = next((level for level in (2, 1) if jsonedit.stands(value, STEPS[:level])), 0)
    taken = jsonedit.take(put, STEPS, lambda each: each == OURS, stay)
    assert parsed(taken) == value
    assert pieces(taken) == pieces(text)
    assert is_within(pieces(text), pieces(put))


@given(documents(), st.sampled_from(["a", "b", "mcp"]))
def test_taking_any_member_takes_that_alone(made: tuple[str, Any], key: str) -> None:
    text, value = made
    taken = jsonedit.take(text, (key,))
    assert parsed(taken) == {name: each for name, each in value.items() if name != key}
    assert is_within(pieces(taken), pieces(text))
    assert key in value or pieces(taken) == pieces(text)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("step", ["  ", "    ", "\t"])
def test_ours_is_written_as_the_text_is(end: str, step: str) -> None:
    text = json.dumps({"a": 1, "hooks": {"Start": [1]}}, indent=step).replace("\n", end)
    put = jsonedit.put(text, STEPS, {"x": [1]})
    assert put == json.dumps({"a": 1, "hooks": {"Start": [1], "Stop": {"x": [1]}}}, indent=step).replace("\n", end)
    assert not re.search(r"(?<!\r)\n", put) or end == "\n"
    assert jsonedit.take(put, STEPS) == text


def test_a_line_comment_never_swallows_what_follows() -> None:
    text = '{ // first\n  "a": 1, "b": 2, // second\n  "c": 3 }'
    assert jsonedit.take(text, ("a",)) == '{ // first\n  "b": 2, // second\n  "c": 3 }'
    assert parsed(jsonedit.take(text, ("c",))) == {"a": 1, "b": 2}
    assert jsonedit.take(jsonedit.take(jsonedit.take(text, ("a",)), ("b",)), ("c",)).count("//") == 2


def test_a_byte_order_mark_and_bytes_that_are_no_text_stay() -> None:
    data = b'\xef\xbb\xbf{"a": "\xff\xfe", "b": 1}\n'
    put = jsonedit.put(data.decode("utf-8", "surrogateescape"), STEPS, OURS)
    assert put.encode("utf-8", "surrogateescape").startswith(b'\xef\xbb\xbf{"a": "\xff\xfe", "b": 1, "hooks"')
    assert jsonedit.take(put, ("hooks",)).encode("utf-8", "surrogateescape") == data
