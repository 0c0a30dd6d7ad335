"""`sos doctor` and `sos probe` where something may not be read, written or run, or is held: the right cause is named."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.breakages.patient import Patient
from tests.breakages.ways import WAYS
from tests.shell import Shell


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    made = Patient(tmp_path / "home")
    made.prefix = tools.without_privileges()
    yield made
    subprocess.run(["chmod", "-R", "u+rwX", str(made.home)], check=True)
    made.close()


def do(patient: Patient, name: str) -> dict[str, Any]:
    """Break it in one of the ways of the table; what is found first."""
    next(way for way in WAYS if way.name == name).do(patient)
    return patient.cause(patient.doctor())


# --- the store --------------------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-002", "DOCTOR-004")
@pytest.mark.parametrize(
    ("name", "kind", "step"),
    [
        ("the store may not be written", "read-only file", "chmod u+rw {}"),
        ("another process holds the lock", "held by another process", "see who holds it: fuser -v {}.lock"),
        ("another process is in a write", "held by another process", "see who holds it: fuser -v {}"),
    ],
)
def test_a_store_that_takes_no_write_is_broken_and_says_why(patient: Patient, name: str, kind: str, step: str) -> None:
    found = do(patient, name)
    assert found["what"].startswith(f"the store cannot be written: {kind} (")
    assert found["next_step"].startswith(step.format(patient.root / "sos.db"))
    assert "waits in its sender's outbox" in found["why"]


@pytest.mark.promise("DOCTOR-002")
def test_a_store_that_may_not_be_read_is_not_taken_for_a_bad_disk(patient: Patient) -> None:
    (patient.root / "sos.db").chmod(0)
    assert patient.cause(patient.doctor())["next_step"] == f"chmod u+rw {patient.root}/sos.db"


@pytest.mark.promise("DOCTOR-002")
@pytest.mark.parametrize("name", ["the store is gone", "the store is damaged"])
def test_what_is_sent_without_a_sound_store_is_not_said_to_wait(patient: Patient, name: str) -> None:
    found = do(patient, name)
    assert found["why"] == "Nothing reaches the agent, and what it sends is refused: nothing is queued."
    assert patient.shell.run("send", "--as", "bb", "aa", "refused").code == 1
    assert not list(patient.of.glob("outbox/*"))


# --- homes ------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-002", "DOCTOR-006")
@pytest.mark.parametrize("place", ["", "run", "agents/bb"])
def test_a_directory_of_ours_that_may_not_be_written_is_named_with_what_mends_it(patient: Patient, place: str) -> None:
    path = patient.root / place
    path.chmod(0o500)
    examined = patient.doctor()
    found = patient.cause(examined)
    assert (found["code"], found["next_step"]) == ("home_damaged", f"chmod u+rwx {path}")
    assert found["what"].startswith(f"{path} cannot be written: ")
    (call,) = examined["calls"]
    assert f"Please have my user do this: chmod u+rwx {path}." in call["text"]
    assert "free space" not in call["text"]
    assert patient.doctor("--fix")["well"]


@pytest.mark.promise("DOCTOR-002")
def test_a_home_that_may_not_be_looked_into_is_still_looked_at(patient: Patient) -> None:
    patient.of.chmod(0)
    ran = Shell(patient.home, patient.shell.extra, patient.prefix).run("doctor", "--json")
    found = {each["code"]: each["next_step"] for rung in ran.json["rungs"] for each in rung["findings"] if rung["agent"] == "bb"}
    assert found["home_damaged"] == f"chmod u+rwx {patient.of}"


@pytest.mark.promise("DOCTOR-002")
def test_a_runtimes_own_directory_that_may_not_be_looked_into_is_not_taken_for_one_that_lacks_the_hook(patient: Patient) -> None:
    (patient.home / ".claude").chmod(0)
    found = patient.cause(patient.doctor())
    assert (found["code"], found["next_step"]) == ("hook_closed", f"chmod u+rwx {patient.home}/.claude")


@pytest.mark.promise("DOCTOR-006")
def test_one_fix_goes_on_to_what_it_uncovers(patient: Patient) -> None:
    for path, mode in (
        (patient.root, 0o755),
        (patient.of, 0o755),
        (patient.token("bus"), 0o644),
        (patient.token("squad"), 0o644),
    ):
        path.chmod(mode)
    (patient.of / "RECOVERY.md").unlink()
    examined = patient.doctor("--fix")
    assert examined["well"], examined
    assert {each["code"] for each in examined["mended"]} == {"home_not_private", "guide_missing"}


@pytest.mark.promise("DISK-003")
@pytest.mark.parametrize(("name", "mode"), [("", 0o500), ("run", 0o500), ("sos.db", 0o400)])
def test_the_watchdog_is_not_content_with_room_where_nothing_may_be_written(patient: Patient, name: str, mode: int) -> None:
    shell = Shell(patient.home, patient.shell.extra, patient.prefix)
    assert shell.run("watchdog", "--once", "--json").json["closed"] == []
    (patient.root / name).chmod(mode)
    ran = shell.run("watchdog", "--once", "--json")
    assert (ran.code, ran.json["closed"]) == (1, [str(patient.root / name)])


# --- the probe --------------------------------------------------------------------------------------------------------


def probed(patient: Patient) -> dict[str, Any]:
    made: dict[str, Any] = (
        Shell(patient.home, patient.shell.extra, patient.prefix).run("probe", "--json", "--as", "aa", "bb").json
    )
    return made


@pytest.mark.promise("PROBE-001")
def test_a_lock_that_may_not_be_opened_is_the_stores_trouble_and_no_tokens(patient: Patient) -> None:
    (patient.root / "sos.db.lock").chmod(0o400)
    made = probed(patient)
    assert (made["broken"], made["code"]) == ("store", "store_unreachable")
    assert made["next"].startswith(f"ls -ld {patient.root}/sos.db.lock")


@pytest.mark.promise("PROBE-001")
def test_a_hook_that_its_runtime_would_not_run_is_broken_with_the_doctors_words(patient: Patient) -> None:
    settings = patient.settings(disableAllHooks=True)
    found, made = patient.cause(patient.doctor()), probed(patient)
    assert (made["broken"], made["next"]) == ("hook", found["next_step"])
    assert found["what"] in json.dumps(made["hops"])
    settings.unlink()
    assert probed(patient)["well"]


@pytest.mark.promise("PROBE-001")
def test_a_hook_that_codex_does_not_trust_is_broken(tmp_path: Path) -> None:
    patient = Patient(tmp_path / "home", runtime="codex")
    assert probed(patient)["well"]
    next(way for way in WAYS if way.name == "codex: nobody has trusted the hooks").do(patient)
    made = probed(patient)
    patient.close()
    assert (made["broken"], made["code"]) == ("hook", "runtime_config")
    assert "trust" in made["next"]
