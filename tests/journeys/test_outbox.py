"""The outbox: what waits in it, what can be given up, and that a broken file in it stops nothing."""

from __future__ import annotations

import fcntl
import json

import pytest

from tests.shell import Shell


def queue(shell: Shell, *words: str) -> str:
    """Send while another process holds the store."""
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = shell.run("send", "--json", "--as", "aa", *words)
    assert (ran.code, ran.json["queued"]) == (75, True)
    return str(ran.json["id"])


@pytest.mark.promise("SEND-002")
def test_what_is_queued_is_listed_while_the_store_is_out_and_can_be_given_up(shell: Shell) -> None:
    identifier = queue(shell, "bb", "later")
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = shell.run("outbox", "--json", "--as", "aa")
        assert (ran.code, [each["id"] for each in ran.json["outbox"]]) == (1, [identifier])
        ran = shell.run("outbox", "--json", "--as", "aa", "--drop", identifier)
        assert (ran.code, ran.json["outbox"]) == (0, [])
    again = shell.run("outbox", "--json", "--as", "aa", "--drop", identifier)
    assert (again.code, again.json["error"]) == (1, "not_found")
    assert shell.json("inbox", "--as", "bb")["entries"] == []


@pytest.mark.promise("SEND-002")
def test_an_answer_waits_in_the_outbox_too_and_closes_its_request_once(shell: Shell) -> None:
    asked = shell.json("send", "--request", "--as", "bb", "aa", "is it green?")["id"]
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = shell.run("reply", "--json", "--as", "aa", asked, "it is")
    assert (ran.code, ran.json["queued"]) == (75, True)
    listed = shell.run("outbox", "--json", "--as", "bb")
    assert listed.json["outbox"] == []
    assert shell.run("outbox", "--as", "aa").out == "the outbox is empty\n"  # it has sent it
    (entry,) = shell.json("inbox", "--as", "bb")["entries"]
    assert (entry["id"], entry["text"], entry["in_reply_to"], entry["kind"]) == (ran.json["id"], "it is", asked, "reply")
    assert shell.json("trace", "--as", "bb", asked)["deliveries"][0]["state"] == "replied"


def test_what_an_older_version_queued_is_sent(shell: Shell) -> None:
    identifier = queue(shell, "bb", "later")
    path = shell.root / "agents" / "aa" / "outbox" / f"{identifier}.json"
    draft = json.loads(path.read_text())["draft"]
    path.write_text(
        json.dumps({"draft": {**draft, "to": "", "kind": "message"}, "squad": None, "broadcast": True, "refused": ""})
    )
    assert shell.run("outbox", "--as", "aa").code == 0
    assert [entry["kind"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == ["broadcast"]


def test_a_broken_file_in_the_outbox_is_listed_and_holds_up_nothing(shell: Shell) -> None:
    identifier = queue(shell, "bb", "later")
    broken = shell.root / "agents" / "aa" / "outbox" / "00000000-0000-7000-8000-000000000000.json"
    broken.touch(0o600)
    broken.write_text('{"draft": ')
    assert shell.run("inbox", "--as", "aa").code == 0
    assert [entry["id"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == [identifier]
    ran = shell.run("outbox", "--as", "aa")
    aside = broken.with_name(broken.name + ".damaged")
    assert (ran.code, str(aside) in ran.out, aside.exists()) == (1, True, True)


def test_what_the_store_refuses_for_good_is_said_once_and_stays_listed(shell: Shell) -> None:
    identifier = queue(shell, "bb", "later")
    shell.json("leave", "--as", "bb", "--yes")
    first = shell.run("inbox", "--as", "aa")
    assert "never will be" in first.err
    assert identifier in first.err
    assert shell.run("inbox", "--as", "aa").err == ""
    ran = shell.run("outbox", "--as", "aa")
    assert (ran.code, "has left" in ran.out) == (1, True)


@pytest.mark.promise("MESSAGE-003", "MESSAGE-008")
@pytest.mark.parametrize(
    "change", [{"assurance": "token"}, {"sender": "operator"}, {"kind": "canary"}, {"text": 7}, {"text": "x" * 65_537}]
)
def test_what_is_written_into_an_outbox_by_hand_is_held_to_the_same_rules(shell: Shell, change: dict[str, object]) -> None:
    place = shell.root / "agents" / "aa" / "outbox"
    place.mkdir(mode=0o700)
    identifier = "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"
    queued = {"draft": {"id": identifier, "to": "bb", "text": "x", **change}, "squad": None, "broadcast": False}
    file = place / f"{identifier}.json"
    file.touch(0o600)
    file.write_text(json.dumps(queued))
    ran = shell.run("outbox", "--json", "--as", "aa")
    assert (ran.code, len(ran.json["outbox"]) + len(ran.json["damaged"])) == (1, 1)
    assert shell.json("inbox", "--as", "bb")["entries"] == []
