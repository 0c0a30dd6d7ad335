"""What the doctor sees of a machine and a runtime where that cannot be broken for real in a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos.doctor import machine
from sos.model.errors import RuntimeConfigError
from sos.model.times import Millis
from sos.runtimes.claude import connector, health
from sos.settings import load
from sos.wiring import installing, probing

NOW = Millis(1_795_000_000_000)


@pytest.mark.promise("DOCTOR-003")
@pytest.mark.parametrize(("available", "expected"), [(4, ["memory_low"]), (5, []), (100, [])])
def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch, home: Path, available: int, expected: list[str]) -> None:
    monkeypatch.setattr(machine, "_available", lambda: (100 << 30, available << 30))
    looked = machine.look(load(), NOW)
    found = [trouble.finding for trouble in looked.troubles if trouble.finding.code.startswith("memory")]
    assert [finding.code for finding in found] == expected
    assert not any(finding.severity == "critical" for finding in found)


@pytest.mark.promise("DOCTOR-003")
def test_where_there_is_no_proc_nothing_is_said_of_memory(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(machine, "_available", lambda: (0, 0))
    looked = machine.look(load(), NOW)
    assert not [word for word in (*looked.well, *(each.finding.what for each in looked.troubles)) if "memory" in word]


@pytest.mark.promise("DOCTOR-003")
def test_a_hook_that_does_not_end_in_its_time_is_found(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    settings = load()
    installing.install(settings, "claude", settings.places(""), "a guide")
    assert probing.starts(settings, "claude") >= 0
    (Path(settings.home) / "bin" / "sos-hook").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(connector, "EVENTS", {connector.PROMPT: 1})
    with pytest.raises(RuntimeConfigError, match="did not end within 1 s"):
        probing.starts(settings, "claude")


@pytest.mark.promise("DOCTOR-003")
def test_a_managed_setting_that_switches_hooks_off_is_found(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    settings = load()
    installing.install(settings, "claude", settings.places(""), "a guide")
    monkeypatch.setattr(health, "MANAGED", str(tmp_path))

    def codes() -> list[str]:
        return [finding.code for finding in installing.look(settings, "claude", [])]

    assert codes() == []
    (tmp_path / "managed-settings.json").write_text('{"allowManagedHooksOnly": true}')
    assert codes() == ["hooks_disabled"]
    (tmp_path / "managed-settings.json").unlink()
    (tmp_path / "managed-settings.d").mkdir()
    (tmp_path / "managed-settings.d" / "10-quiet.json").write_text('{"disableAllHooks": true}')
    assert codes() == ["hooks_disabled"]
