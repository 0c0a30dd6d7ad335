"""Where brackets are lost, doubled or wrong, the lines of a config say which object a key belongs to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from sos.recovery.dialects import Unreadable, mend, salvage, strict
from sos.recovery.layout import Layout
from tests.configs import CONFIGS, Written

if TYPE_CHECKING:
    from sos.model.configs import Dialect

PRETTY = pytest.mark.parametrize("written", [each for each in CONFIGS if b"\n" in each.data], ids=lambda written: written.name)
BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|([}\]])')
OTHER = {"}": "]", "]": "}"}


def mended(text: str, base: Any = None, dialect: Dialect = "json") -> Any:
    """What a broken text says after its repair."""
    with pytest.raises(Unreadable):
        strict(text.encode(), dialect)
    made = mend(salvage(text.encode("utf-8", "surrogateescape"), dialect), base)
    assert strict(made.data, dialect) == made.value
    return made.value


@pytest.mark.promise("REPAIR-001")
@PRETTY
@pytest.mark.parametrize("harm", ["gone", "twice", "other"])
def test_a_closing_bracket_that_is_lost_doubled_or_wrong_moves_no_key(written: Written, harm: str) -> None:
    text = written.data.decode()
    whole = strict(written.data, written.dialect)
    places = [found.start() for found in BRACKETS.finditer(text) if found[1]]
    for place in places:
        bracket = text[place]
        new = {"gone": "", "twice": bracket * 2, "other": OTHER[bracket]}[harm]
        assert mended(text[:place] + new + text[place + 1 :], None, written.dialect) == whole, place
    assert len(places) > 7


SERVERS = """{
  "theme": "dark",
  "servers": {
    "one": { "kind": "local", "on": false },
    "two": {
      "kind": "far",
      "args": [
        "x"
      ],
      "on": true
    },
    "three": { "kind": "far" }
  },
  "rules": { "all": { "run": "ask", "*": "allow" } }
}
"""
WHOLE: dict[str, Any] = json.loads(SERVERS)


def without(value: Any, *path: str) -> Any:
    """A copy without what stands at a path."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return copy


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        ('"on": false }', '"on": f{alse }', ("servers", "one", "on")),
        ('"kind": "local"', '"kin', ("servers", "one")),
        ('"one": { "kind"', '"one": { { "kind"', ()),
        ('{ "kind": "local"', '{ } "kind": "local"', ()),
        ('    "two": {\n      "kind": "far",\n', '    "two": {\n      "kind": "f\n    "two": {\n      "kind": "far",\n', ()),
        ('      ],\n      "on"', '   ]   ],\n      "on"', ()),
        ('  "servers": {', 'mB  "servers": {', ()),
        ('  "servers": {', '{  "junk\0\0,\n  "servers": {', ()),
        ('"two": {', '"two":\xc2 {', ()),
        ('"on": false }', '"on": false ]\n}', ()),
        ('    },\n    "three"', '    },\n x\n    },\n x\n    "three"', ()),
        ('      "args": [\n        "x"\n', '  x"\n', ("servers", "two", "args")),
        ('"*": "allow" } }', '"*": "all}', ("rules", "all", "*")),
        ('"*": "allow" } }', '"*":} }}', ("rules", "all", "*")),
    ],
)  # fmt: skip
def test_a_line_that_is_damaged_costs_nothing_of_the_others(old: str, new: str, gone: tuple[str, ...]) -> None:
    assert SERVERS.count(old) == 1
    value = mended(SERVERS.replace(old, new))
    if gone == ("servers", "one"):
        assert {**value, "servers": without(value["servers"], "one")} == without(WHOLE, *gone)
    else:
        assert value == (without(WHOLE, *gone) if gone else WHOLE)


@pytest.mark.promise("REPAIR-001")
def test_lines_behind_a_brace_too_many_stay_as_they_are_written() -> None:
    text = SERVERS.replace('  "servers": {', '{  "junk\0\0,\n  "servers": {')
    assert SERVERS[SERVERS.index('  "servers"') :] in mend(salvage(text.encode(), "json")).data.decode()


@pytest.mark.promise("REPAIR-002")
def test_of_an_object_that_stands_there_twice_and_is_cut_off_once_nothing_is_lost() -> None:
    text = SERVERS.replace('    "two": {\n', '    "two": {\n      "more": { "deep": 1 },\n    "two": {\n')
    assert mended(text)["servers"]["two"] == {**WHOLE["servers"]["two"], "more": {"deep": 1}}


@pytest.mark.promise("REPAIR-002")
def test_of_two_copies_in_a_row_the_second_hides_no_key_of_the_first() -> None:
    second = SERVERS.removeprefix("{\n").replace('"kind": "local"', '"ki,nd": "local"')
    assert mended(SERVERS + second)["servers"]["one"] == {"ki,nd": "local", **WHOLE["servers"]["one"]}


@pytest.mark.promise("REPAIR-002")
def test_members_whose_object_lost_its_name_return_to_it_by_the_backup_and_stay_where_they_are_without_one() -> None:
    text = SERVERS.replace('    "two": {\n', "").replace('"on": true', '"on": false')
    lost = {"kind": "far", "args": ["x"], "on": False}
    assert mended(text, WHOLE)["servers"] == {**WHOLE["servers"], "two": lost}
    assert mended(text)["servers"] == {**without(WHOLE["servers"], "two"), **lost}


@pytest.mark.promise("REPAIR-002")
def test_such_members_take_no_place_where_another_value_would_hide_them() -> None:
    text = SERVERS.replace('    "two": {\n', "").replace('      "args": [\n        "x"\n      ],\n', "")
    text = text.replace('"kind": "far" }', '"kind": "near", "on": true }')
    base = without(WHOLE, "servers", "two")
    value = mended(text, base)["servers"]
    assert value["one"] == WHOLE["servers"]["one"]
    assert value["three"] == {"kind": "near", "on": True}
    assert (value["kind"], value["on"]) == ("far", True)


@pytest.mark.promise("REPAIR-002")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    "two": {\n      "kind": "far",\n      "args": [\n', "  [\n"),
        ('"on": false },\n    "two": {\n', '"on": fal\n'),
        ('  "servers": {\n', ""),
        ('  "servers": {\n', '  "servers":"theme": "dark",\n'),
    ],
)
def test_lines_that_stand_deeper_than_any_object_that_is_open_return_by_the_backup(old: str, new: str) -> None:
    assert SERVERS.count(old) == 1
    assert mended(SERVERS.replace(old, new), WHOLE) == WHOLE


@pytest.mark.promise("REPAIR-002")
def test_of_members_whose_object_lost_its_name_what_is_complete_is_kept_also_where_the_text_ends_or_it_stands_twice() -> None:
    text = SERVERS.replace('    "two": {\n      "kind": "far"', '      "kind": "near"')
    cut = text[: text.index('],\n      "on"')]
    assert mended(cut)["servers"] == {"one": WHOLE["servers"]["one"], "kind": "near", "args": ["x"]}
    assert mended(cut, WHOLE)["servers"]["two"] == {**WHOLE["servers"]["two"], "kind": "near"}
    twice = SERVERS.replace('  "servers": {\n', "").replace('    "two": {\n', '    "two": {\n      "more": 1 x,\n    "two": {\n')
    assert mended(twice, WHOLE)["servers"]["two"] == {**WHOLE["servers"]["two"], "more": 1}


@pytest.mark.promise("REPAIR-002")
@pytest.mark.parametrize("left", ['"theme"\0\0\0, "kind"', '\0\0d": { "kind"', '"theme": "dark", "kind"'])
def test_what_follows_on_a_line_whose_beginning_is_lost_is_no_member_of_what_is_open(left: str) -> None:
    start, end = SERVERS.index('"theme"'), SERVERS.index('"kind"')
    text = SERVERS[:start] + left + SERVERS[end + len('"kind"') :]
    value = mended(text, WHOLE)
    assert value == WHOLE


@pytest.mark.promise("REPAIR-002")
def test_a_line_that_closes_what_it_did_not_begin_holds_no_member_of_what_is_open() -> None:
    start, end = SERVERS.index('"three"'), SERVERS.index('"run"')
    assert mended(SERVERS[:start] + SERVERS[end:], WHOLE) == WHOLE


@pytest.mark.promise("REPAIR-002")
def test_of_a_second_copy_behind_the_end_that_lost_its_beginning_the_keys_count_that_stand_as_deep_as_its_members() -> None:
    first = SERVERS.replace('  "rules": { "all": { "run": "ask", "*": "allow" } }\n', '  "last": 1\n')
    value = mended(first + 'ark",\n' + SERVERS.split('"dark",\n')[1])
    assert value == {**without(WHOLE, "rules"), "last": 1, "rules": WHOLE["rules"]}


@pytest.mark.promise("REPAIR-001")
def test_objects_without_a_name_one_in_another_come_to_an_end() -> None:
    text = SERVERS.replace('"theme": "dark",', '"theme": "dark", { "a": 1, { "b": 2, {{1{' + "{1" * 50 + ",")
    assert mended(text, WHOLE) == {**WHOLE, "a": 1}
    with pytest.raises(Unreadable, match="nested deeper"):
        salvage(SERVERS.replace('"dark",', '"dark", ' + "{1" * 100_000).encode(), "json")


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize("text", ['{\n"a": {\n"b": 1\n,\n"c": {\n"d": 2\n}\n}\n', '{"a": {"b": 1, "c": {"d": 2}'])
def test_lines_that_are_not_indented_as_they_are_nested_say_nothing(text: str) -> None:
    assert not Layout(text).trusted
    assert mended(text) == {"a": {"b": 1, "c": {"d": 2}}}


@pytest.mark.parametrize(
    "text",
    ['{\n  "a": {\n    \0b": [\n         "x"\n    ],\n  }\n}', '{\n  "a": {\n=======\n    "b": 1\n  }\n}'],
    ids=["half a line", "a line that is none"],
)
def test_of_damaged_lines_none_speaks_against_the_others(text: str) -> None:
    assert Layout(text).trusted


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "xx"yy", "b": 1, "c": "d"}', {"b": 1, "c": "d"}),
        ('{"a": ""xx", "b": "y"}', {"b": "y"}),
        ('{"a": "x", ""b": ["y"]}', {"a": "x", "b": ["y"]}),
        ('{"a": 1, "com"mand": 2, "b": 3}', {"a": 1, "b": 3}),
        ('{"a": "http "no", "b": "y"}', {"b": "y"}),
        ('{"a": ["x", ["/c: ["/d"], "b": "y"}', {"a": ["x", ["/d"]], "b": "y"}),
        ('{"a": "b": {"c": 1}, "d": 2}', {"b": {"c": 1}, "d": 2}),
        ('{"a": ["x", "b": 1, "c": {"d": []}}', {"a": ["x"], "b": 1, "c": {"d": []}}),
        ('{"a"{: 1, "b": 2}', {"a": 1, "b": 2}),
        ('{"a": ["x", \0\0 true], "b": 2}', {"a": ["x"], "b": 2}),
        ('\ufeff\udc85 5{"a": 1}', {"a": 1}),
    ],
)
def test_quotes_and_brackets_that_cannot_stand_where_they_do_cost_no_more_than_their_own_key(text: str, value: Any) -> None:
    made = mend(salvage(text.encode("utf-8", "surrogateescape"), "json"))
    assert made.value == value
