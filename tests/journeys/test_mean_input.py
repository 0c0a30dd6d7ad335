"""What a careless or mean user gives the command line: closed streams, binaries, huge numbers, escapes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sos.model.tokens import mint
from tests.shell import Ran, Shell

ESCAPE = "\x1b[31m\u202e"
S1 = "5a12d4d5-0000-4000-8000-000000000001"


def redirected(shell: Shell, line: str) -> Ran:
    """Run `sos` in a real shell, with its redirections."""
    environment = {**shell.environment, "SOS": f"{sys.executable} -m sos"}
    done = subprocess.run(["/bin/sh", "-c", line], env=environment, cwd=shell.home, capture_output=True, check=False)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("line", ["$SOS send bb - <&-", "$SOS send bb '' ", "$SOS send bb ' ' ''", "$SOS reply x - < /dev/null"])
def test_no_text_is_no_message(shell: Shell, line: str) -> None:
    ran = redirected(shell, line)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert shell.json("inbox", "--as", "bb")["unread"] == 0


@pytest.mark.promise("INBOX-010")
@pytest.mark.parametrize("lost", [">&-", "> /dev/full"])
def test_what_could_not_be_written_is_not_read_and_not_called_well(shell: Shell, lost: str) -> None:
    shell.event("SessionStart", S1, source="startup")
    shell.json("send", "bb", "hello")
    ran = redirected(shell.inside(S1), f"$SOS read {lost}")
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert "answer" in ran.err
    assert shell.json("inbox", "--as", "bb")["unread"] == 1
    assert shell.inside(S1).run("read").code == 0
    assert shell.json("inbox", "--as", "bb")["unread"] == 0


def test_a_closed_error_stream_changes_no_exit_code(shell: Shell) -> None:
    assert redirected(shell, "$SOS frobnicate 2>&-").code == 2
    assert redirected(shell, "$SOS whoami --as aa 2>&- >/dev/null").code == 0


def test_a_reader_that_went_away_is_no_defect(shell: Shell) -> None:
    ran = redirected(shell, "$SOS guide | head -c 1")
    assert (ran.out, ran.err) == ("#", "")


@pytest.mark.promise("MESSAGE-003")
@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\xff\xfe\x00binary", "invalid_input"), (b"x" * 65_537, "text_too_long"), ("é" * 32_769, "text_too_long")],
)
def test_a_text_that_is_none_or_too_long_is_refused_and_nothing_is_stored(shell: Shell, data: bytes | str, code: str) -> None:
    ran = shell.run("send", "--json", "bb", "-", stdin=data)
    assert (ran.code, ran.json["error"]) == (2, code)
    assert shell.json("inbox", "--as", "bb")["entries"] == []


def test_the_largest_text_and_every_character_come_back_as_they_were(shell: Shell) -> None:
    text = "\x00\x1b[2J\u202e\U000e0041\r\n" + "é" * 32_000
    identifier = shell.json("send", "bb", "-", stdin=text)["id"]
    assert shell.json("read", "--as", "bb", identifier)["entries"][0]["text"] == text


@pytest.mark.parametrize("limit", ["0", "-1", "1000000", "9" * 30, "x", "¹"])
@pytest.mark.parametrize("command", ["inbox", "sent"])
def test_a_limit_is_a_number_with_limits(home: Path, command: str, limit: str) -> None:
    ran = Shell(home).run(command, "--json", f"--limit={limit}")
    assert (ran.code, ran.json["error"]) == (2, "invalid_input")


def test_a_terminal_without_unicode_gets_escapes(home: Path) -> None:
    ran = Shell(home, {"PYTHONIOENCODING": "ascii"}).run("join", "--name", "aa")
    assert ran.code == 0
    assert "\\u2714 name" in ran.out


def test_ctrl_c_ends_a_wait_quietly(shell: Shell) -> None:
    waits = "c.LocalConnection.wait = lambda *_: print(1, flush=True) or time.sleep(30)"
    code = f"import sys, time, sos.cli, sos.core.connection as c; {waits}; sys.argv[1:] = ['wait', '--as', 'bb']; sos.cli.run()"
    waiting = subprocess.Popen(
        [sys.executable, "-c", code], env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert waiting.stdout is not None
    waiting.stdout.readline()
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err.strip()) == (130, b"")


def test_a_working_directory_that_is_gone_is_no_defect(shell: Shell) -> None:
    gone = shell.home / "gone"
    gone.mkdir()
    line = f"cd {gone} && rmdir {gone} && exec $SOS"
    assert redirected(shell, f"{line} inbox").code == 0
    ran = redirected(shell, f"{line} connect claude --as aa")
    assert (ran.code, "Traceback" in ran.err) == (2, False)


def test_a_home_that_is_a_file_is_said(shell: Shell) -> None:
    (shell.home / "file").touch(0o600)
    ran = Shell(shell.home, {"SOS_HOME": str(shell.home / "file")}).run("inbox", "--json")
    assert (ran.code, ran.json["error"]) == (1, "home_damaged")


@pytest.mark.promise("RENDER-006")
def test_nothing_that_anybody_wrote_reaches_the_terminal_raw(shell: Shell) -> None:
    shell.event("SessionStart", S1, source="startup")
    identifier = shell.json("send", "--as", "aa", "--request", "bb", f"{ESCAPE}first\n{ESCAPE}second")["id"]
    inside = shell.inside(S1)
    for words in (["inbox"], ["read"], ["trace", identifier], ["inbox", "--view", "recent"]):
        ran = inside.run(*words)
        assert ran.code == 0, ran
        assert not set(ESCAPE) & set(ran.out + ran.err) - set("[31m"), words
    assert "\\u{1b}[31m\\u{202e}second" in inside.run("read", identifier).out
    for words in (["sent"], ["trace", identifier]):
        assert not {"\x1b", "\u202e"} & set(shell.run(*words, "--as", "aa").out), words


@pytest.mark.parametrize(
    "words",
    [
        ["send", f"a{ESCAPE}", "x"],
        ["send", "bb", "--thread", ESCAPE, "x"],
        ["send", "bb", "--expires", ESCAPE, "x"],
        ["send", "bb", "--id", ESCAPE, "x"],
        ["join", "--name", f"a{ESCAPE}"],
        ["join", "--name", "cc", "--role", ESCAPE],
        ["join", "--name", "cc", "--role", "x" * 65],
        ["join", "--name", "cc", "--project", ESCAPE],
        ["join", "--name", "cc", "--skill", ESCAPE],
        ["skill", "add", "review", "--description", ESCAPE],
        ["broadcast", "--squad", ESCAPE, "x"],
        ["squad", "add", ESCAPE, "aa"],
        ["trace", ESCAPE],
        ["inbox", "--as", ESCAPE],
        ["inbox", "--view", ESCAPE],
        [ESCAPE],
    ],
)
def test_escapes_where_a_name_or_a_number_belongs_are_refused_and_not_repeated_raw(shell: Shell, words: list[str]) -> None:
    ran = shell.run(*words)
    assert ran.code == 2
    assert not {"\x1b", "\u202e"} & set(ran.out + ran.err)
    assert "next: " in ran.err


@pytest.mark.promise("TOKEN-003")
def test_a_token_in_the_environment_where_a_name_belongs_is_not_repeated(shell: Shell) -> None:
    token = mint("bus").text
    for variable in ("SOS_AGENT", "SOS_HOME", "SOS_STORE"):
        ran = Shell(shell.home, {variable: token}).run("inbox", "--json")
        assert ran.code == 2
        assert token[10:40].lower() not in (ran.out + ran.err).lower()


def test_a_text_about_tokens_is_sent(shell: Shell) -> None:
    text = "tokens of the bus begin with sos_bus_ and older ones with sk-bus-, as the page about tokens says"
    assert shell.json("send", "bb", text)["to"] == "bb"


def test_an_id_leads_to_no_other_file(shell: Shell) -> None:
    victim = shell.root / "agents" / "aa" / "x.json"
    victim.write_text("{}")
    os.makedirs(shell.root / "agents" / "aa" / "outbox", mode=0o700)
    assert shell.run("outbox", "--as", "aa", "--drop", "../x").code == 2
    assert victim.exists()
