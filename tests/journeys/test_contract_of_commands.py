"""What scripts rely on: options in any place, one JSON object for answers and errors, codes, streams."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sos.cli import COMMANDS
from tests.shell import Shell

ID = "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"
S1 = "5a12d4d5-0000-4000-8000-000000000001"
WELL = [
    ["join", "--name", "cc"],
    ["send", "bb", "x"],
    ["send", "--request", "bb", "x"],
    ["inbox"],
    ["read"],
    ["broadcast", "--as", "aa", "x"],
    ["sent"],
    ["outbox"],
    ["dead", "list"],
    ["peers"],
    ["whoami"],
    ["token", "where"],
    ["token", "list"],
    ["token", "show", "bus"],
    ["token", "mint", "bus"],
    ["token", "rotate", "bus"],
    ["skill", "list"],
    ["skill", "add", "review"],
    ["squad", "list"],
    ["squad", "add", "pp", "aa", "--project", "demo"],
    ["task", "add", "look"],
    ["task", "list"],
    ["task", "claim"],
    ["watch", "add", "aa", "true"],
    ["watch", "list"],
    ["watch", "run", "--once"],
    ["watch", "remove", "aa"],
    ["watch", "uninstall"],
    ["token", "grant", "aa"],
    ["note", "x"],
    ["doctor", "--as", "aa"],
    ["probe", "aa"],
    ["sentinel", "--once"],
    ["guide"],
    ["repair"],
    ["repair", "--check", "--runtime", "codex"],
    ["completion", "zsh"],
    ["connect", "claude", "--as", "aa"],
    ["connect", "windsurf", "--as", "aa"],
    ["connect", "--agents-md"],
    ["disconnect", "--agents-md"],
    ["disconnect", "claude"],
    ["backup"],
    ["move", "--to", "http://127.0.0.1:1", "--dry-run"],
    ["demo"],
    ["watchdog", "uninstall"],
    ["faults", "--seed", "1", "--trials", "6"],
    ["leave", "--as", "aa", "--yes"],
]
TROUBLE = [
    (["send", "nobody", "x"], 1, "unknown_agent"),
    (["trace", ID], 1, "unknown_message"),
    (["read", ID], 1, "unknown_message"),
    (["ack", ID], 1, "unknown_message"),
    (["reply", ID, "x"], 1, "unknown_message"),
    (["dead", "requeue", ID], 1, "unknown_message"),
    (["ack", "--as", "aa", ID], 1, "forbidden"),
    (["leave"], 1, "forbidden"),
    (["take"], 1, "nobody_here"),
    (["broadcast", "--squad", "pp", "x"], 1, "no_recipients"),
    (["token", "revoke", "nothing"], 1, "not_found"),
    (["send"], 2, "invalid_input"),
    (["send", "bb", "--frobnicate", "x"], 2, "invalid_input"),
    (["trace", "x"], 2, "invalid_input"),
    (["dead", "show"], 2, "invalid_input"),
    (["squad", "add", "pp"], 2, "invalid_input"),
    (["connect", "frobnicate"], 2, "invalid_input"),
    (["connect"], 2, "invalid_input"),
    (["connect", "--all", "--as", "nobody"], 1, "unknown_agent"),
    (["disconnect"], 2, "invalid_input"),
    (["token", "show", "x"], 2, "invalid_input"),
    (["move", "--to", "http://127.0.0.1:1"], 2, "invalid_input"),
    (["token", "revoke"], 2, "invalid_input"),
    (["token", "grant"], 2, "invalid_input"),
    (["task", "show"], 2, "invalid_input"),
    (["watch", "remove", "aa"], 1, "not_found"),
    (["watch", "add", "aa"], 2, "invalid_input"),
    (["watchdog"], 2, "invalid_input"),
    (["watchdog", "status"], 1, "not_found"),
    (["task", "done", ID], 1, "unknown_task"),
    (["join", "--name", "a/b"], 2, "bad_name"),
    (["join", "--name", "all"], 2, "reserved_name"),
    (["repair", "x"], 2, "invalid_input"),
    (["repair", "x.toml", "--runtime", "codex"], 2, "invalid_input"),
    (["repair", "nowhere.json"], 1, "not_found"),
    (["backup", "--to", "/nowhere/x"], 2, "invalid_input"),
    (["backup", "restore"], 2, "invalid_input"),
    (["backup", "restore", "/nowhere/x"], 1, "not_found"),
    (["sentinel"], 2, "invalid_input"),
    (["sentinel", "--once", "--long-tool", "x"], 2, "invalid_input"),
    (["probe", "nobody"], 1, "unknown_agent"),
    (["probe", "a/b"], 2, "bad_name"),
    (["frobnicate"], 2, "invalid_input"),
]


@pytest.mark.promise("CLI-003", "CLI-008")
def test_every_command_answers_with_one_json_object_on_stdout(shell: Shell) -> None:
    for words in WELL:
        ran = shell.run(*words, "--json")
        assert ran.code == 0, (words, ran)
        assert isinstance(ran.json, dict)
        assert ran.out.count("\n") == 1
    named = {words[0] for words in WELL} | {"trace", "ack", "reply", "wait", "take", "hook", "serve", "mcp"}
    assert named >= set(COMMANDS)


@pytest.mark.promise("CLI-003", "CLI-008", "CLI-009")
@pytest.mark.parametrize(
    ("words", "code", "error"), TROUBLE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_refusal_is_json_with_a_code_and_the_next_command(shell: Shell, words: list[str], code: int, error: str) -> None:
    ran = shell.run(*words, "--json")
    assert (ran.code, ran.json["error"]) == (code, error), ran
    assert set(ran.json) == {"error", "message", "next"}
    assert ran.json["next"]
    plain = shell.run(*words)
    assert (plain.code, plain.out) == (code, "")
    assert plain.err.rstrip().rsplit("\n", 1)[-1].strip() == f"next: {ran.json['next']}"


@pytest.mark.promise("CLI-003")
def test_what_has_an_id_has_it_under_id(shell: Shell) -> None:
    shell.json("task", "add", "look")
    sent = shell.json("send", "bb", "x")
    assert shell.json("trace", sent["id"])["id"] == sent["id"]
    for words, key in [
        (["inbox", "--as", "bb"], "entries"),
        (["sent"], "sent"),
        (["peers"], "peers"),
        (["token", "list"], "tokens"),
        (["skill", "add", "review"], "skills"),
        (["task", "list"], "tasks"),
    ]:
        found = shell.json(*words)[key]
        assert found, words
        assert all(isinstance(each["id"], str) for each in found), words


@pytest.mark.promise("CLI-008")
def test_a_defect_of_ours_is_3_and_json_as_well(home: Path) -> None:
    broken = "import sys, sos.cli, sos.cli.peers as p; p.run = lambda _: 1 / 0"
    done = subprocess.run(
        [sys.executable, "-c", f"{broken}; sys.argv[1:] = ['peers', '--json']; sos.cli.run()"],
        env=Shell(home).environment, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["error"]) == (3, "defect")
    assert b"ZeroDivisionError" in done.stderr


@pytest.mark.promise("CLI-002")
def test_options_stand_before_or_after_the_command_and_the_text(shell: Shell) -> None:
    for words in (
        ["--as", "aa", "--json", "send", "bb", "x"],
        ["--json", "--as=aa", "send", "bb", "x"],
        ["send", "--as", "aa", "--json", "bb", "x"],
        ["send", "bb", "x", "--as", "aa", "--json"],
    ):
        assert shell.run(*words).json["to"] == "bb", words
    assert [entry["sender"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == ["aa"] * 4


@pytest.mark.promise("CLI-002")
@pytest.mark.parametrize(
    "words",
    [
        ["skill", "add", "--as", "aa", "review"],
        ["skill", "--as", "aa", "add", "review", "--description", "x"],
        ["squad", "add", "--as", "aa", "pp", "--json", "aa", "bb"],
        ["token", "show", "--as", "aa", "bus"],
        ["inbox", "--as", "aa"],
        ["connect", "--as", "aa", "claude", "--dry-run"],
    ],
)
def test_options_stand_between_the_words_of_any_command(shell: Shell, words: list[str]) -> None:
    ran = shell.run(*words)
    assert ran.code == 0, ran
    assert "aa" in ran.out


@pytest.mark.promise("CLI-002")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["bb", "many", "words", "in", "a", "row"], "many words in a row"),
        (["bb", "--", "--json", "is a flag"], "--json is a flag"),
        (["--", "bb", "-v"], "-v"),
        (["bb", "--", "--"], "--"),
        (["bb", "--", "--", "--", "x"], "-- -- x"),
        (["--", "bb", "a", "--", "--as", "cc"], "a -- --as cc"),
    ],
)
def test_text_goes_last_and_two_dashes_end_the_options(shell: Shell, words: list[str], text: str) -> None:
    assert shell.run("send", *words).code == 0
    assert [entry["text"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == [text]


@pytest.mark.promise("CLI-004")
def test_every_flag_of_send_sets_what_it_names(shell: Shell) -> None:
    flags = ["--request", "--deadline", "critical", "--thread", "t-1", "--id", ID, "--expires", "1h"]
    receipt = shell.json("send", *flags, "bb", "-", stdin="line\nby line")
    (entry,) = shell.json("inbox", "--as", "bb")["entries"]
    assert receipt["id"] == entry["id"] == ID
    assert (entry["text"], entry["kind"], entry["thread"]) == ("line\nby line", "request", "t-1")
    assert entry["deadline"] == receipt["deadline"]
    sent, deadline, expires = (entry[key][11:19] for key in ("sent_at", "deadline", "expires"))
    seconds = [
        sum(60**power * int(part) for power, part in enumerate(reversed(at.split(":")))) for at in (sent, deadline, expires)
    ]
    assert [(each - seconds[0]) % 86_400 for each in seconds[1:]] == [30, 3600]
    assert shell.run("send", "--deadline", "5m", "bb", "x").code == 2


@pytest.mark.promise("PACKAGE-002")
def test_sos_lifeline_and_the_module_are_the_same_command(home: Path) -> None:
    folder = Path(sys.executable).parent
    said = [
        subprocess.run([*program, "--version"], capture_output=True, text=True, check=True).stdout
        for program in ([folder / "sos"], [folder / "sos-lifeline"], [sys.executable, "-m", "sos"])
    ]
    assert said[0].startswith("sos ")
    assert len(set(said)) == 1
