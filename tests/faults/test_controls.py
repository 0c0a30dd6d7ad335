"""The test of the fault tests: each check passes on the code as it is, and catches the defect that was planted for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.checks import Scene
from tests.faults.controls import CONTROLS, Control

pytestmark = pytest.mark.promise("FAULT-003")


def broken(control: Control, home: Path, *, planted: bool) -> set[str]:
    with pytest.MonkeyPatch.context() as patch:
        scene = Scene(home, patch, control.plant if planted else lambda patch: None)
        try:
            return control.check(scene)
        finally:
            patch.undo()
            scene.close()


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control.id}-{control.plant.__name__}")
def test_a_planted_defect_is_caught_by_the_check_that_passes_without_it(control: Control, home: Path) -> None:
    (home / ".sos").rmdir()
    assert broken(control, home, planted=False) == set()
    with pytest.MonkeyPatch.context() as patch:
        (again := home / "again").mkdir()
        patch.setenv("HOME", str(again))
        assert control.rule in broken(control, again, planted=True), control.defect


def test_there_are_enough_and_each_is_another() -> None:
    assert len({control.id for control in CONTROLS}) == len({control.plant for control in CONTROLS}) == len(CONTROLS) >= 20
