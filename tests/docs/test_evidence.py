"""The evidence page says what was counted, names every planted defect, and no machine."""

import socket
from pathlib import Path
from typing import Any

import pytest

from scripts import evidence
from tests.faults.controls import CONTROLS, ELSEWHERE

ROW = {
    "what": "power cuts",
    "trials": 300,
    "broken": 0,
    "note": "",
    "test": "tests/faults/test_power.py::test_x[a]",
    "passed": True,
}
CAUGHT = {f"tests/faults/test_controls.py::test_it[{each.id}-x]": "passed" for each in CONTROLS}


def made(*rows: dict[str, Any], outcomes: dict[str, str] | None = None) -> str:
    return evidence.page(
        {"rows": rows, "outcomes": CAUGHT | (outcomes or {}), "skips": ["test_x.py: NOT TRIED: no tool"]}, "fast"
    )


@pytest.mark.promise("FAULT-005")
def test_counts_are_summed_and_a_zero_has_its_bound() -> None:
    text = made(ROW, {**ROW, "trials": 700})
    assert "| power cuts | 1,000 | 0 | 3.0e-03 | test_power.py |" in text
    assert "NOT TRIED: no tool" in text
    assert socket.gethostname() not in text


@pytest.mark.promise("FAULT-005")
def test_what_was_broken_or_not_caught_has_no_bound_and_is_named() -> None:
    name = f"tests/faults/test_controls.py::test_it[{CONTROLS[0].id}-x]"
    text = made({**ROW, "broken": 2}, outcomes={name: "failed"})
    assert "| power cuts | 300 | 2 | - |" in text
    assert f"| {CONTROLS[0].id} | {CONTROLS[0].defect} | **not caught** |" in text
    assert f"- {name}" in text


@pytest.mark.promise("FAULT-005")
def test_the_page_in_the_docs_is_of_these_controls_and_all_were_caught() -> None:
    text = evidence.PAGE.read_text(encoding="utf-8")
    for identifier in [*(each.id for each in CONTROLS), *(each[0] for each in ELSEWHERE)]:
        assert f"| {identifier} |" in text, f"{identifier} is new: run scripts/evidence"
    assert "not caught" not in text
    assert "## Failed\n\nNothing." in text
    assert (Path(evidence.ROOT) / "scripts" / "evidence").exists()
