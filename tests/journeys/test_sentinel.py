"""`sos sentinel`: agents whose machine is broken in real ways are found, named and told of, once; nothing of theirs is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sos.model.times import MINUTE, SECOND
from tests.breakages.patient import LATER, SESSION, TEXT, Patient
from tests.serving import Serving
from tests.shell import Json, Shell
from tests.watching import stop, until


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    made = Patient(tmp_path / "home")
    yield made
    made.close()


def look(patient: Patient) -> Json:
    ran = patient.shell.run("sentinel", "--once", "--json")
    assert ran.code in {0, 1}, ran
    made: Json = ran.json
    assert bool(made["deaf"]) is (ran.code == 1)
    return made


def told(found: Json) -> list[tuple[str, str]]:
    return [(each["way"], each["to"]) for each in found["told"]]


def events(patient: Patient) -> list[str]:
    """The canaries that peers have sent to it."""
    found = patient.shell.json("inbox", "--as", "bb", "--view", "recent")["entries"]
    return [entry["text"] for entry in found if entry["kind"] == "event"]


def silence(patient: Patient, minutes: int = 40) -> None:
    """Its hook ran last so many minutes ago, and mail has waited since."""
    at = int(time.time() * 1000) - minutes * MINUTE
    patient.sql("UPDATE body SET hook_at = ?, seen_at = ?", at, at)
    patient.send(before=minutes * MINUTE)


@pytest.mark.promise("SENTINEL-001", "SENTINEL-003", "SENTINEL-004")
def test_a_hook_that_shows_nothing_is_found_by_a_canary_told_of_once_and_the_end_of_it_too(patient: Patient) -> None:
    assert look(patient)["deaf"] == []
    patient.send(before=40 * SECOND)
    launcher = patient.root / "bin" / "sos-hook"
    whole = launcher.read_text()
    launcher.write_text("#!/bin/sh\nexit 0\n")
    found = look(patient)
    assert found["deaf"] == ["bb"]
    (agent,) = [each for each in found["agents"] if each["id"] == "bb"]
    assert (agent["hearing"], agent["cause"]) == ("deaf", "hook_gone")
    assert told(found) == [("notice", "bb")]
    assert told(look(patient)) == []
    assert told(look(patient)) == [("message", "operator")]  # aa is of its role, and has no session that could hear
    assert [told(look(patient)) for _ in range(3)] == [[], [], []]
    (entry,) = patient.shell.json("inbox")["entries"]
    assert (entry["sender"], entry["text"].partition(":")[0]) == ("system", "bb hears nothing")
    assert patient.session.poll() is None  # it has ended nothing
    launcher.write_text(whole)
    shown = patient.event("UserPromptSubmit", SESSION) or ""
    assert f"| {TEXT}" in shown
    assert "mail waited for you since" in shown
    assert "mail waited for you" not in (patient.event("UserPromptSubmit", SESSION) or "")
    found = look(patient)
    assert (found["deaf"], told(found)) == ([], [("message", "operator")])
    assert found["told"][0]["text"].startswith("bb hears again")
    assert told(look(patient)) == []


def freeze(patient: Patient) -> None:
    os.kill(patient.session.pid, signal.SIGSTOP)


def end(patient: Patient) -> None:
    patient.session.kill()
    patient.session.wait()


def take_terminal(patient: Patient) -> None:
    """Its session runs in a terminal that is closed."""
    master, slave = os.openpty()
    words = ["/bin/sh", "-c", "trap '' HUP; sleep 600; :"]
    patient.session = patient.start(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    patient.event("SessionStart", LATER, source="startup")
    patient.shell.inside(LATER).json("take")
    patient.sql("UPDATE body SET presence = 'closed' WHERE session = ?", SESSION)
    os.close(master)


def expire(patient: Patient) -> None:
    patient.sql("UPDATE token SET expires_at = 1000 WHERE agent = 'bb' AND service = 'bus'")


def work(patient: Patient) -> None:
    patient.sql("UPDATE body SET presence = 'working'")


REAL: dict[str, Callable[[Patient], object]] = {
    "frozen": freeze,
    "dead": end,
    "terminal_gone": take_terminal,
    "token": expire,
    "hook_gone": lambda patient: (patient.root / "bin" / "sos-hook").unlink(),
    "config_broken": lambda patient: patient.settings().write_text('{"model": "opus", "hooks": '),
    "waiting": work,
    "not_woken": lambda patient: None,
}


@pytest.mark.promise("SENTINEL-002", "SENTINEL-004")
@pytest.mark.parametrize("cause", REAL)
def test_what_is_broken_on_its_machine_is_named(patient: Patient, cause: str) -> None:
    do = REAL[cause]
    if cause == "terminal_gone":
        do(patient)
        silence(patient)
    else:
        silence(patient)
        do(patient)
    found = look(patient)
    (agent,) = [each for each in found["agents"] if each["id"] == "bb"]
    assert (agent["hearing"], agent["cause"]) == ("deaf", cause), found
    assert told(found) == [("notice", "bb")]
    if cause != "dead":
        assert patient.session.poll() is None


@pytest.mark.promise("SENTINEL-001")
def test_silence_without_mail_and_mail_at_lunch_are_no_alarm(patient: Patient) -> None:
    at = int(time.time() * 1000) - 3 * 24 * 60 * MINUTE
    patient.sql("UPDATE body SET hook_at = ?, seen_at = ?", at, at)
    patient.send()
    found = look(patient)
    assert (found["deaf"], [each["hearing"] for each in found["agents"]]) == ([], ["late"])


@pytest.mark.promise("SENTINEL-001")
def test_hook_runs_that_could_not_reach_the_bus_are_opportunities_that_were_missed(patient: Patient) -> None:
    patient.send(before=40 * SECOND)
    token = patient.token("bus")
    kept = token.read_bytes()
    token.unlink()
    for _ in range(2):
        assert "bus unreachable" in (patient.event("UserPromptSubmit", SESSION) or "")
    found = look(patient)
    assert [(each["hearing"], each["cause"]) for each in found["agents"]] == [("deaf", "token")]
    token.write_bytes(kept)
    token.chmod(0o600)
    assert f"| {TEXT}" in (patient.event("UserPromptSubmit", SESSION) or "")
    assert look(patient)["deaf"] == []


@pytest.mark.promise("SENTINEL-003")
def test_it_runs_until_it_is_ended_and_one_at_a_time(patient: Patient) -> None:
    silence(patient)
    words = [sys.executable, "-m", "sos", "sentinel", "run"]
    watch = subprocess.Popen(words, env=patient.shell.environment, stderr=subprocess.PIPE, text=True, cwd=patient.home)
    try:
        assert watch.stderr is not None
        assert watch.stderr.readline().startswith("sos: told bb (notice): mail waited for you since ")
        assert patient.shell.run("sentinel", "--once", "--json").json["error"] == "conflict"
        assert stop(watch) == ""
    finally:
        watch.kill()
        watch.wait()
    plain = patient.shell.run("sentinel", "--once")
    assert plain.code == 1
    assert plain.out.splitlines()[0].split()[:2] == ["bb", "deaf"]


def test_where_the_agents_joined_a_server_it_is_the_servers_to_look_and_no_store_is_made(tmp_path: Path) -> None:
    patient = Patient(tmp_path / "home", Serving(tmp_path / "server"))
    try:
        for extra in ({}, {"SOS_URL": patient.serving.url if patient.serving is not None else ""}):
            ran = Shell(patient.home, {**patient.shell.extra, **extra}).run("sentinel", "--once", "--json")
            assert (ran.code, ran.json["error"]) in {(1, "nobody_here"), (2, "invalid_input")}, ran
        assert not (patient.root / "sos.db").exists()
    finally:
        patient.close()


@pytest.mark.promise("SENTINEL-001")
def test_a_program_that_takes_its_mail_by_itself_is_sent_no_canary(patient: Patient) -> None:
    patient.send(before=40 * SECOND)
    patient.sql("UPDATE body SET runtime = 'watch'")
    look(patient)
    assert events(patient) == []
    patient.sql("UPDATE body SET runtime = 'claude'")
    look(patient)
    assert len(events(patient)) == 1


def test_a_server_looks_after_its_agents_too(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "server")
    try:

        def metrics() -> str:
            with urllib.request.urlopen(f"{serving.url}/metrics", timeout=10) as answer:
                return str(answer.read(), "utf-8")

        until(lambda: "sos_deaf_agents 0.0" in metrics())
        until((serving.shell.root / "run" / "sentinel.json").exists)
        ran = serving.shell.run("sentinel", "--once", "--json")
        assert ran.json["error"] == "conflict"
    finally:
        serving.stop()
