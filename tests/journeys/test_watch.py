"""`sos watch`: one process that hands each message of many agents to a command of theirs, whatever the message says."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving import Serving
from tests.watching import Place, stop, until

KEEP = "import json,sys; given = json.load(sys.stdin); print(json.dumps([sys.argv[1:], given]), file=open('kept', 'a'))"
"""Appends its arguments and what it was given to a file."""


CONTROLS = "".join(map(chr, range(1, 32))) * 2100
"""Nearly 64 KiB of control characters."""
MEAN = ["$(id)", "`id`", "; touch broken", "C-c", "-t x", "--help", "%s {0} \\n", '"}\n{"', CONTROLS]


@pytest.mark.promise("WAKE-004")
def test_whatever_a_message_says_it_is_data_on_standard_input(place: Place) -> None:
    place.add("bb", KEEP, "-t", "$HOME")
    watch = place.start()
    for text in MEAN:
        place.shell.json("send", "--as", "aa", "bb", "-", stdin=text)
    until(lambda: len(place.kept()) == len(MEAN))
    assert [given["text"] for _, given in place.kept()] == MEAN
    assert {tuple(arguments) for arguments, _ in place.kept()} == {("-t", "$HOME")}
    (first, *_) = (given for _, given in place.kept())
    assert (first["sender"], first["kind"], first["attempt"]) == ("aa", "message", 1)
    assert first["assurance"] == ("same-user" if place.serving is None else "token")
    assert not (place.shell.home / "broken").exists()
    assert stop(watch).splitlines() == ["bb: watched", "bb: no longer watched"]
    assert place.texts("bb") == []


@pytest.mark.promise("WAKE-004")
def test_a_message_is_handed_over_when_its_command_exits_with_0_and_poison_holds_nobody_up(place: Place) -> None:
    place.add(
        "bb",
        "import json,sys; given = json.load(sys.stdin); text, attempt = given['text'], given['attempt']\n"
        "if text == 'poison' and attempt == 1: sys.exit(3)\n"
        "print(f'{text}, attempt {attempt}')",
        options=("--reply",),
    )
    watch = place.start()
    asked = place.send("poison", "bb", "--request")
    place.send("behind it")
    until(lambda: len(place.texts("aa")) == 2)
    assert place.texts("aa") == ["behind it, attempt 1", "poison, attempt 2"]
    facts = [fact["kind"] for fact in place.shell.json("trace", "--as", "aa", asked)["deliveries"][0]["facts"]]
    assert (facts.count("leased"), facts.count("replied")) == (2, 1)
    said = stop(watch, signal.SIGINT if place.serving is None else signal.SIGHUP)
    assert f"message {asked} from aa, attempt 1: {os.path.basename(sys.executable)} ended with 3; it comes again" in said


@pytest.mark.promise("WAKE-004")
def test_status_says_what_was_not_handed_over_until_something_is_and_when_it_comes_no_more(embedded: Place) -> None:
    def status() -> tuple[int, str]:
        ran = embedded.shell.run("watch", "status")
        return ran.code, ran.out

    embedded.add("bb", "import json,sys; sys.exit(3 if json.load(sys.stdin)['text'] == 'poison' else 0)")
    identifier = embedded.send("poison")
    with closing(sqlite3.connect(embedded.shell.root / "sos.db")) as store, store:
        store.execute("UPDATE delivery SET attempts = 4")
    watch = embedded.start()
    until(lambda: "failed last" in status()[1])
    assert (status()[0], "! bb: watched" in status()[1], "it comes again" in status()[1]) == (1, True, False)
    assert "attempt 5" in status()[1]
    assert "it does not come again: sos dead list --as bb" in status()[1]
    assert [each["id"] for each in embedded.shell.json("dead", "list", "--as", "bb")["entries"]] == [identifier]
    embedded.send("well")
    until(lambda: status()[0] == 0)
    assert "✔ bb: watched" in status()[1]
    stop(watch)


@pytest.mark.promise("WAKE-003")
@pytest.mark.timeout(180)
def test_many_agents_lose_nothing_over_kills_and_what_came_meanwhile(place: Place) -> None:
    count = 500 if place.serving is None else 60
    for name in ("bb", "cc"):
        place.shell.json("watch", "add", name, "--", "/bin/sh", "-c", "cat >> $SOS_AGENT.kept")
    # While no watch runs: a machine that slept.
    sender = f"""
from sos.sdk import Agent
agent = Agent(name="aa")
for number in range({count}):
    agent.send("bb", str(number))
for number in range(20):
    agent.send("cc", str(number))
"""
    assert subprocess.run([sys.executable, "-c", sender], env=place.shell.environment, check=False).returncode == 0
    for _ in range(2):
        watch = place.start()
        time.sleep(1.2)
        watch.kill()
        watch.wait()
    place.start()

    def handed(name: str) -> list[int]:
        path = place.shell.home / f"{name}.kept"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(json.loads(line)["text"]) for line in lines]

    until(lambda: place.texts("bb") == [] and set(handed("bb")) == set(range(count)), 110)
    until(lambda: set(handed("cc")) == set(range(20)))
    # At least once: what a killed watch was handing over is handed over again, and nothing else is.
    assert len(handed("bb")) <= count + 2
    assert len(handed("cc")) <= 20 + 2


@pytest.mark.promise("SEND-004")
def test_a_watch_sends_what_its_agents_had_queued(tmp_path: Path) -> None:
    place = Place(tmp_path / "home", serving := Serving(tmp_path / "server"))
    place.add("bb", KEEP)
    serving.stop(signal.SIGKILL)
    assert place.shell.run("send", "--as", "bb", "aa", "while it was away").code == 75
    watch = place.start()
    time.sleep(1)
    serving.start()
    until(lambda: place.texts("aa") == ["while it was away"])
    stop(watch)
    place.close()


@pytest.mark.promise("WAKE-003")
def test_a_watch_that_is_stopped_ends_its_commands_and_gives_their_messages_back(embedded: Place) -> None:
    embedded.add("bb", "import os,time; open('pid', 'w').write(str(os.getpid())); time.sleep(100)")
    watch = embedded.start()
    embedded.send("long")
    pid = embedded.shell.home / "pid"
    until(lambda: pid.exists() and pid.read_text() != "")
    stop(watch)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert embedded.texts("bb") == ["long"]
    embedded.add("bb", KEEP)
    assert embedded.shell.json("watch", "run", "--once")["handed_over"] == {"bb": 1}
    assert embedded.kept()[0][1]["attempt"] == 2


@pytest.mark.promise("WAKE-004")
def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(embedded: Place) -> None:
    embedded.shell.json("watch", "add", "bb", "--timeout", "1s", "--", "/bin/sh", "-c", "sleep 300 & echo $! > child; wait")
    embedded.send("long")
    ran = embedded.shell.run("watch", "run", "--once")
    assert "took longer than 1 s, and was ended" in ran.err
    assert (ran.code, ran.out) == (1, "bb: 0 handed over\n")
    child = int((embedded.shell.home / "child").read_text())
    until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])


@pytest.mark.promise("WAKE-003")
def test_rules_count_at_once_and_a_broken_one_keeps_nobody_else_back(embedded: Place) -> None:
    shell = embedded.shell
    assert "no agent is watched" in shell.run("watch", "list").out
    watch = embedded.start()
    until(lambda: shell.json("watch", "list")["running"])
    assert shell.run("watch", "run").code == 1
    for words in (
        ["bb"],
        ["operator", "--", "true"],
        ["nobody", "--", "true"],
        ["bb", "--", "no-such-program"],
        ["bb", "--at-once", "0", "--", "true"],
    ):
        assert shell.run("watch", "add", *words).code == 2 - (words[0] == "nobody"), words
    broken = shell.root / "agents" / "cc" / "watch.json"
    broken.write_text('{"argv": "rm -rf /"}')
    broken.chmod(0o600)
    embedded.add("bb", KEEP)
    embedded.send("one")
    until(lambda: len(embedded.kept()) == 1)
    assert shell.run("watch", "list").code == 1  # a rule that cannot be read is said, not skipped
    shell.json("watch", "add", "cc", "--", "/bin/sh", "-c", "exit 0")
    assert [rule["id"] for rule in shell.json("watch", "list")["rules"]] == ["bb", "cc"]
    shell.json("watch", "remove", "bb")
    assert shell.run("watch", "remove", "bb").code == 1
    time.sleep(3)
    embedded.send("two")
    time.sleep(1)
    assert (len(embedded.kept()), embedded.texts("bb")) == (1, ["two"])
    said = stop(watch)
    assert "watch.json is no rule" in said
    assert "bb: no longer watched" in said


@pytest.mark.promise("WAKE-003")
def test_messages_wait_while_their_program_is_gone_and_a_changed_rule_counts(embedded: Place) -> None:
    program = embedded.shell.home / "program"
    source = f"#!{sys.executable}\n{KEEP}"

    def write() -> None:
        program.write_text(source)
        program.chmod(0o700)

    write()
    embedded.shell.json("watch", "add", "bb", "--", str(program), "before")
    watch = embedded.start()
    assert watch.stderr is not None
    assert watch.stderr.readline() == "bb: watched\n"
    program.unlink()
    assert watch.stderr.readline() == f"bb: '{program}' is no program; next: sos watch add AGENT -- PROGRAM ARGUMENT...\n"
    assert watch.stderr.readline() == "bb: no longer watched\n"
    embedded.send("one")
    time.sleep(5)  # two looks
    write()
    until(lambda: len(embedded.kept()) == 1)
    embedded.shell.json("watch", "add", "bb", "--", str(program), "after")
    assert [watch.stderr.readline() for _ in range(3)] == ["bb: watched\n", "bb: no longer watched\n", "bb: watched\n"]
    embedded.send("two")
    until(lambda: len(embedded.kept()) == 2)
    assert [(arguments, given["attempt"]) for arguments, given in embedded.kept()] == [(["before"], 1), (["after"], 1)]
    assert stop(watch) == "bb: no longer watched\n"


@pytest.mark.promise("WAKE-004")
def test_a_rule_that_others_could_have_written_is_not_run(embedded: Place) -> None:
    embedded.add("bb", KEEP)
    (embedded.shell.root / "agents" / "bb" / "watch.json").chmod(0o666)
    embedded.send("one")
    ran = embedded.shell.run("watch", "run", "--once")
    assert ran.code == 1
    assert "watch.json" in ran.err
    assert embedded.kept() == []


@pytest.mark.promise("WAKE-004")
def test_a_command_is_its_agent_also_where_the_watch_was_started_in_anothers_session(embedded: Place) -> None:
    session = "5a12d4d5-0000-4000-8000-000000000001"
    embedded.shell.connect("cc")
    assert "You are cc" in (embedded.shell.event("SessionStart", session) or "")
    embedded.shell.json("watch", "add", "bb", "--", "/bin/sh", "-c", f"{sys.executable} -m sos send aa done")
    embedded.send("go")
    assert embedded.shell.inside(session).json("watch", "run", "--once") == {"handed_over": {"bb": 1}, "failed": []}
    (entry,) = embedded.shell.json("inbox", "--as", "aa")["entries"]
    assert (entry["sender"], entry["text"]) == ("bb", "done")


@pytest.mark.promise("WAKE-003")
def test_as_a_service_it_runs_again_and_installed_means_seen_to_run(embedded: Place, tmp_path: Path) -> None:
    (program := tmp_path / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)
    shell = embedded.shell
    assert "as a service: not installed for this user: sos watch install" in shell.run("watch", "status").out
    shell.extra["PATH"] = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    made = shell.json("watch", "install")
    assert (made["installed"], made["running"]) == (True, True)
    unit = (shell.home / ".config/systemd/user/sos-watch.service").read_text()
    assert f'ExecStart="{sys.executable}" "-I" "-m" "sos" "watch" "run"' in unit
    assert "Restart=on-failure" in unit
    assert shell.run("watch", "status", "--json").json["service"]["running"] is True
    program.write_text("#!/bin/sh\nexit 1\n")
    assert shell.run("watch", "install").code == 1
    program.write_text("#!/bin/sh\nexit 0\n")
    assert shell.json("watch", "uninstall")["installed"] is False


STANDING = {"agent": "bb", "does": "x", "trouble": "y", "since": 1, "failed": "", "failed_at": None}


@pytest.mark.parametrize(
    "state",
    ["junk", "[]", "null", json.dumps({"standings": [{**STANDING, "since": "q"}]}),
     json.dumps({"standings": [{**STANDING, "failed_at": 10**23}]}), json.dumps({"standings": [{**STANDING, "agent": []}]})],
)  # fmt: skip
def test_a_state_that_cannot_be_read_is_said_by_status_and_is_a_finding_of_the_doctor(embedded: Place, state: str) -> None:
    shell = embedded.shell
    shell.json("watch", "add", "bb", "--", "/bin/true")
    run = shell.root / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    with (run / "watch.lock").open("w") as lock:
        (run / "watch.lock").chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (run / "watch.json").write_text(state)
        (run / "watch.json").chmod(0o600)
        status = shell.run("watch", "status")
        assert (status.code, "cannot be read" in status.err) == (1, True), status
        examined = shell.run("doctor", "--all", "--json", "--as", "bb")
    assert examined.code == 1, examined
    findings = [finding for rung in examined.json["rungs"] for finding in rung["findings"]]
    assert "watch_troubled" in [finding["code"] for finding in findings]
    assert any("how it stands cannot be seen" in finding["what"] for finding in findings)
