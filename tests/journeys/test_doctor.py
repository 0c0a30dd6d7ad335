"""`sos doctor`: how it climbs, what it does not touch, and whom it asks. What it finds: tests/breakages."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sos.model.errors import RuntimeConfigError
from sos.model.times import MINUTE
from sos.runtimes import HOOKED, versions
from sos.settings import load
from sos.wiring import probing
from tests import tools
from tests.breakages.patient import SESSION, Patient
from tests.shell import Shell

ELSEWHERE = "5a12d4d5-0000-4000-8000-000000000009"


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    made = Patient(tmp_path / "home")
    yield made
    made.close()


def states(examined: dict[str, Any]) -> list[tuple[str, str]]:
    return [(rung["rung"], rung["state"]) for rung in examined["rungs"]]


def codes(examined: dict[str, Any]) -> list[str]:
    return [finding["code"] for rung in examined["rungs"] for finding in rung["findings"]]


def everywhere(home: Path, runtime: str) -> Shell:
    """A machine on which each session of a runtime is `aa`."""
    shell = Shell(home)
    shell.json("join", "--name", "aa", "--role", "qa")
    shell.json("connect", runtime, "--as", "aa", "--everywhere")
    return shell


# --- the ladder -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-001")
def test_it_stops_at_the_first_broken_rung_and_goes_on_when_asked(patient: Patient) -> None:
    (patient.root / "bin" / "sos-hook").unlink()
    patient.token("bus").unlink()
    examined = patient.doctor()
    assert states(examined) == [("machine", "well"), ("runtime", "broken"), ("inbox", "skipped"), ("identity", "skipped")]
    assert codes(examined) == ["launcher_gone"]
    everything = patient.doctor("--all")
    assert states(everything) == [("machine", "well"), ("runtime", "broken"), ("inbox", "skipped"), ("identity", "broken")]
    assert codes(everything) == ["launcher_gone", "token_refused"]


@pytest.mark.promise("DOCTOR-001")
def test_in_a_session_it_looks_at_its_agent_and_in_a_terminal_at_all(patient: Patient) -> None:
    def agents(shell: Shell) -> set[str]:
        return {rung["agent"] for rung in shell.run("doctor", "--json").json["rungs"]}

    assert agents(patient.shell) == {"", "aa", "bb"}
    assert agents(patient.shell.inside(SESSION)) == {"", "bb"}
    assert agents(patient.shell.inside(ELSEWHERE)) == {"", "aa", "bb"}


@pytest.mark.promise("DOCTOR-002")
def test_in_words_a_finding_says_what_since_when_why_and_what_to_type(patient: Patient) -> None:
    patient.session.kill()
    patient.session.wait()
    ran = patient.shell.run("doctor", "--as", "bb")
    assert ran.code == 1
    (at,) = [number for number, line in enumerate(ran.out.splitlines()) if "(session_gone, since 20" in line]
    what, why, step = ran.out.splitlines()[at : at + 3]
    assert f"(process {patient.session.pid}) ended without saying so" in what
    assert why.strip() == "What it was at stays open, and its inbox waits for the next session."
    assert step.strip().startswith(f"next: start the runtime again in {patient.work}")
    assert "sos doctor --fix mends 1 of it" in ran.out


@pytest.mark.promise("DOCTOR-004")
@pytest.mark.parametrize(("waits", "severity"), [(0, "note"), (16 * MINUTE, "warning")])
def test_mail_without_any_reader_is_trouble_once_it_has_waited(patient: Patient, waits: int, severity: str) -> None:
    patient.event("SessionEnd", SESSION)
    patient.send(waits)
    examined = patient.doctor()
    (finding,) = examined["rungs"][2]["findings"]
    assert (finding["code"], finding["severity"]) == ("nobody_reads", severity)
    assert examined["well"] is (severity == "note")


# --- whose sessions, and in what --------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-003")
def test_an_agent_that_no_directory_is_bound_to_is_not_well_and_is_told_its_own_command(patient: Patient) -> None:
    (patient.root / "bindings.json").unlink()
    examined = patient.doctor()
    (finding,) = (each for rung in examined["rungs"] for each in rung["findings"])
    assert (finding["code"], finding["severity"], examined["well"]) == ("unbound", "warning", False)
    assert "only a session started with SOS_AGENT=bb is its own" in finding["what"]
    assert finding["next_step"] == f"sos connect claude --as bb --dir {patient.work}"
    assert "All is well" not in patient.shell.run("doctor").out
    assert patient.shell.run(*shlex.split(finding["next_step"])[1:]).code == 0
    assert patient.doctor()["well"]
    patient.sql("UPDATE body SET cwd = ''")
    (patient.root / "bindings.json").unlink()
    assert patient.cause(patient.doctor())["next_step"] == "sos connect claude --as bb --dir DIR"
    patient.shell.json("connect", "claude", "--as", "bb", "--everywhere")
    assert patient.doctor()["well"]


@pytest.mark.promise("DOCTOR-002")
def test_bindings_that_cannot_be_read_are_mended_by_the_commands_that_are_listed(patient: Patient) -> None:
    patient.shell.json("connect", "claude", "--as", "aa", "--dir", str(patient.home))
    (patient.root / "bindings.json").write_text("garbage")
    step = patient.cause(patient.doctor())["next_step"]
    assert f"sos connect claude --as aa --dir DIR; sos connect claude --as bb --dir {patient.work} " in step


@pytest.mark.promise("DOCTOR-003")
@pytest.mark.parametrize("runtime", ["codex", "claude"])
def test_a_runtime_that_was_disconnected_on_purpose_is_not_missed(tmp_path: Path, runtime: str) -> None:
    patient = Patient(tmp_path / "home", runtime=runtime)
    other = "gemini" if runtime == "claude" else "claude"
    patient.shell.json("connect", other, "--as", "aa", "--dir", str(patient.home))
    patient.shell.json("disconnect", runtime)
    examined = patient.doctor("--fix")
    (finding,) = (each for rung in examined["rungs"] for each in rung["findings"])
    assert (finding["code"], finding["severity"], examined["well"]) == ("not_connected", "note", True)
    assert "sos connect RUNTIME --as bb" in finding["next_step"]
    assert examined["mended"] == []
    assert runtime == "codex" or not patient.plugin.exists()
    probed = patient.shell.run("probe", "--json", "bb")
    assert (probed.code, {hop["hop"]: hop["state"] for hop in probed.json["hops"]}["hook"]) == (0, "not connected")
    patient.close()


@pytest.mark.promise("DOCTOR-001")
def test_an_agent_that_has_left_is_a_note(patient: Patient) -> None:
    patient.shell.json("leave", "--as", "bb", "--yes")
    (patient.root / "bindings.json").unlink()
    examined = patient.doctor()
    assert examined["well"]
    assert codes(examined) == ["left"]
    assert states(examined)[1:] == [("runtime", "skipped"), ("inbox", "skipped"), ("identity", "well")]


# --- mending ----------------------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-006")
def test_fix_mends_what_is_safe_and_leaves_the_rest_with_its_command(patient: Patient) -> None:
    (patient.root / "bin" / "sos-hook").unlink()
    patient.of.chmod(0o755)
    settings = patient.settings(disableAllHooks=True)
    examined = patient.doctor("--fix", "--all")
    assert {each["code"] for each in examined["mended"] if each["done"]} == {"launcher_gone", "home_not_private"}
    assert codes(examined) == ["hooks_disabled"]
    assert json.loads(settings.read_text()) == {"disableAllHooks": True}  # not ours
    assert patient.of.stat().st_mode & 0o777 == 0o700


@pytest.mark.promise("JOIN-011")
def test_fix_does_what_a_join_left_undone(home: Path) -> None:
    shell = Shell(home)
    place = home / ".claude" / "skills" / "sos"
    place.mkdir(parents=True)
    (place / "SKILL.md").touch()  # somebody else's
    made = shell.json("join", "--name", "aa", "--role", "qa", "--runtime", "claude")
    assert [each["step"] for each in shell.json("whoami", "--as", "aa")["undone"]] == ["runtime"], made
    looked = shell.run("doctor", "--json", "--fix", "--as", "aa").json
    assert "is not ours" in shell.run("whoami", "--as", "aa").out
    assert [each["code"] for each in looked["mended"] if each["failed"]] == ["join_undone"]
    (place / "SKILL.md").unlink()
    looked = shell.run("doctor", "--json", "--fix", "--as", "aa").json
    assert ("join_undone", "what its join left undone is done") in [(each["code"], each["done"]) for each in looked["mended"]]
    assert looked["well"]
    assert shell.json("whoami", "--as", "aa")["undone"] == []


@pytest.mark.promise("DOCTOR-006")
def test_what_a_store_does_not_take_is_not_said_to_be_sent(patient: Patient) -> None:
    refuses = "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT raise(ABORT, 'no room'); END"
    with sqlite3.connect(patient.root / "sos.db") as database:
        database.execute(refuses)
    assert patient.shell.run("send", "--as", "bb", "aa", "waits").code == 75
    (mended,) = patient.doctor("--fix")["mended"]
    assert (mended["code"], mended["done"]) == ("outbox_waits", "")
    assert mended["failed"].startswith("sent 0 of 1; the others wait: ")
    assert "no room" in mended["failed"]
    assert len(list((patient.of / "outbox").iterdir())) == 1
    database.execute("DROP TRIGGER full")
    database.close()
    assert [each["done"] for each in patient.doctor("--fix")["mended"]] == ["sent 1 of 1"]


@pytest.mark.promise("DOCTOR-006")
def test_what_is_not_ours_is_not_written_over_and_what_to_do_is_said(patient: Patient) -> None:
    (patient.plugin / "hooks" / "hooks.json").unlink()
    (patient.plugin / ".sos-owned").unlink()  # now it is not ours, and is not written over
    examined = patient.doctor("--fix")
    assert examined["mended"] == []
    found = patient.cause(examined)
    assert (found["code"], "does not say that it is ours" in found["what"]) == ("hook_foreign", True)
    (step,) = re.findall(r"(mv \S+ \S+) && sos connect claude --as bb ", found["next_step"])
    subprocess.run(step.split(), check=True)
    patient.shell.json("connect", "claude", "--as", "bb", "--dir", str(patient.work))
    assert patient.doctor()["well"]


@pytest.mark.promise("DOCTOR-006")
def test_what_has_lost_its_mark_alone_is_ours_again(patient: Patient) -> None:
    (patient.plugin / ".sos-owned").unlink()
    assert "but for its mark" in patient.cause(patient.doctor())["what"]
    assert patient.doctor("--fix")["well"]
    (patient.plugin / ".sos-owned").unlink()
    (patient.plugin / "mine").touch()
    assert patient.cause(patient.doctor("--fix"))["code"] == "hook_foreign"
    assert (patient.plugin / "mine").exists()


@pytest.mark.promise("DOCTOR-007")
def test_without_fix_nothing_is_changed(patient: Patient) -> None:
    def seen() -> dict[str, tuple[float, bytes]]:
        # How far a store's history was seen is remembered at each look; that is how a restore is noticed.
        files = [path for path in sorted(patient.home.rglob("*")) if path.is_file() and path.name not in {"cursor", "sos.db-shm"}]
        return {str(path): (path.stat().st_mtime, path.read_bytes()) for path in files}

    patient.send()
    (patient.root / "bin" / "sos-hook").write_text("broken")
    before = seen()
    patient.doctor("--all")
    assert seen() == before


# --- the deep look ----------------------------------------------------------------------------------------------------


def program(patient: Patient, text: str, name: str = "claude") -> None:
    path = patient.home / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o700)
    patient.shell.extra["PATH"] = f"{path.parent}:{os.environ['PATH']}"


@pytest.mark.promise("DOCTOR-006")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('print(\'[{"id": "sos@skills-dir"}]\')', []),
        ("print('[]')", ["plugin_unseen"]),
        ("raise SystemExit('Claude configuration file is corrupted')", ["runtime_closed"]),
    ],
)
def test_deep_opens_the_runtime(patient: Patient, text: str, expected: list[str]) -> None:
    program(patient, text)
    assert codes(patient.doctor()) == []
    examined = patient.doctor("--deep")
    assert codes(examined) == expected
    if not expected:
        assert any("the installed hook showed the canary" in each for each in examined["rungs"][2]["well"])


MEETS = """
import pathlib, sys, time
here, other = (pathlib.Path(sys.argv[0]).parent / f"{name}.met" for name in (NAME, OTHER))
here.touch()
late = time.monotonic() + 4
while not other.exists() and time.monotonic() < late:
    time.sleep(0.01)
print("sos@skills-dir sos-mcp" if other.exists() else "nobody came")
"""


@pytest.mark.promise("DOCTOR-006")
def test_deep_opens_the_runtimes_side_by_side(patient: Patient) -> None:
    patient.shell.json("connect", "copilot", "--as", "bb", "--dir", str(patient.work))
    for name, other in (("claude", "copilot"), ("copilot", "claude")):
        program(patient, MEETS.replace("NAME", repr(name)).replace("OTHER", repr(other)), name)
    assert codes(patient.doctor("--deep")) == []


ANSWERS = """
import json, sys
if sys.argv[1:] != ["app-server"]:
    sys.exit(print("sos-mcp"))
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "hooks/list":
        print("a remark", flush=True)
        print(json.dumps({"id": 1, "result": {"data": [{"cwd": cwd, "hooks": HOOKS} for cwd in asked["params"]["cwds"]]}}))
"""


@pytest.mark.promise("DOCTOR-006", "DOCTOR-003")
@pytest.mark.parametrize(
    ("said", "code", "what"),
    [
        ({"trustStatus": "trusted", "enabled": True}, "", ""),
        ({"trustStatus": "modified", "enabled": True}, "not_trusted", "modified at stop"),
        ({"trustStatus": "trusted", "enabled": False}, "not_trusted", "switched off at stop"),
        ({"trustStatus": "trusted", "enabled": True, "command": "another"}, "plugin_unseen", "does not know our hooks"),
        (None, "runtime_config", "does not list its hooks"),
    ],
)
def test_deep_asks_codex_whether_it_would_run_our_hooks(
    tmp_path: Path, said: dict[str, Any] | None, code: str, what: str
) -> None:
    patient = Patient(tmp_path / "home", runtime="codex")
    hook = {"eventName": "stop", "command": f'"{patient.root}/bin/sos-hook" codex Stop; exit 0'}
    silent = ANSWERS.replace("for line", "sys.exit()\nfor line")
    program(patient, silent if said is None else ANSWERS.replace("HOOKS", repr([hook | said])), "codex")
    assert codes(patient.doctor()) == []
    examined = patient.doctor("--deep")
    patient.close()
    found = [each for rung in examined["rungs"] for each in rung["findings"]]
    assert [each["code"] for each in found if not each["code"].startswith("hook_")] == [code] * bool(code)
    assert what in "".join(each["what"] for each in found)


@pytest.mark.promise("DOCTOR-006")
def test_a_deep_look_finds_a_hook_that_runs_and_shows_nothing(patient: Patient) -> None:
    program(patient, "print('sos@skills-dir')")
    launcher = patient.root / "bin" / "sos-hook"
    launcher.write_text(launcher.read_text().replace('"$@" &&', '"$@" | grep "the hook starts" ; exit 0;'))
    assert codes(patient.doctor()) == []
    assert codes(patient.doctor("--deep")) == ["hook_deaf"]


@pytest.mark.promise("DOCTOR-003")
@pytest.mark.parametrize("runtime", HOOKED)
def test_the_hook_of_each_runtime_says_that_it_starts_and_one_that_may_not_be_run_does_not(home: Path, runtime: str) -> None:
    shell = everywhere(home, runtime)
    settings = load()
    assert probing.starts(settings, runtime) >= 0
    (shell.root / "bin" / "sos-hook").chmod(0o644)
    with pytest.raises(RuntimeConfigError, match=r"does not say that it starts.*ermission denied"):
        probing.starts(settings, runtime)
    (shell.root / "bin" / "sos-mcp").chmod(0o600)
    examined = shell.run("doctor", "--json", "--as", "aa").json
    found = [(each["code"], each["severity"]) for each in examined["rungs"][1]["findings"] if each["code"] == "launcher_changed"]
    assert found == [("launcher_changed", "critical"), ("launcher_changed", "warning")]
    shell.run("doctor", "--fix", "--as", "aa")
    assert probing.starts(settings, runtime) >= 0
    assert {path.stat().st_mode & 0o777 for path in (shell.root / "bin").glob("sos-[!r]*")} == {0o700}


@pytest.mark.promise("DOCTOR-006")
@pytest.mark.parametrize("runtime", HOOKED)
def test_deep_sees_the_canary_through_the_hook_of_each_runtime(home: Path, runtime: str) -> None:
    shell = everywhere(home, runtime)
    examined = shell.run("doctor", "--json", "--as", "aa", "--deep", "--all").json
    assert "hook_deaf" not in codes(examined)
    assert any("the installed hook showed the canary" in each for each in examined["rungs"][2]["well"])


# --- the version of the runtime ---------------------------------------------------------------------------------------


def package(patient: Patient, version: str, program: str = "claude") -> Path:
    """A program of an npm package, linked onto the PATH as npm does it. It is not to be started."""
    folder = patient.home / "lib" / "node_modules" / "claude-code"
    (folder / "bin").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "x", "version": version, "bin": {program: "bin/run.js"}}))
    started = patient.home / "started"
    (folder / "bin" / "run.js").write_text(f"#!/bin/sh\ntouch {started}\n")
    (folder / "bin" / "run.js").chmod(0o700)
    path = patient.home / "bin" / "claude"
    path.parent.mkdir()
    path.symlink_to(folder / "bin" / "run.js")
    patient.shell.extra["PATH"] = f"{path.parent}:{os.environ['PATH']}"
    return started


@pytest.mark.promise("DOCTOR-009")
def test_a_version_that_was_not_tried_is_a_note_and_one_that_was_is_well(patient: Patient) -> None:
    known = versions.tried("claude")[0]
    started = package(patient, "99.0.1")
    examined = patient.doctor()
    (finding,) = examined["rungs"][1]["findings"]
    assert (finding["code"], finding["severity"]) == ("runtime_unverified", "note")
    assert "Claude Code 99.0.1 is not among" in finding["what"]
    assert known in finding["what"]
    assert finding["next_step"].startswith("sos probe bb")
    assert examined["well"]
    json_ = patient.home / "lib" / "node_modules" / "claude-code" / "package.json"
    json_.write_text(json_.read_text().replace("99.0.1", known))
    examined = patient.doctor()
    assert codes(examined) == []
    assert f"Claude Code {known} was tried" in examined["rungs"][1]["well"]
    assert not started.exists()


@pytest.mark.promise("DOCTOR-009")
def test_a_package_of_another_program_says_nothing(patient: Patient) -> None:
    package(patient, "99.0.1", program="another")
    assert codes(patient.doctor()) == []


@pytest.mark.promise("DOCTOR-009")
def test_deep_asks_a_program_that_no_package_tells_of(patient: Patient) -> None:
    program(patient, "import sys\nprint('98.7.6 (Claude Code)' if sys.argv[1] == '--version' else 'sos@skills-dir')")
    assert codes(patient.doctor()) == []
    examined = patient.doctor("--deep")
    assert codes(examined) == ["runtime_unverified"]
    assert "98.7.6" in examined["rungs"][1]["findings"][0]["what"]


# --- several agents ---------------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-002", "DOCTOR-005")
def test_what_is_the_same_with_several_agents_is_said_once_and_asked_once(patient: Patient) -> None:
    patient.shell.json("connect", "claude", "--as", "aa", "--dir", str(patient.home))
    (patient.root / "bin" / "sos-hook").unlink()
    ran = patient.shell.run("doctor")
    assert ran.out.count("sos-hook is not there") == 2  # in the finding, and in the one call
    assert "      So it is with bb." in ran.out
    assert "    ✘ as with aa (launcher_gone)" in ran.out
    (call,) = patient.shell.run("doctor", "--json").json["calls"]
    assert call["text"].startswith("I am aa. So it is with bb. Broken: the runtime")
    patient.token("bus").unlink()
    both = patient.shell.run("doctor", "--json").json["calls"]
    assert [each["sender"] for each in both] == ["aa", "bb"]  # the bus is closed to one of them


@pytest.mark.promise("DOCTOR-001")
def test_where_a_store_serves_agents_whose_homes_are_elsewhere_that_is_said_and_well(patient: Patient) -> None:
    (patient.root / "agents").rename(patient.home / "elsewhere")
    (patient.root / "bindings.json").unlink()
    patient.shell.json("peers")
    ran = patient.shell.run("doctor", "--json")
    assert (ran.code, codes(ran.json)) == (0, ["homes_elsewhere"])
    assert "the store of 2 agents" in ran.json["rungs"][0]["findings"][0]["what"]


# --- whatever is lacking ----------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-007")
def test_it_runs_where_there_is_nothing_at_all(shell_of_nothing: Shell) -> None:
    before = list(shell_of_nothing.home.rglob("*"))
    ran = shell_of_nothing.run("doctor", "--json")
    assert ran.code == 1
    assert codes(ran.json) == ["nobody_here"]
    assert list(shell_of_nothing.home.rglob("*")) == before


@pytest.fixture
def shell_of_nothing(home: Path) -> Shell:
    return Shell(home)


@pytest.mark.promise("DOCTOR-007")
def test_it_runs_without_store_config_and_tokens(patient: Patient) -> None:
    for path in (*patient.root.glob("sos.db*"), *patient.of.glob("token.*"), patient.of / "agent.toml"):
        path.unlink()
    (patient.root / "bindings.json").write_text("{")
    ran = patient.shell.run("doctor", "--json", "--all")
    assert ran.code == 1
    assert {"store_missing", "home_damaged"} <= set(codes(ran.json))


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.promise("DOCTOR-005")
def test_the_call_goes_to_a_hearing_medic_then_to_the_same_role_then_to_the_operator(patient: Patient) -> None:
    def asked() -> str:
        (call,) = patient.doctor()["calls"]
        return str(call["to"])

    patient.settings(disableAllHooks=True)
    assert asked() == "operator"
    patient.shell.json("join", "--name", "deaf-medic", "--role", "sre", "--project", "pp")
    patient.shell.json("join", "--name", "peer", "--role", "qa", "--project", "pp")
    patient.shell.json("join", "--name", "foreign-medic", "--role", "sre", "--project", "other")
    assert asked() == "operator"  # none of them hears
    patient.shell.json("join", "--name", "another-role", "--role", "builder", "--project", "pp")
    for name in ("foreign-medic", "another-role"):
        hear(patient, name)
    assert asked() == "operator"
    hear(patient, "peer")
    assert asked() == "peer"
    patient.shell.json("join", "--name", "medic", "--role", "sre", "--project", "pp")
    hear(patient, "medic")
    assert asked() == "medic"


def hear(patient: Patient, name: str) -> None:
    """Have a hook of its session run just now."""
    now = int(time.time() * 1000)
    patient.sql(
        "INSERT INTO body (session, agent, runtime, started_at, seen_at, host, boot, pid, cwd, version, presence, holder, spent,"
        " offered, transcript, offset, hook_event, hook_at, hook_outcome)"
        " SELECT 'of-' || slug, id, 'claude', ?, ?, '', '', 0, '', '', 'idle', 1, 0, 0, '', 0, 'Stop', ?, '' FROM agent"
        " WHERE slug = ?",
        now, now, now, name,
    )  # fmt: skip


@pytest.mark.promise("DOCTOR-005")
def test_the_call_says_who_which_rung_what_works_and_the_ask_and_is_sent_with_leave_alone(patient: Patient) -> None:
    (patient.root / "bin" / "sos-hook").unlink()
    (call,) = patient.doctor()["calls"]
    assert call["sent"] is None
    assert call["text"].startswith("I am bb. Broken: the runtime (rung 2, launcher_gone): ")
    assert "Works: machine. Please look at my runtime's hook" in call["text"]
    assert patient.shell.json("inbox")["entries"] == []
    (call,) = patient.doctor("--send")["calls"]
    (entry,) = patient.shell.json("inbox")["entries"]
    assert (entry["id"], entry["sender"], entry["kind"], entry["text"]) == (call["sent"], "bb", "request", call["text"])


@pytest.mark.promise("DOCTOR-005")
def test_where_the_bus_is_closed_the_call_is_for_its_users_eyes(patient: Patient) -> None:
    patient.token("bus").unlink()
    (call,) = patient.doctor("--send")["calls"]
    assert (call["to"], call["command"]) == ("operator", "")
    assert call["sent"].startswith("not sent: ")
    assert "to tell its user: I am bb. Broken: identity and tokens (rung 4, " in patient.shell.run("doctor", "--as", "bb").out


# --- mean files -------------------------------------------------------------------------------------------------------

PIPES = (
    ".claude.json", ".claude/settings.json", ".claude/skills/sos/hooks/hooks.json", ".sos/agents/bb/RECOVERY.md",
    ".sos/agents/bb/agent.toml", ".sos/agents/bb/token.bus", ".sos/agents/bb/watch.json", ".sos/bin/sos-hook",
    ".sos/bindings.json", ".sos/run/disk.json",
)  # fmt: skip


@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_in_the_place_of_a_file_holds_it_up_no_longer_than_a_file(patient: Patient, name: str) -> None:
    path = patient.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    for words in (["doctor", "--all"], ["doctor", "--fix"]):
        done = subprocess.run(
            [sys.executable, "-m", "sos", *words],
            env=patient.shell.environment, cwd=patient.home, capture_output=True, check=False, timeout=25,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr.decode()


def test_homes_that_cannot_be_looked_into_are_a_finding_and_the_machine_is_looked_at_all_the_same(patient: Patient) -> None:
    (patient.root / "agents").chmod(0)
    done = subprocess.run(
        [*tools.without_privileges(), sys.executable, "-m", "sos", "doctor", "--json"],
        env=patient.shell.environment, cwd=patient.home, capture_output=True, check=False,
    )  # fmt: skip
    (patient.root / "agents").chmod(0o700)
    assert done.returncode == 1, done.stderr.decode()
    examined = json.loads(done.stdout)
    assert states(examined) == [("machine", "broken")]
    assert f"{patient.root}/agents: Permission denied" in [each["what"] for each in examined["rungs"][0]["findings"]]
    assert any("can be written" in each for each in examined["rungs"][0]["well"])


def test_a_runtime_that_hangs_is_ended_with_all_that_it_started(patient: Patient) -> None:
    programs = patient.home / "programs"
    programs.mkdir()
    held = patient.home / "held"
    (programs / "claude").write_text(f'#!/bin/sh\nexec 9>"{held}"\nflock 9\nsleep 600\n')
    (programs / "claude").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    assert "runtime_closed" in codes(patient.doctor("--deep", environment=environment))
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises BlockingIOError while the sleep holds it
