"""Roles: what people write, mapped by one table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.errors import InvalidInput
from sos.model.roles import LABELS, MAX_LABEL, ROLES, UNKNOWN, role_of


def test_the_mesh_knows_seven_roles() -> None:
    assert set(ROLES) == {"coordinator", "executor", "specialist", "oracle", "medic", "service", "human"}
    assert set(LABELS.values()) <= set(ROLES)
    assert not set(LABELS) & set(ROLES)


@pytest.mark.promise("ROLE-001")
@pytest.mark.parametrize("written", ["{}", "  {} "])
def test_every_label_and_role_maps_whatever_its_case_blanks_and_underscores(written: str) -> None:
    for label, role in [*LABELS.items(), *((role, role) for role in ROLES)]:
        for spelt in (label, label.upper(), label.title(), label.replace("-", "_"), label.replace("-", "  ")):
            assert role_of(written.format(spelt)) == (role, True)


@pytest.mark.promise("ROLE-001")
@pytest.mark.parametrize(
    ("labels", "role"),
    [
        (("code-reviewer", "reviewer", "qa"), "specialist"),
        (("builder", "developer", "coder"), "executor"),
        (("orchestrator", "lead", "planner"), "coordinator"),
        (("strategist", "researcher"), "oracle"),
        (("sre", "on-call"), "medic"),
    ],
)
def test_acceptance_cases(labels: tuple[str, ...], role: str) -> None:
    assert {role_of(label) for label in labels} == {(role, True)}


@pytest.mark.promise("ROLE-002")
@given(st.text().filter(lambda text: text.isprintable() and 0 < len(text.strip()) <= MAX_LABEL))
def test_an_unknown_label_is_an_executor_and_said_to_be_unknown(label: str) -> None:
    role, known = role_of(label)
    assert role in ROLES
    key = "-".join(label.lower().replace("_", " ").replace("-", " ").split())
    assert known == (key in ROLES or key in LABELS)
    assert known or role == UNKNOWN == "executor"


@pytest.mark.parametrize("label", ["", "  ", "a\x1b[31mb", "a\nb", "a\u202eb", "x" * (MAX_LABEL + 1)])
def test_a_label_that_would_harm_a_screen_is_refused(label: str) -> None:
    with pytest.raises(InvalidInput):
        role_of(label)
