"""Stream addresses: one module spells them, and every spelling is understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sos
from sos.model.addresses import (
    Target,
    broadcast_address,
    inbox_address,
    parse_address,
    read_addresses,
    squad_address,
)
from sos.model.names import RESERVED, Slug

SLUGS = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,2}[a-z0-9]", fullmatch=True).filter(lambda s: s not in RESERVED)
#: What an older client may have called the same agent.
MARKS = st.sampled_from([".", "_", ":", "::", "@"])
NAMES = SLUGS | SLUGS.map(str.title) | st.builds(lambda name, mark: mark + name.replace("-", mark) + mark, SLUGS, MARKS)


@pytest.mark.promise("ADDRESS-001")
def test_the_spellings_are_these() -> None:
    assert read_addresses(Slug("a-b"), "a.b", "p", ("s",)) == (
        "sos:stream:project:p:agent:a-b",
        "sos:stream:project:p:agent:a.b",
        "sos:stream:agent:a-b",
        "sos:stream:agent:a.b",
        "sos:stream:sos:channel:private:agent:a-b",
        "sos:stream:sos:channel:private:agent:a.b",
        "sos:stream:global:agent:a-b",
        "sos:stream:global:agent:a.b",
        "sos:stream:project:p:broadcast",
        "sos:stream:global:broadcast",
        "sos:stream:global:agent:broadcast",
        "sos:stream:sos:channel:global",
        "sos:stream:project:p:squad:s",
    )


@pytest.mark.promise("ADDRESS-001")
def test_no_other_file_of_the_package_spells_one() -> None:
    root = Path(sos.__file__).parent
    spelt = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__" and b"sos:stream" in path.read_bytes()
    ]
    assert spelt == ["model/addresses.py"]


@given(SLUGS, NAMES, SLUGS, st.lists(SLUGS, max_size=3).map(tuple))
def test_every_address_that_is_read_means_this_agent_or_everybody(
    agent: str, name: str, project: str, squads: tuple[str, ...]
) -> None:
    found = read_addresses(Slug(agent), name, project, squads)
    assert len(set(found)) == len(found)
    assert found[0] == inbox_address(Slug(agent), project)
    targets = [parse_address(address) for address in found]
    assert None not in targets
    assert {target.agent for target in targets if target} == {agent, name, None}
    assert {target.project for target in targets if target} == {project, None}
    assert {target.squad for target in targets if target} == {None, *squads}


@given(SLUGS, SLUGS, SLUGS)
def test_what_is_written_is_read_and_means_what_was_meant(agent: str, project: str, squad: str) -> None:
    read = read_addresses(Slug(agent), agent, project, (squad,))
    for address, target in [
        (inbox_address(Slug(agent), project), Target(agent=agent, project=project)),
        (inbox_address(Slug(agent), None), Target(agent=agent)),
        (inbox_address(Slug(agent), None, "global"), Target(agent=agent)),
        (broadcast_address(project), Target(project=project)),
        (broadcast_address(None), Target()),
        (squad_address(project, squad), Target(project=project, squad=squad)),
    ]:
        assert address in read
        assert parse_address(address) == target


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sos:stream:dlq:x",
        "sos:stream:coordination",
        "sos:stream:agent:",
        "sos:stream:agent::",
        "sos:stream:global:agent:",
        "sos:stream:project::agent:a",
        "sos:stream:project:p:agent:",
        "sos:stream:project:p:squad:",
        "sos:stream:project:p",
        "SOS:stream:agent:a",
        "agent:a:inbox",
        " sos:stream:agent:a",
    ],
)
def test_what_is_none_of_ours_is_none(address: str) -> None:
    assert parse_address(address) is None


@given(st.text() | st.text("sos:treamgblpjcvin", max_size=60))
def test_foreign_text_never_raises(text: str) -> None:
    parse_address(text)
    parse_address("sos:stream:" + text)
