"""Whatever breaks an agent: the doctor names the cause, one command mends it, and the message that waited arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.breakages.deeds import Way
from tests.breakages.patient import Patient
from tests.breakages.ways import WAYS
from tests.serving import Serving

TITLES = {"codex": "[Cc]odex", "gemini": "[Gg]emini", "copilot": "[Cc]opilot", "opencode": "OpenCode|opencode"}
"""How a runtime is named where the cause is one of its own."""


def cases() -> list[Any]:
    """Every way in Claude Code, and of each cause in another runtime the first; the rest with --full."""
    seen: set[tuple[str, str]] = set()
    made = []
    for way in WAYS:
        again = way.runtime != "claude" and (way.runtime, way.cause) in seen
        seen.add((way.runtime, way.cause))
        made.append(pytest.param(way, way, id=way.name, marks=[pytest.mark.full] if again else []))
    return made


@pytest.fixture
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Patient]:
    way = getattr(request, "param", None)
    serving = Serving(tmp_path / "server") if way is not None and way.over_server else None
    made = Patient(tmp_path / "home", serving, "claude" if way is None else way.runtime)
    yield made
    made.close()


@pytest.mark.promise("DOCTOR-001", "DOCTOR-002", "DOCTOR-003", "DOCTOR-004", "DOCTOR-008")
@pytest.mark.parametrize(("patient", "way"), cases(), indirect=["patient"])
def test_the_cause_is_named_and_mended_and_what_waited_arrives(patient: Patient, way: Way) -> None:
    patient.send(way.waits)
    patient.prefix = tools.without_privileges() if way.unprivileged else []
    way.do(patient)
    examined = patient.doctor(environment=dict(way.environment))
    cause = patient.cause(examined)
    assert cause["code"] == way.cause
    if way.runtime != "claude":
        assert re.search(TITLES[way.runtime], " ".join(cause[key] for key in ("what", "why", "next_step")))
    for rung in examined["rungs"]:
        for finding in rung["findings"]:
            assert all(finding[key] for key in ("what", "why", "next_step"))
    if way.mend is None:
        patient.doctor("--fix")
    elif callable(way.mend):
        way.mend(patient)
    else:
        ran = patient.shell.run(*way.mend)
        assert ran.code == 0, ran
    patient.arrives()
    assert patient.doctor()["well"]


@pytest.mark.promise("DOCTOR-001")
def test_a_whole_agent_is_well_on_every_rung(patient: Patient) -> None:
    examined = patient.doctor()
    assert [(rung["rung"], rung["state"], rung["findings"]) for rung in examined["rungs"]] == [
        ("machine", "well", []),
        ("runtime", "well", []),
        ("inbox", "well", []),
        ("identity", "well", []),
    ]
    assert examined["calls"] == []
