"""Broken configs: at every offset of truncation what was complete is saved, what is harmless costs nothing, nothing crashes."""

from __future__ import annotations

import json
import time
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sos.recovery.dialects import Unreadable, mend, salvage, strict
from tests.configs import CLAUDE, CONFIGS, HARMS, TOML, Value, Written, at, harmed, has_keys, holds, plain, values, within

if TYPE_CHECKING:
    from sos.model.configs import Dialect

JSON = pytest.mark.parametrize("written", CONFIGS, ids=lambda written: written.name)


def mended(data: bytes, dialect: Dialect, base: Any = None) -> Any:
    """What the mended bytes say to a strict reader; None where nothing could be saved."""
    with pytest.raises(Unreadable):
        strict(data, dialect)
    try:
        made = mend(salvage(data, dialect), base)
    except Unreadable:
        return base
    assert strict(made.data, dialect) == made.value
    return made.value


def complete(written: Written, size: int, known: list[Value]) -> list[Value]:
    """The values below the root that are complete in so many bytes."""
    return [each for each in known if each.path and each.bytes <= size]


@pytest.mark.promise("REPAIR-002")
@JSON
def test_at_every_offset_of_truncation_what_was_complete_is_saved_and_nothing_is_invented(written: Written) -> None:
    known = values(plain(written))
    whole = known[0]
    for size in range(whole.bytes):
        sure = complete(written, size, known)
        value = mended(written.data[:size], written.dialect)
        assert (value is not None) == bool(sure), size
        assert all(at(value, each.path) == each.value for each in sure), size
        assert value is None or within(value, whole.value), size


@pytest.mark.promise("REPAIR-002")
@JSON
@pytest.mark.parametrize("tail", [b"", b"\0" * 512], ids=["cut", "cut, then NUL"])
def test_with_a_backup_no_key_of_either_is_absent_afterwards(written: Written, tail: bytes) -> None:
    known, base = values(plain(written)), strict(written.before, written.dialect)
    for size in range(known[0].bytes):
        value = mended(written.data[:size] + tail, written.dialect, base)
        assert has_keys(value, base), size
        for each in complete(written, size, known):
            assert holds(at(value, each.path), each.value), (size, each.path)


@JSON
def test_the_text_stays_as_it_was_up_to_what_is_not_complete(written: Written) -> None:
    known = values(plain(written))
    for size in range(known[0].bytes):
        sure = complete(written, size, known)
        if sure:
            end = max(min(each.bytes, size) for each in sure) - 1
            assert mend(salvage(written.data[:size], written.dialect)).data.startswith(written.data[:end]), size


@pytest.mark.promise("REPAIR-002")
@pytest.mark.parametrize("base", [None, tomllib.loads(TOML.before.decode())], ids=["alone", "with a backup"])
@pytest.mark.parametrize("tail", [b"", b"\0" * 512], ids=["cut", "cut, then NUL"])
def test_at_every_offset_of_truncation_the_complete_lines_of_toml_are_saved(base: dict[str, Any] | None, tail: bytes) -> None:
    broken = 0
    for size in range(len(TOML.data)):
        data = TOML.data[:size] + tail
        try:
            tomllib.loads(data.decode())
        except tomllib.TOMLDecodeError:
            broken += 1
        else:
            continue  # cut between two lines: no reader can see that
        lines = TOML.data[:size].decode().splitlines(keepends=True)
        ends = range(TOML.data.count(b"\n", 0, size), -1, -1)
        sure = next(found for end in ends if (found := parsed("".join(lines[:end]))) is not None)
        value = mended(data, "toml", base) or {}
        assert holds(value, sure, longer=True), size
        assert base is None or has_keys(value, base), size
        assert base is not None or within(value, tomllib.loads(TOML.data.decode())), size
    assert broken > len(TOML.data) / 2


def parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


HARMLESS = {
    "byte order mark": b"\xef\xbb\xbf%s",
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf%s",
    "NUL bytes": b"%s\0\0\0\0",
    "NUL bytes behind a line": b"%s\n\0\0 \0",
    "UTF-16": None,
    "comma before the end": b"",
    "comment": b"%s // by hand",
}


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize("harm", HARMLESS)
@pytest.mark.parametrize("written", CONFIGS[:3], ids=lambda written: written.name)
def test_what_is_wrong_without_a_loss_costs_nothing(written: Written, harm: str) -> None:
    pattern = HARMLESS[harm]
    data = written.data.decode().encode("utf-16") if pattern is None else pattern.replace(b"%s", written.data)
    data = data or written.data[:-1].rstrip() + b",\n}"
    found = salvage(data, "json")
    assert (found.whole, found.unsaved) == (True, ())
    assert found.problems
    made = mend(found)
    assert made.value == json.loads(written.data)
    if harm != "comma before the end":
        assert made.data.rstrip() == written.data, "the text itself is untouched"


@pytest.mark.promise("REPAIR-001")
def test_comments_of_a_dialect_that_has_them_stay() -> None:
    text = '{\n  // one\n  "a": [1, 2] /* two */\n  "b": {"c": 3}\n  // three\n'
    made = mend(salvage(text.encode(), "jsonc"), {"b": {"d": 4}, "e": [5]})
    assert made.value == {"a": [1, 2], "b": {"c": 3, "d": 4}, "e": [5]}
    assert all(comment in made.data.decode() for comment in ("// one", "/* two */", "// three"))
    assert b"//" not in mend(salvage(text.encode() + b"}", "json")).data


CONFLICT = """{
  "same": 1,
<<<<<<< HEAD
  "theme": "dark",
  "deep": {"ours": 1, "both": [1]}
||||||| base
  "theme": "grey"
=======
  "theme": "light",
  "deep": {"theirs": 2, "both": [2]},
  "only": true
>>>>>>> feature
}
"""


@pytest.mark.promise("REPAIR-001")
def test_of_both_sides_of_a_conflict_every_key_is_kept_and_what_differs_is_said() -> None:
    found = salvage(CONFLICT.encode(), "json")
    made = mend(found)
    assert made.value == {"same": 1, "theme": "dark", "deep": {"ours": 1, "both": [1], "theirs": 2}, "only": True}
    assert {(each.key, str(each.kept), str(each.other)) for each in made.conflicts} == {
        ("theme", "dark", "light"),
        ("deep.both", "[1]", "[2]"),
    }
    assert "HEAD is kept" in found.problems[0]
    broken = salvage(CONFLICT.replace('"dark"', '"dark').encode(), "json")
    assert "feature is kept" in broken.problems[0]
    assert mend(broken).value["deep"] == {"theirs": 2, "both": [2], "ours": 1}


@pytest.mark.promise("REPAIR-002")
@pytest.mark.parametrize(
    "text",
    [
        "[ system\nargs = [1]\n",
        "<<<<<<< HEAD\n[a]\n]command = 1\n=======\n[a]\n>>>>>>> other\n",
    ],
    ids=["a header that may be cut off", "a side that is damaged"],
)
def test_a_backup_counts_also_where_a_name_was_guessed_or_one_side_of_a_conflict_is_damaged(text: str) -> None:
    assert not salvage(text.encode(), "toml").whole


@pytest.mark.promise("REPAIR-002")
def test_a_key_of_the_backup_is_kept_also_where_another_document_in_the_file_has_a_value_there() -> None:
    made = mend(salvage(b'{"a": {"x": 1}, "c": 1}\n{"a": 5, "b": {"p": 1}}', "json"), {"a": {"y": 2}, "b": {"q": 2}})
    assert made.value == {"a": {"x": 1, "y": 2}, "c": 1, "b": {"p": 1, "q": 2}}
    assert made.data == b'{"a": {"x": 1, "y": 2}, "c": 1, "b": {"p": 1, "q": 2}}\n'


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('{"a" 1, "b": {"c" [2]}}', {"a": 1, "b": {"c": [2]}}),
        ('{"a": 1,, "b": [1,,2]}', {"a": 1, "b": [1, 2]}),
        ('{"path": "C:\\Users\\me", "tab": "x\ty"}', {"path": "C:\\Users\\me", "tab": "x\ty"}),
        ('{"a": {"b": 1}}, "c": 2}', {"a": {"b": 1}, "c": 2}),
        ('{"a": [1, 2}, "b": 3}', {"a": [1, 2], "b": 3}),
        ('{"a": {"b": [1, 2}, "c": 3}', {"a": {"b": [1, 2]}, "c": 3}),
        ('{"a": 1}\n{"a": 2, "b": 3}', {"a": 1, "b": 3}),
        ('{"a": {"x": 1}, "a": {"y": 2, "z', {"a": {"x": 1, "y": 2}}),
        ('{"a": "one\n  "b": 2,\n  "c": {}}', {"b": 2, "c": {}}),
        ('{"a": True, "b": undefined, "c": 1, {"d": 2}}', {"c": 1}),
        ('{"a": "x\0\0\0",\n "b": 2}', {"b": 2}),
        ('[1, {"a": 2', [1]),
    ],
)
def test_what_stands_elsewhere_in_a_broken_text_is_saved(text: str, value: Any) -> None:
    assert mended(text.encode(), "json") == value


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n",
        b"\0" * 4096,
        b"{",
        b"[[",
        b'{"a',
        b'{"a": "x',
        b'{"a": 12',
        b'ame": "x", "b": {"c": 1}}',
        b"\xff\xfe",
        b"{\xff",
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_of_what_holds_nothing_complete_nothing_is_made(data: bytes) -> None:
    assert mended(data, "json") is None


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 1\na = 2\nb = 3\n", {"a": 1, "b": 3}),
        ("[t]\nx = 1\n[t]\ny = 2\nx = 5\n", {"t": {"x": 1, "y": 2}}),
        ("[t\nx = 1\n[u]\ny = 2\n", {"t": {"x": 1}, "u": {"y": 2}}),
        ("[t t]\nx = 1\n[u]\ny = 2\n", {"u": {"y": 2}}),
        ('a = "x\nb = [1,\n2]\nc = yes\n', {"b": [1, 2]}),
        ("a = \nc = 1\nb = 12", {"c": 1}),
        ("a = 1\nb = true\0\0", {"a": 1}),
        ('a = 1\nb = ""\0\0', {"a": 1}),
        ("a = \nc = 1\nb = 12 # sure", {"b": 12, "c": 1}),
        ("a = [1,\n[t]\nx = 1\n", {"t": {"x": 1}}),
        ("\ufeffa = 1\n\0\0", {"a": 1}),
        ("a = 1\n<<<<<<< ours\nb = 2\n=======\nb = 3\n[c]\nd = 4\n>>>>>>> theirs\n", {"a": 1, "b": 2, "c": {"d": 4}}),
    ],
)
def test_toml_keeps_each_statement_that_parses(text: str, value: Any) -> None:
    assert mended(text.encode(), "toml") == value


HOSTILE = [
    b"[" * 100_000, b'{"a":' * 100_000, b"a=" + b"[" * 100_000, b'{"a": 1}' * 100_000, b'"' * 100_000, b"/*" * 100_000,
    b"{" + b"}," * 100_000, b'{"a":[' + b"1}," * 100_000, b"a = [\n" * 50_000, b"x\n" * 200_000, b'a = """\n' * 50_000,
    b"\\" * 100_000, b"-" * 100_000, b'{"a": 1, "b": ' + b"9" * 5000 + b", ",
]  # fmt: skip


@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize("dialect", ["json", "jsonc", "toml"])
@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: data[:8].decode() if isinstance(data, bytes) else data)
def test_hostile_files_come_to_an_end(data: bytes, dialect: Dialect) -> None:
    mended(data[: 1 << 14], dialect)


@pytest.mark.full
@pytest.mark.promise("REPAIR-001")
@pytest.mark.parametrize("dialect", ["json", "jsonc", "toml"])
@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: data[:8].decode() if isinstance(data, bytes) else data)
def test_large_hostile_files_end_in_a_bounded_time(data: bytes, dialect: Dialect) -> None:
    begun = time.monotonic()
    mended(data, dialect)
    assert time.monotonic() - begun < 20


@pytest.mark.full
@pytest.mark.promise("REPAIR-001")
def test_ten_megabytes_are_mended_in_a_bounded_time() -> None:
    text = json.dumps({"projects": {f"/code/{number}": CLAUDE["mcpServers"] for number in range(30_000)}}, indent=1)
    assert len(text) > 10_000_000
    begun = time.monotonic()
    value = mended(text[:-40].encode(), "json", {"theme": "dark"})
    assert len(value["projects"]) >= 29_999
    assert time.monotonic() - begun < 50


@st.composite
def mutants(draw: st.DrawFn) -> tuple[Written, bytes]:
    """A config with one to three such things done to it."""
    written = draw(st.sampled_from((*CONFIGS, TOML)))
    data = written.data
    for _ in range(draw(st.integers(1, 3))):
        place, size = draw(st.integers(0, len(data))), draw(st.integers(1, 64))
        data = harmed(draw(st.sampled_from(HARMS)), data, place, size, draw(st.binary(min_size=1, max_size=8)))
    return written, data


def check_mutant(written: Written, data: bytes) -> None:
    base = strict(written.before, written.dialect)
    try:
        strict(data, written.dialect)
    except Unreadable:
        pass
    else:
        assume(False)
    found = salvage(data, written.dialect)
    try:
        alone = mend(found)
    except Unreadable:
        return
    assert strict(alone.data, written.dialect) == alone.value
    assert holds(alone.value, found.value, longer=True)
    if isinstance(found.value, dict):
        made = mend(found, base)
        assert strict(made.data, written.dialect) == made.value
        assert has_keys(made.value, base)
        assert has_keys(made.value, found.value)
        for other in found.others:
            assert has_keys(made.value, other)


@pytest.mark.promise("REPAIR-002")
@given(mutants())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_mutant_parses_after_its_repair_with_every_key_that_was_saved_and_of_its_backup(mutant: tuple[Written, bytes]) -> None:
    check_mutant(*mutant)


@pytest.mark.full
@pytest.mark.promise("REPAIR-002")
@given(mutants())
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_ten_thousand_mutants(mutant: tuple[Written, bytes]) -> None:
    check_mutant(*mutant)
