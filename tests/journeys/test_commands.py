"""The command line as scripts and people use it."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sos.cli import COMMANDS
from sos.model.tokens import mint
from tests.shell import Ran, Shell

HOLD = "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.flock(f,2); print(1,flush=True); sys.stdin.read()"
S1 = "5a12d4d5-0000-4000-8000-000000000001"


@pytest.mark.promise("CLI-001")
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_helps_with_an_example(home: Path, command: str) -> None:
    ran = Shell(home).run(command, "--help")
    assert ran.code == 0
    assert "example: " in ran.out
    assert "--json" in ran.out


@pytest.mark.promise("JOIN-001")
def test_join_with_exactly_these_flags(home: Path) -> None:
    words = ["join", "--name", "mumega.codecheck", "--role", "code-reviewer", "--project", "sos", "--skill", "code-review"]
    made = Shell(home).json(*words)
    assert (made["id"], made["role"], made["label"], made["outcome"]) == (
        "mumega-codecheck",
        "specialist",
        "code-reviewer",
        "new",
    )
    assert all(step["ok"] for step in made["steps"])
    assert all(answer["good"] for answer in made["answers"])
    assert Shell(home).json(*words)["outcome"] == "same"


@pytest.mark.promise("NAME-004")
def test_fifty_joins_at_once_are_one_identity(home: Path) -> None:
    shell = Shell(home)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: shell.run("join", "--json", "--name", "kasra", "--role", "lead"), range(50)))
    assert [ran.code for ran in made] == [0] * 50, [ran.err for ran in made if ran.code]
    assert sorted(ran.json["outcome"] for ran in made) == ["new"] + ["same"] * 49
    assert len(shell.json("token", "list", "--as", "kasra")["tokens"]) == 3


@pytest.mark.promise("HOME-001", "TOKEN-002")
def test_everything_in_the_home_is_private_and_no_secret_is_in_the_store(shell: Shell) -> None:
    for folder, _, names in os.walk(shell.root):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder
        for name in names:
            path = os.path.join(folder, name)
            assert os.path.islink(path) or stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path
    secret = (shell.root / "agents" / "aa" / "token.bus").read_bytes().strip()
    stored = b"".join(path.read_bytes() for path in shell.root.glob("sos.db*"))
    assert secret not in stored
    assert secret[-50:-10] not in stored


@pytest.mark.promise("TOKEN-003")
def test_a_token_in_the_arguments_is_refused_unread(shell: Shell) -> None:
    ran = shell.run("send", "bb", mint("bus").text)
    assert (ran.code, "looks like a token" in ran.err) == (2, True)
    assert shell.json("inbox", "--as", "bb")["entries"] == []


@pytest.mark.promise("SEND-005", "CLI-009")
def test_refusals_name_the_next_command(shell: Shell) -> None:
    ran = shell.run("send", "--json", "ab", "hello")
    assert ran.code == 1
    assert ran.json["error"] == "unknown_agent"
    assert "nearest: aa" in ran.json["message"]
    assert ran.json["next"] == "sos peers"
    assert "next: sos peers" in ran.err
    assert shell.run("frobnicate").code == 2
    assert shell.run("trace", "nonsense").code == 2


@pytest.mark.promise("SEND-001")
def test_the_same_id_again_is_the_same_receipt_and_other_content_a_conflict(shell: Shell) -> None:
    identifier = "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"
    first = shell.json("send", "--id", identifier, "bb", "one")
    again = shell.json("send", "--id", identifier, "bb", "one")
    assert (first["duplicate"], again["duplicate"], again["id"]) == (False, True, identifier)
    ran = shell.run("send", "--json", "--id", identifier, "bb", "two")
    assert (ran.code, ran.json["error"]) == (1, "id_conflict")
    assert [entry["text"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == ["one"]


@pytest.mark.promise("SEND-001")
@pytest.mark.parametrize("words", [["send", "--as", "aa", "bb"], ["broadcast", "--as", "aa"]])
def test_the_same_id_again_is_the_same_receipt_although_its_recipient_left(shell: Shell, words: list[str]) -> None:
    def send(text: str) -> Ran:
        return shell.run(*words, "--json", "--id", "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693", text)

    first = send("one")
    shell.json("leave", "--as", "bb", "--yes")
    again = send("one")
    assert (again.code, again.json) == (0, {**first.json, "duplicate": True, "inbox_depth": 0})
    assert send("two").json["error"] == "id_conflict"
    assert shell.run(*words, "new").code == 1


@pytest.mark.promise("INBOX-009", "CLI-005")
def test_a_look_from_outside_marks_nothing_and_changes_are_refused(shell: Shell) -> None:
    identifier = shell.json("send", "bb", "hello")["id"]
    before = shell.json("trace", identifier)
    shell.json("read", "--as", "bb")
    assert shell.run("ack", "--as", "bb", identifier).code == 1
    assert shell.json("trace", identifier) == before


@pytest.mark.promise("WHO-006", "OPERATOR-002")
def test_a_session_is_its_agent_and_a_terminal_is_the_operator(shell: Shell) -> None:
    shell.event("SessionStart", S1, source="startup")
    inside = shell.inside(S1)
    assert inside.json("whoami")["id"] == "bb"
    assert shell.json("whoami")["id"] == "operator"
    assert inside.run("whoami", "--as", "aa").code == 1
    other = Shell(shell.home, {"CLAUDE_CODE_SESSION_ID": "other"})
    (shell.root / "bindings.json").write_text("{}")
    ran = other.run("send", "--json", "aa", "hello")
    assert (ran.code, ran.json["error"]) == (1, "nobody_here")


@pytest.mark.promise("TRACE-001", "TRACE-002", "INBOX-017")
def test_a_request_is_read_answered_and_traced(shell: Shell) -> None:
    shell.event("SessionStart", S1, source="startup")
    identifier = shell.json("send", "--request", "bb", "is it green?")["id"]
    inside = shell.inside(S1)
    assert [entry["text"] for entry in inside.json("read")["entries"]] == ["is it green?"]
    assert inside.json("inbox")["open"] == 1
    inside.json("reply", identifier, "yes")
    facts = [fact["kind"] for fact in shell.json("trace", identifier)["deliveries"][0]["facts"]]
    assert facts == ["accepted", "stored", "surfaced", "replied"]
    assert shell.json("sent")["sent"][0]["deliveries"][0]["state"] == "replied"
    assert [entry["text"] for entry in shell.json("read")["entries"]] == ["yes"]


@pytest.mark.promise("SEND-002", "SEND-003")
def test_a_send_that_reached_no_store_is_queued_and_sent_once_later(shell: Shell) -> None:
    store = shell.root / "sos.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{store}.lock"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    ran = shell.run("send", "--json", "bb", "later")
    assert (ran.code, ran.json["queued"]) == (75, True), ran
    inside = shell.inside(S1)
    shell.event("SessionStart", S1, source="startup")
    late = inside.run("send", "--json", "aa", "from the session")
    assert late.code == 75
    holder.communicate(b"")
    shell.event("UserPromptSubmit", S1)
    assert [entry["id"] for entry in shell.json("inbox", "--as", "aa")["entries"]] == [late.json["id"]]
    assert shell.json("outbox")["outbox"] == []
    assert [entry["id"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == [ran.json["id"]]


@pytest.mark.promise("SQLITE-012")
def test_homes_without_their_store_are_never_a_new_world(shell: Shell) -> None:
    for path in shell.root.glob("sos.db*"):
        path.unlink()
    ran = shell.run("inbox", "--json")
    assert (ran.code, ran.json["error"]) == (1, "store_missing")
    assert not (shell.root / "sos.db").exists()
    assert shell.run("join", "--name", "cc").code == 1
    assert shell.run("guide").code == 0


@pytest.mark.promise("HOME-003")
def test_an_environment_that_names_another_bus_is_refused(shell: Shell, tmp_path: Path) -> None:
    other = Shell(shell.home, {"SOS_STORE": f"sqlite://{shell.root}/other.db"})
    ran = other.run("inbox", "--json", "--as", "bb")
    assert ran.code == 1
    assert ran.json["error"] in {"bus_mismatch", "store_missing"}


@pytest.mark.promise("SQLITE-007")
def test_a_corrupted_row_is_set_aside_and_said_and_the_others_flow(shell: Shell) -> None:
    shell.event("SessionStart", S1, source="startup")
    bad = shell.json("send", "--as", "aa", "bb", "transfer 10")["id"]
    shell.json("send", "--as", "aa", "bb", "fine")
    with sqlite3.connect(shell.root / "sos.db") as connection:
        connection.execute("UPDATE message SET text = 'transfer 99' WHERE text = 'transfer 10'")
    connection.close()
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "| fine" in shown
    assert "transfer" not in shown
    assert bad in shown
    assert "not delivered" in shell.json("inbox", "--as", "aa")["entries"][0]["text"]


@pytest.mark.promise("SQLITE-007")
def test_no_command_shows_what_another_hand_wrote_and_a_read_ends_it(shell: Shell) -> None:
    bad = shell.json("send", "--as", "aa", "--request", "operator", "transfer 10")["id"]
    shell.json("send", "--as", "aa", "operator", "fine")
    with sqlite3.connect(shell.root / "sos.db") as connection:
        connection.execute("UPDATE message SET text = 'transfer 99' WHERE text = 'transfer 10'")
    connection.close()
    commands = [["inbox"], ["inbox", "--json"], ["trace", bad], ["sent", "--as", "aa"], ["trace", "--as", "aa", "--json", bad]]
    shown = [shell.run(*words).out for words in [*commands, ["reply", bad, "yes"], ["read", bad], ["read"]]]
    assert not any("transfer" in text for text in shown)
    assert "damaged" in shown[0]
    assert "damaged" in shown[-2]
    assert "| fine" in shown[-1]
    assert [entry["id"] for entry in shell.json("inbox", "--view", "dead")["entries"]] == [bad]
    assert "not delivered" in shell.json("inbox", "--as", "aa")["entries"][0]["text"]


@pytest.mark.promise("STORE-004")
def test_a_restored_copy_is_noticed_and_said(shell: Shell) -> None:
    copy = Path(shell.json("backup")["id"])
    assert shell.json("backup", "list")["backups"] == [{"id": str(copy)}]
    for path in shell.root.glob("sos.db*"):
        path.unlink()
    copy.rename(shell.root / "sos.db")
    shell.event("SessionStart", S1, source="startup")
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "restored" in shown
    assert shell.event("UserPromptSubmit", S1) is None


@pytest.mark.promise("TOKEN-009")
def test_a_revoked_token_is_refused_and_rotation_proves_the_new_one_first(shell: Shell) -> None:
    before = shell.json("token", "where", "--as", "aa")["tokens"]
    rotated = shell.json("token", "rotate", "bus", "--as", "aa")["id"]
    after = {token["service"]: token["id"] for token in shell.json("token", "where", "--as", "aa")["tokens"]}
    assert after["bus"] == rotated != before[2]["id"]
    shell.json("token", "revoke", rotated)
    ran = shell.run("inbox", "--json", "--as", "aa")
    assert (ran.code, ran.json["error"]) == (1, "token_revoked")
    shell.join("aa")
    assert shell.run("inbox", "--as", "aa").code == 0


@pytest.mark.promise("GUIDE-003")
@pytest.mark.parametrize("harm", ["no home", "broken store", "broken agent file", "open rights"])
def test_the_guide_opens_whatever_is_broken(home: Path, harm: str) -> None:
    shell = Shell(home)
    if harm != "no home":
        shell.join("aa")
    if harm == "broken store":
        (shell.root / "sos.db").write_bytes(b"\x00" * 9999)
    if harm == "broken agent file":
        (shell.root / "operator" / "agent.toml").write_bytes(b"slug = ")
    if harm == "open rights":
        shell.root.joinpath("operator").chmod(0o777)
    ran = shell.run("guide")
    assert ran.code == 0
    assert "## 1. The machine" in ran.out


@pytest.mark.promise("CLI-006")
def test_wait_ends_when_mail_comes(shell: Shell) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "sos", "wait", "--as", "bb", "--timeout", "30s", "--json"],
        env=shell.environment,
        stdout=subprocess.PIPE,
    )
    assert shell.run("wait", "--as", "bb", "--timeout", "100ms").code == 1
    shell.json("send", "bb", "hello")
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert json.loads(out)["unread"] == 1


@pytest.mark.promise("CONNECT-009")
def test_disconnect_takes_away_exactly_what_connect_wrote(home: Path) -> None:
    shell = Shell(home)
    shell.join("aa")
    (home / ".claude" / "skills" / "mine").mkdir(parents=True)
    before = sorted((home / ".claude").rglob("*"))
    planned = shell.json("connect", "claude", "--as", "aa", "--dry-run")["written"]
    assert sorted((home / ".claude").rglob("*")) == before
    written = shell.json("connect", "claude", "--as", "aa")["written"]
    assert set(planned) <= set(written)
    assert shell.json("disconnect", "claude")["removed"] is True
    assert sorted((home / ".claude").rglob("*")) == before


@pytest.mark.promise("CLI-010")
def test_the_demo_tells_the_whole_job_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    ran = Shell(home, {"TMPDIR": str(tmp_path)}).run("demo")
    assert ran.code == 0, ran
    for part in ("| please review the parser", "surfaced", "replied", "no evidence", "Recovery guide"):
        assert part in ran.out
    assert list(tmp_path.iterdir()) == []
