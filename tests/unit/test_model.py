"""Names, ids, times, JSON, tokens, addresses: the rules that everything rests on."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model import wire
from sos.model.addresses import inbox_address, parse_address, read_addresses
from sos.model.errors import (
    BadName,
    InvalidInput,
    ReservedName,
    SosError,
    TextTooLong,
    TokenDamaged,
    TokenWrongKind,
    UnreadableJson,
)
from sos.model.ids import is_id, loaded, new_id, stored
from sos.model.messages import Draft, ack_for_in, checked, digest, parse_deadline, request_id_in
from sos.model.names import RESERVED, Slug, slug
from sos.model.roles import LABELS, ROLES, role_of
from sos.model.times import Millis, iso, parse_duration, parse_iso
from sos.model.tokens import KINDS, looks_like_token, mint, parse_token, require_kind

SLUG = re.compile(r"^[a-z][a-z0-9-]{0,61}[a-z0-9]$")


@pytest.mark.promise("NAME-001")
@given(st.text(alphabet=st.characters(codec="ascii"), max_size=70))
def test_a_slug_matches_and_is_idempotent_or_is_refused(name: str) -> None:
    try:
        made = slug(name)
    except BadName as error:
        assert error.next_step  # noqa: PT017  # each refusal names a way out
        return
    assert SLUG.match(made)
    assert slug(made) == made


@pytest.mark.promise("NAME-001")
@pytest.mark.parametrize(
    ("name", "made"),
    [("mumega.codecheck", "mumega-codecheck"), ("Alpha.Codex", "alpha-codex"), (" A__b ", "a-b"), ("my_agent", "my-agent")],
)
def test_known_names(name: str, made: str) -> None:
    assert slug(name) == made


@pytest.mark.promise("NAME-002")
@pytest.mark.parametrize(
    "name",
    ["", " ", "...", "агент", "mumega.c\u043edecheck", "../../etc", "a/b", "a\\b", "a\x00b", "a\nb", "x" * 64, "7up", "a", "-"],
)
def test_what_has_no_slug_is_refused_with_a_suggestion_that_is_one(name: str) -> None:
    with pytest.raises(BadName) as refused:
        slug(name)
    suggestion = refused.value.next_step.rsplit(" ", 1)[1]
    assert slug(suggestion) == suggestion


@pytest.mark.promise("NAME-002")
@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names_are_refused(name: str) -> None:
    with pytest.raises(ReservedName):
        slug(name.upper())


@pytest.mark.promise("ROLE-001", "ROLE-002")
def test_every_label_has_its_role_and_an_unknown_one_says_so() -> None:
    for label, role in LABELS.items():
        assert role_of(label.upper().replace("-", "_")) == (role, True)
    assert all(role_of(role) == (role, True) for role in ROLES)
    assert role_of("wizard") == ("executor", False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_goes_there_and_back_and_agrees_with_the_standard_library(value: object) -> None:
    text = wire.dumps(value)
    assert json.loads(text) == value
    assert wire.loads(text) == value
    assert wire.loads(json.dumps(value, ensure_ascii=False, indent=2).encode()) == value


@pytest.mark.parametrize(
    "text", ["", "{", '{"a":1,"a":2}', "NaN", "Infinity", "1 2", "\ufeff{}", '{"a":1,}', "[" * 100_000, b"\xff", '"\n"']
)
def test_what_is_not_strict_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(UnreadableJson):
        wire.loads(text)


def test_ids_are_version_7_and_grow_with_time() -> None:
    made = [new_id(Millis(1_795_000_000_000 + step)) for step in range(50)]
    assert made == sorted(made)
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {(7, uuid.RFC_4122)}
    assert all(is_id(each) and loaded(stored(each)) == each for each in [*made, str(uuid.uuid4())])
    assert loaded(stored("raw:stream:1-0")) == "raw:stream:1-0"


@given(st.integers(0, 4_102_444_800_000).map(Millis))
def test_times_read_and_write_like_the_standard_library(at: Millis) -> None:
    seconds, millis = divmod(at, 1000)
    expected = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{millis:03d}Z"
    assert iso(at) == expected
    assert parse_iso(expected) == parse_iso(expected.replace("Z", "+00:00")) == at


@pytest.mark.parametrize("text", ["", "0s", "5", "s", "-1s", "1.5s", "999d", "1w", "١s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


@pytest.mark.promise("REQUEST-001")
def test_deadlines() -> None:
    assert (parse_deadline("critical"), parse_deadline("routine"), parse_deadline("5m")) == (30_000, 60_000, 300_000)


@pytest.mark.promise("TOKEN-001")
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_token_finds_every_changed_character(kind: str, data: st.DataObject) -> None:
    token = mint(kind)  # type: ignore[arg-type]  # sampled from the kinds
    assert parse_token(token.text) == token
    assert token.text not in repr(token) + str(token)
    place = data.draw(st.integers(len(f"sos_{kind}_"), len(token.text) - 1))
    other = data.draw(st.sampled_from("0Aaz9").filter(lambda character: character != token.text[place]))
    with pytest.raises(TokenDamaged) as refused:
        parse_token(token.text[:place] + other + token.text[place + 1 :])
    assert token.text[10:40] not in str(refused.value)


@pytest.mark.promise("TOKEN-004")
def test_a_token_of_another_service_is_refused_by_name() -> None:
    with pytest.raises(TokenWrongKind, match=r"this is a registry token .* the bus needs sos_bus_"):
        require_kind(mint("reg"), "bus")


def test_what_looks_like_a_token_is_seen() -> None:
    assert looks_like_token("--token=" + mint("bus").text)
    assert looks_like_token("sk-bus-kasra-0123456789abcdef")
    assert not looks_like_token("the sos_bus_ prefix")


@pytest.mark.promise("ADDRESS-001")
def test_every_address_that_is_read_means_this_agent_or_everybody() -> None:
    found = read_addresses(Slug("a-b"), "a.b", "p", ("s",))
    assert found[0] == inbox_address(Slug("a-b"), "p") == "sos:stream:project:p:agent:a-b"
    assert len(set(found)) == len(found) == 13
    for address in found:
        target = parse_address(address)
        assert target is not None
        assert target.agent in {"a-b", "a.b", None}
    assert parse_address("sos:stream:dlq:x") is None


def draft(**fields: object) -> Draft:
    return Draft(id=new_id(Millis(0)), to="bb", text="x").replace(**fields)


def test_a_digest_covers_each_field_and_its_borders() -> None:
    base = draft()
    others = [
        base.replace(**change)
        for change in (
            {"text": "y"},
            {"to": "cc"},
            {"kind": "request"},
            {"thread": "x"},
            {"hops": 1},
            {"priority": 1},
            {"headers": {"a": "b"}},
        )
    ]
    assert len({digest(each) for each in [base, *others]}) == len(others) + 1
    assert digest(draft(to="ab", text="c")) != digest(draft(to="a", text="bc"))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"text": "é" * 32769}, TextTooLong),
        ({"text": "\ud800"}, InvalidInput),
        ({"hops": 9}, InvalidInput),
        ({"priority": 10}, InvalidInput),
        ({"thread": "a\nb"}, InvalidInput),
        ({"kind": "order"}, InvalidInput),
        ({"headers": {str(number): "" for number in range(17)}}, InvalidInput),
        ({"id": "x"}, InvalidInput),
    ],
)
def test_limits_of_a_draft(change: dict[str, object], error: type[SosError]) -> None:
    checked(draft(text="é" * 32768, hops=8, priority=9))
    with pytest.raises(error):
        checked(draft(**change))


@pytest.mark.promise("REQUEST-004")
def test_what_older_agents_write_into_texts() -> None:
    identifier = new_id(Millis(0))
    assert request_id_in(f"[request_id:{identifier}] do it") == identifier
    assert ack_for_in(f"{{ack_for:{identifier}, ok:true}} done") == identifier
    assert request_id_in("[request_id:nonsense]") is None
