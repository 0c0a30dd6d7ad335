"""Messages: limits of a draft, and the digest that tells two drafts apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sos.model.addresses import inbox_address
from sos.model.errors import InvalidInput, SosError, TextTooLong, TooManyHops
from sos.model.ids import new_id
from sos.model.messages import (
    KINDS,
    MAX_CONTENT_TYPE,
    MAX_HEADER_TEXT,
    MAX_HEADERS,
    MAX_HOPS,
    MAX_TEXT,
    MAX_TO,
    Draft,
    ack_for_in,
    checked,
    digest,
    drafted,
    parse_deadline,
    request_id_in,
)
from sos.model.names import Slug
from sos.model.parcels import Parcel, draft_of, message_of, seal
from sos.model.times import MAX_DURATION, Millis

TEXTS = st.text(max_size=20)
SPANS = st.none() | st.integers(0, 10**9)
DRAFTS = st.builds(
    Draft,
    id=st.uuids().map(str),
    to=TEXTS,
    text=TEXTS,
    kind=st.sampled_from(KINDS),
    content_type=TEXTS,
    thread=st.none() | st.text(min_size=1, max_size=5),
    in_reply_to=st.none() | st.uuids().map(str),
    priority=st.integers(0, 9),
    deadline_in=SPANS,
    expires_in=SPANS,
    hops=st.integers(0, MAX_HOPS),
    headers=st.dictionaries(TEXTS, TEXTS, max_size=3),
)


def draft(**fields: Any) -> Draft:
    return Draft(id=new_id(Millis(0)), to="bb", text="x").replace(**fields)


def parcel(of: Draft, **fields: Any) -> Parcel:
    return Parcel(
        draft=of,
        sender="aa",
        recipients=("bb",),
        project="p",
        address=inbox_address(Slug("bb"), "p"),
        assurance="same-user",
        sent_at=Millis(1_795_000_000_000),
    ).replace(**fields)


@given(DRAFTS, DRAFTS)
@example(draft(deadline_in=None), draft(deadline_in=0))
@example(draft(expires_in=None), draft(expires_in=0))
@example(draft(headers={"a": "b"}), draft(headers={"a": "b", "c": ""}))
def test_two_drafts_have_one_digest_only_where_all_but_the_id_is_the_same(one: Draft, other: Draft) -> None:
    assert (digest(one) == digest(other)) == (one == other.replace(id=one.id))
    assert digest(one) == digest(one.replace(id=other.id))


@given(DRAFTS, st.data())
def test_one_changed_field_changes_the_digest(base: Draft, data: st.DataObject) -> None:
    other = data.draw(DRAFTS)
    field = data.draw(st.sampled_from(sorted(set(base.fields()) - {"id"})))
    changed = base.replace(**{field: other.fields()[field]})
    assert (digest(changed) == digest(base)) == (changed == base)


@given(st.text(max_size=8), st.text(max_size=8), st.integers(0, 16))
def test_a_character_that_moves_over_a_border_changes_the_digest(one: str, two: str, cut: int) -> None:
    whole = one + two
    assume(cut <= len(whole) and cut != len(one))
    moved = {"to": whole[:cut], "kind": whole[cut:]}
    assert digest(draft(to=one, kind=two)) != digest(draft(**moved))
    assert digest(draft(text=one, content_type=two)) != digest(draft(text=whole[:cut], content_type=whole[cut:]))


def test_a_length_cannot_be_forged_from_inside_a_field() -> None:
    assert digest(draft(to="a7:message1:x", text="")) != digest(draft(to="a", text="x"))
    assert digest(draft(headers={"a": '", "b": "c'})) != digest(draft(headers={"a": "", "b": "c"}))


@given(DRAFTS)
def test_headers_count_by_content_and_not_by_order(base: Draft) -> None:
    assert digest(base) == digest(base.replace(headers=dict(reversed(base.headers.items()))))


@given(DRAFTS)
def test_a_draft_is_taken_back_out_of_its_message(base: Draft) -> None:
    made = message_of(parcel(base), seq=7)
    assert draft_of(made) == base
    assert made.sha256 == digest(base).hex()
    assert made.seq == 7


def test_a_seal_covers_what_was_sent_by_whom_when_and_how_surely() -> None:
    base = draft()
    seals = [
        seal(message_of(parcel(base.replace(text="y")))),
        seal(message_of(parcel(base.replace(id=new_id(Millis(1)))))),
        seal(message_of(parcel(base, sender="cc"))),
        seal(message_of(parcel(base, assurance="token"))),
        seal(message_of(parcel(base, sent_at=Millis(1)))),
        seal(message_of(parcel(base, address=inbox_address(Slug("bb"), None)))),
        seal(message_of(parcel(base))),
    ]
    assert len(set(seals)) == len(seals)
    assert seals[-1] == seal(message_of(parcel(base)))


LARGEST: dict[str, Any] = {
    "text": "é" * (MAX_TEXT // 2),
    "hops": MAX_HOPS,
    "priority": 9,
    "thread": "t" * 64,
    "to": "t" * MAX_TO,
    "content_type": "c" * MAX_CONTENT_TYPE,
    "in_reply_to": new_id(Millis(0)),
    "deadline_in": MAX_DURATION,
    "expires_in": MAX_DURATION,
    "headers": {f"{number:064d}": "é" * (MAX_HEADER_TEXT // 2) for number in range(MAX_HEADERS)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_at_its_limits_passes_unchanged(kind: str) -> None:
    made = draft(kind=kind, **LARGEST)
    assert checked(made) is made
    assert checked(draft(text="")).text == ""


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"text": "é" * (MAX_TEXT // 2) + "x"}, TextTooLong),
        ({"text": "\ud800"}, InvalidInput),
        ({"hops": MAX_HOPS + 1}, TooManyHops),
        ({"hops": -1}, InvalidInput),
        ({"priority": 10}, InvalidInput),
        ({"priority": -1}, InvalidInput),
        ({"thread": ""}, InvalidInput),
        ({"thread": "t" * 65}, InvalidInput),
        ({"thread": "a\nb"}, InvalidInput),
        ({"thread": "é"}, InvalidInput),
        ({"kind": "order"}, InvalidInput),
        ({"to": ""}, InvalidInput),
        ({"to": "t" * (MAX_TO + 1)}, InvalidInput),
        ({"to": "a\x1b[2J"}, InvalidInput),
        ({"content_type": "c" * (MAX_CONTENT_TYPE + 1)}, InvalidInput),
        ({"content_type": "text/\nplain"}, InvalidInput),
        ({"in_reply_to": "x"}, InvalidInput),
        *(({field: span}, InvalidInput) for field in ("deadline_in", "expires_in") for span in (0, -1, MAX_DURATION + 1)),
        ({"headers": {str(number): "" for number in range(MAX_HEADERS + 1)}}, InvalidInput),
        ({"headers": {"": "x"}}, InvalidInput),
        ({"headers": {"k" * 65: "x"}}, InvalidInput),
        ({"headers": {"k\n": "x"}}, InvalidInput),
        ({"headers": {"k": "x" * (MAX_HEADER_TEXT + 1)}}, InvalidInput),
        ({"headers": {"k": "\udfff"}}, InvalidInput),
        ({"id": "x"}, InvalidInput),
    ],
)
def test_one_step_over_a_limit_is_refused_with_a_code(change: dict[str, Any], error: type[SosError]) -> None:
    with pytest.raises(error) as refused:
        checked(draft(**{**LARGEST, **change}))
    assert refused.value.code in {"invalid_input", "text_too_long", "too_many_hops"}


WRONG: list[dict[Any, Any]] = [
    *({name: wrong} for name in ("id", "to", "text", "kind", "content_type", "priority", "headers") for wrong in (None, 2.5)),
    *({name: wrong} for name in ("thread", "in_reply_to", "deadline_in", "expires_in") for wrong in (1.5, b"x", ["x"], True)),
    *({"priority": True}, {"hops": None}, {"text": 7}, {"headers": {"k": 1}}, {"headers": {1: "x"}}, {"headers": ["x"]}),
    *({"kind": "canary"}, {"assurance": "token"}, {"sender": "operator"}),
]


@pytest.mark.promise("MESSAGE-003")
@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_type_an_unknown_kind_or_field_is_refused_with_a_code(change: dict[str, Any]) -> None:
    fields = {**draft(**LARGEST).fields(), **change}
    with pytest.raises(InvalidInput) as refused:
        checked(drafted(fields))
    assert refused.value.code == "invalid_input"


@pytest.mark.promise("REQUEST-001")
def test_deadlines() -> None:
    assert (parse_deadline("critical"), parse_deadline("routine"), parse_deadline("5m")) == (30_000, 60_000, 300_000)
    with pytest.raises(InvalidInput):
        parse_deadline("soon")


@given(st.uuids().map(str), st.text(max_size=10).filter(lambda text: "[" not in text and "{" not in text))
@pytest.mark.promise("REQUEST-004")
def test_ids_that_older_agents_write_into_texts(identifier: str, before: str) -> None:
    assert request_id_in(f"{before}[request_id:{identifier}] do it") == identifier
    assert request_id_in(f"{before}[request_id: {identifier.upper()} ] do it") == identifier
    assert ack_for_in(f"{before}{{ack_for:{identifier}, ok:true}} done") == identifier


@pytest.mark.parametrize(
    "text", ["", "[request_id:]", "[request_id:nonsense]", "{ack_for:1, ok:true}", "request_id", "[request_id:"]
)
def test_no_id_is_made_of_anything_else(text: str) -> None:
    assert request_id_in(text) is None
    assert ack_for_in(text) is None
