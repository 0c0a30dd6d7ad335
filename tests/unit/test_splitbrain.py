"""The split-brain check: what is written and read by nobody, read and never written, and names beside slugs."""

from __future__ import annotations

import pytest

from sos.core.splitbrain import check
from sos.model.addresses import Address, broadcast_address, inbox_address, parse_convention, read_addresses, squad_address
from sos.model.agents import Agent
from sos.model.errors import InvalidInput
from sos.model.names import Slug
from sos.model.streams import Written
from sos.model.times import Millis

pytestmark = pytest.mark.promise("ADDRESS-006")

AT = Millis(1_795_000_000_000)


def agent(slug: str, name: str = "", **fields: object) -> Agent:
    base = {"slug": Slug(slug), "name": name or slug, "role": "executor", "label": "x", "project": "p", "joined_at": AT}
    return Agent(**{**base, **fields})  # type: ignore[arg-type]  # fields of an agent


AA, CC = agent("aa"), agent("code-check", "code.check", squads=("s",))


def there(*written: Address, complete: bool = True) -> Written:
    return Written(since=dict.fromkeys(written, AT), complete=complete)


def codes(agents: list[Agent], *written: Address, configured: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    conventions = [parse_convention(each) for each in configured]
    return [(found.code, found.what) for found in check(agents, there(*written), conventions)]


def test_what_is_read_and_written_is_no_finding() -> None:
    for address in (*read_addresses(CC.slug, "code-check", "p", ("s",)), squad_address("p", "s"), broadcast_address(None)):
        found = codes([CC], address, inbox_address(CC.slug, "p"))
        assert found == []


def test_what_nobody_reads_is_named_with_the_agent_that_it_may_be_meant_for() -> None:
    lost = inbox_address(AA.slug, "q")
    (found,) = check([AA], there(lost, inbox_address(AA.slug, "p")))
    assert (found.code, found.severity, found.since) == ("split_unread", "critical", AT)
    assert lost in found.what
    assert found.next_step == "aa is in project p: let its writers use sos send aa"
    strange = Address("sos:stream:nonsense")
    assert codes([], strange) == [("split_unread", "Messages stand in sos:stream:nonsense, and no agent reads it.")]


def test_an_agent_that_left_reads_nothing() -> None:
    """What it had already is no alarm; what came since is one."""
    for closed_at, code, severity in ((AT + 1, "split_left", "note"), (AT, "split_unread", "critical")):
        (found,) = check([agent("aa", status="closed", closed_at=Millis(closed_at))], there(inbox_address(AA.slug, "p")))
        assert (found.code, found.severity) == (code, severity)


def test_a_name_beside_its_slug_is_named_whether_or_not_it_is_read() -> None:
    dotted, plain = inbox_address(Slug("code.check"), None), inbox_address(CC.slug, None)
    assert codes([CC], dotted, plain) == [
        ("split_spelling", "Somebody writes to the name code.check, beside the slug code-check.")
    ]
    assert [code for code, _ in codes([agent("code-check")], dotted, plain)] == ["split_unread", "split_spelling"]
    assert codes([CC], dotted) == [("split_spelling", "Somebody writes to the name code.check; its slug is code-check.")]
    hostile = Address("sos:stream:agent:../x\u202e")
    assert [code for code, _ in codes([], hostile)] == ["split_unread"]


def test_what_is_read_and_never_written_is_a_note() -> None:
    typo = Address("sos:stream:agnet:aa")
    assert codes([AA, CC], inbox_address(AA.slug, "p"), configured=(typo,)) == [
        ("split_unwritten", "The configured address sos:stream:agnet:aa is read, and nobody has ever written there."),
        ("split_unwritten", "Each of the 8 addresses of code-check is read, and nobody has ever written there."),
    ]
    assert codes([AA], inbox_address(AA.slug, "p"), typo, configured=(typo,)) == []


def test_a_search_that_did_not_see_all_streams_calls_nothing_unwritten_and_says_so() -> None:
    lost = inbox_address(AA.slug, "q")
    found = check([AA, CC], there(lost, complete=False), [parse_convention("team:{agent}")])
    assert [each.code for each in found] == ["split_unread", "split_incomplete"]


def test_a_configured_convention_is_read_by_each_agent_under_each_of_its_names() -> None:
    team = [Address("team:p:aa"), Address("team:p:code-check"), Address("team:p:code.check")]
    convention = ("team:{project}:{agent}",)
    assert codes([AA, CC], inbox_address(AA.slug, "p"), inbox_address(CC.slug, "p"), *team, configured=convention) == []
    assert codes([AA, CC], inbox_address(AA.slug, "p"), inbox_address(CC.slug, "p"), *team[:2], configured=convention) == [
        ("split_unwritten", "The configured address team:p:code.check is read, and nobody has ever written there.")
    ]


@pytest.mark.parametrize("text", ["", "a b", "a{x}", "{agent", "a\nb", "x" * 201])
def test_a_convention_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_convention(text)
