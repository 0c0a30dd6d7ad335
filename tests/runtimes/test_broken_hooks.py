"""Real runtimes whose hook is broken: the turn goes on as if nothing were wrong, the doctor names it, and after it mends it the
message that waited stands in the next request.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .machine import Machine
from .model_endpoint import ModelEndpoint, sees

pytestmark = pytest.mark.promise("DOCTOR-003", "DOCTOR-008")


def _first(line: str) -> Callable[[Path], None]:
    """It does something else before it starts Python."""

    def do(launcher: Path) -> None:
        launcher.write_text(launcher.read_text().replace("export SOS_HOME", f"{line}\nexport SOS_HOME", 1))

    return do


def _without_python(launcher: Path) -> None:
    """In all that is started: what still starts would mend the launcher of the hooks."""
    for path in launcher.parent.glob("sos-*"):
        path.write_text(path.read_text().replace(sys.executable, "/nowhere/bin/python"))


HARMS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "launcher gone": ("launcher_gone", Path.unlink),
    "python gone": ("python_gone", _without_python),
    "garbage": ("runtime_config", _first("cat >/dev/null; echo '{\"additional'; exit 0")),
    "hangs": ("runtime_config", _first("exec sleep 600")),
}
"""What is done to the program that every hook starts, and the cause that is named. One that hangs costs each event its time."""
HELD_UP = ("gemini", "hangs")
"""Gemini CLI ends the shell of a late hook alone, and waits for whoever still holds its output: for ever (FACTS-gemini.md).

What our hook starts ends itself after 400 ms; a Python that does not come up at all would hold up the turn.
"""
QUICK = {"codex", "gemini"}
"""The others, and one that hangs, with --full."""


@pytest.mark.parametrize(
    ("runtime", "harm"),
    [
        pytest.param(runtime, harm, marks=[] if runtime in QUICK and harm != "hangs" else [pytest.mark.full])
        for runtime in ("claude", "codex", "gemini", "copilot", "opencode")
        for harm in HARMS
        if (runtime, harm) != HELD_UP
    ],
)
def test_the_turn_goes_on_the_doctor_names_it_and_the_next_turn_shows_what_waited(
    request: pytest.FixtureRequest, endpoint: ModelEndpoint, runtime: str, harm: str
) -> None:
    machine = Machine(request.getfixturevalue(runtime), runtime)
    machine.join("coder", connect=True)
    machine.join("reviewer")
    if runtime == "codex":
        machine.runtime.trust_hooks()
    identifier = machine.send("a walrus waits")  # before the harm: a command would mend the launcher
    cause, do = HARMS[harm]
    do(machine.runtime.home / ".sos" / "bin" / "sos-hook")
    machine.runtime.run("hello")
    assert any(sees("hello")(each) for each in endpoint.requests)
    assert not any(sees(f"{identifier}]")(each) for each in endpoint.requests)
    told = [each for each in endpoint.requests if sees("SOS cannot start")(each)]
    assert bool(told) == (harm == "python gone")
    assert machine.troubles("coder") == [cause]
    machine.sos("doctor", "--fix", "--as", "coder")
    assert set(machine.troubles("coder")) <= {"nobody_reads"}  # no session is open
    endpoint.requests.clear()
    machine.runtime.run("and now?")
    assert any(sees(f"{identifier}]")(each) for each in endpoint.requests)
    assert "surfaced" in machine.facts(identifier)
