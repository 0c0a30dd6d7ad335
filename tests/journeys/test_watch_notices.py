"""`sos watch` tells an idle agent that mail waits: how many, and nothing that a peer wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools import find
from tests.watching import Place, stop, until

S1 = "5a12d4d5-0000-4000-8000-000000000001"
ONE = "1 unread message for bb: sos inbox"
APPEND = "import json,sys; print(json.dumps([sys.argv[1:], sys.stdin.read()]), file=open({path!r}, 'a'))"


def kept(path: Path) -> list[list[str]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def shown(place: Place) -> Path:
    """The file that the desktop's notices end in."""
    program, path = place.shell.home / "bin" / "notify-send", place.shell.home / "shown"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n" + APPEND.format(path=str(path)))
    program.chmod(0o700)
    place.shell.extra["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    return path


def every_five_seconds(place: Place) -> None:
    place.shell.json("connect", "claude", "--as", "bb", "--dir", str(place.shell.home), "--every", "5s")


@pytest.mark.promise("WAKE-001", "WAKE-003")
def test_notices_have_a_count_and_come_together_and_the_mail_stays(place: Place, shown: Path) -> None:
    every_five_seconds(place)
    place.shell.event("SessionStart", S1, source="startup")
    place.shell.json("watch", "add", "bb", "--notice", "desktop")
    watch = place.start()
    place.send("$(id) secret")
    until(lambda: len(kept(shown)) == 1)
    begun = time.monotonic()
    for number in range(5):
        place.send(f"secret {number}", "bb", "--request")
    until(lambda: len(kept(shown)) == 2)
    assert time.monotonic() - begun > 3
    words = ["--app-name=SOS", "--", "SOS"]
    assert kept(shown) == [[[*words, ONE], ""], [[*words, "6 unread messages for bb: sos inbox"], ""]]
    assert len(place.texts("bb")) == 6
    said = stop(watch).splitlines()
    assert "bb: told by desktop" in said
    assert "bb: no longer told by desktop" in said


@pytest.mark.promise("WAKE-001")
def test_a_working_session_is_not_told_until_it_is_idle(place: Place, shown: Path) -> None:
    place.shell.connect("bb")
    place.shell.event("SessionStart", S1, source="startup")
    place.shell.event("UserPromptSubmit", S1)
    for name in ("bb", "cc"):
        place.shell.json("watch", "add", name, "--notice", "desktop")
    place.start()
    until(lambda: len(place.shell.run("watch", "status", "--json").json["agents"]) >= 2)
    place.send("while it works")
    place.send("to one that has no session", "cc")
    until(lambda: kept(shown) != [])
    assert [words[-1] for words, _ in kept(shown)] == [ONE.replace("bb", "cc")]
    assert place.shell.event("Stop", S1) is None
    until(lambda: len(kept(shown)) == 2)
    assert kept(shown)[1][0][-1] == ONE


@pytest.mark.promise("WAKE-004")
def test_a_notice_is_told_when_its_program_exited_with_0(embedded: Place) -> None:
    place, tried = embedded, embedded.shell.home / "tried"
    every_five_seconds(place)
    program = APPEND.format(path=str(tried)) + f"; import os; sys.exit(3 if len(open({str(tried)!r}).readlines()) < 2 else 0)"
    words = ["--notice", "command", "--", sys.executable, "-c", program, "-t x"]
    place.shell.json("watch", "add", "bb", *words)
    watch = place.start()
    place.send("mail without a session")
    until(lambda: place.shell.run("watch", "status", "--json").code == 1 and len(kept(tried)) == 1)
    (standing,) = place.shell.run("watch", "status", "--json").json["agents"]
    assert (standing["agent"], standing["does"]) == ("bb", "told by command")
    assert "ended with 3" in standing["trouble"]
    assert standing["since"]
    until(lambda: place.shell.run("watch", "status").code == 0)
    assert kept(tried) == [[["-t x"], f"{ONE}\n"]] * 2
    assert "bb: well again" in stop(watch)


def test_a_notice_can_be_tried(embedded: Place, tmp_path: Path) -> None:
    place, tried = embedded, tmp_path / "tried"
    assert "sos watch add" in place.shell.run("watch", "test-send", "bb").err
    place.shell.json("watch", "add", "bb", "--notice", "command", "--", sys.executable, "-c", APPEND.format(path=str(tried)))
    assert place.shell.json("watch", "test-send", "bb")["told"] is True
    assert kept(tried) == [[[], "a test of sos watch for bb: sos inbox\n"]]
    place.shell.json("watch", "add", "bb", "--notice", "command", "--", sys.executable, "-c", "raise SystemExit(9)")
    ran = place.shell.run("watch", "test-send", "bb")
    assert (ran.code, "ended with 9" in ran.err) == (1, True)
    place.shell.json("watch", "add", "bb", "--", sys.executable, "-c", "pass")
    assert "sos watch run" in place.shell.run("watch", "test-send", "bb").err
    place.start()
    until(lambda: place.shell.run("watch", "status", "--json").json["agents"] != [])
    assert place.shell.json("watch", "test-send", "bb")["handed_over"] is True


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bb", "--notice", "desktop", "--", "true"], "takes no program"),
        (["bb", "--notice", "command"], "needs an agent and a program"),
        (["--notice", "tmux"], "needs an agent"),
        (["bb", "--notice", "email"], "--notice"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(embedded: Place, words: list[str], said: str) -> None:
    ran = embedded.shell.run("watch", "add", *words)
    assert ran.code in {1, 2}
    assert said in ran.err
    assert embedded.shell.json("watch", "list")["rules"] == []


# --- tmux ---------------------------------------------------------------------------------------------------------------

AGENT = """
import os, sys
open("process", "w").write(str(os.getpid()))
for line in sys.stdin:
    open("typed", "a").write(line)
"""


class Pane:
    """A tmux server of its own, with a program in its one pane that keeps what is typed."""

    def __init__(self, place: Place) -> None:
        self.home = place.shell.home
        self.socket = str(self.home / "t")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "20", "/bin/sh")
        (self.home / "agent.py").write_text(AGENT)
        self.type(f"cd {self.home} && {sys.executable} agent.py")
        until(lambda: (self.home / "process").exists() and (self.home / "process").read_text() != "")
        self.process = int((self.home / "process").read_text())

    def tmux(self, *words: str) -> str:
        done = subprocess.run([find("tmux"), "-S", self.socket, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", "--", text)
        self.tmux("send-keys", "Enter")

    def typed(self) -> str:
        path = self.home / "typed"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def pane(embedded: Place) -> Iterator[Pane]:
    made = Pane(embedded)
    embedded.shell.connect("bb")
    embedded.shell.event("SessionStart", S1, process=made.process, source="startup")
    embedded.shell.json("watch", "add", "bb", "--notice", "tmux")
    yield made
    made.tmux("kill-server")


@pytest.mark.promise("WAKE-001", "WAKE-003")
def test_a_notice_is_typed_into_the_pane_of_the_agents_own_session(embedded: Place, pane: Pane) -> None:
    embedded.start()
    embedded.send("$(touch broken) C-c Enter")
    until(lambda: pane.typed() != "")
    assert pane.typed() == f"{ONE}\n"


@pytest.mark.promise("WAKE-004")
def test_nothing_is_typed_where_the_agent_does_not_read(embedded: Place, pane: Pane) -> None:
    def refused() -> str:
        ran = embedded.shell.run("watch", "test-send", "bb")
        assert ran.code == 1
        return ran.err

    pane.tmux("copy-mode")
    assert "takes no input" in refused()
    pane.tmux("send-keys", "-X", "cancel")
    assert embedded.shell.run("watch", "test-send", "bb").code == 0
    until(lambda: pane.typed().count("a test of sos watch") == 1)
    pane.tmux("send-keys", "C-z")  # stopped: the shell behind it would read
    until(lambda: "takes no input" in refused())
    pane.type("fg")
    until(lambda: embedded.shell.run("watch", "test-send", "bb").code == 0)
    embedded.shell.event("SessionStart", S1, process=os.getpid(), source="resume")
    assert "not started inside tmux" in refused()
    environment = {**os.environ, "TMUX": f"{pane.socket},1,0", "TMUX_PANE": "%0"}
    with subprocess.Popen(["sleep", "60"], env=environment) as inherits:
        embedded.shell.event("SessionStart", S1, process=inherits.pid, source="resume")
        assert "another program's now" in refused()
        inherits.kill()
    embedded.shell.event("SessionStart", S1, process=pane.process, source="resume")
    os.kill(pane.process, 9)
    until(lambda: "no session of it runs here" in refused())
    assert pane.typed().count("\n") == 2


@pytest.mark.promise("WAKE-004")
def test_nothing_is_typed_while_somebody_is_at_the_terminal(embedded: Place, pane: Pane) -> None:
    ours, theirs = os.openpty()
    words = [find("tmux"), "-S", pane.socket, "attach-session"]
    environment = {**os.environ, "TERM": "xterm"}
    client = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
    try:
        until(lambda: pane.tmux("list-clients") != "")
        ran = embedded.shell.run("watch", "test-send", "bb")
        assert (ran.code, "somebody is at that terminal" in ran.err) == (1, True)
        assert pane.typed() == ""
    finally:
        client.kill()
        client.wait()
        os.close(ours)
        os.close(theirs)
