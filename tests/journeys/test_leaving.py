"""Leaving, coming back, and another agent under a slug that was given back."""

from __future__ import annotations

import pytest

from tests.shell import Shell


@pytest.mark.promise("NAME-003")
def test_a_slug_is_its_owners_until_it_leaves(shell: Shell) -> None:
    shell.join("a.b")
    ran = shell.run("join", "--json", "--name", "a_b")
    assert (ran.code, ran.json["error"]) == (1, "slug_taken")
    free = ran.json["next"].rsplit(" ", 1)[1]
    assert shell.join(free)["outcome"] == "new"
    assert shell.json("leave", "--as", "a.b", "--yes")["status"] == "closed"
    assert shell.join("a_b")["outcome"] == "new"
    assert shell.run("join", "--name", "a.b").code == 1


def test_without_yes_nobody_leaves(shell: Shell) -> None:
    assert shell.run("leave", "--as", "aa").code == 1
    assert shell.json("whoami", "--as", "aa")["status"] == "open"


def test_who_comes_back_under_its_name_has_its_mail_and_who_left_gets_none(shell: Shell) -> None:
    identifier = shell.json("send", "bb", "before")["id"]
    shell.json("leave", "--as", "bb", "--yes")
    ran = shell.run("send", "--json", "bb", "meanwhile")
    assert (ran.code, ran.json["error"], "has left" in ran.json["message"]) == (1, "unknown_agent", True)
    late = shell.run("send", "--json", "--as", "bb", "aa", "still here")
    assert (late.code, late.json["error"]) == (1, "forbidden")
    assert shell.join("bb")["outcome"] == "returned"
    assert [entry["id"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == [identifier]


@pytest.mark.promise("PRESENCE-004")
def test_who_left_stands_in_the_list_labelled_so(shell: Shell) -> None:
    shell.json("leave", "--as", "bb", "--yes")
    assert [peer["id"] for peer in shell.json("peers")["peers"]] == ["aa"]
    found = {peer["id"]: peer["status"] for peer in shell.json("peers", "--all")["peers"]}
    assert found == {"aa": "open", "bb": "closed"}
    assert "(has left)" in shell.run("peers", "--all").out


def test_a_new_owner_of_a_slug_sees_and_sends_nothing_of_the_former_one(shell: Shell) -> None:
    shell.join("a.b")
    identifier = shell.json("send", "--as", "a.b", "bb", "mine")["id"]
    shell.json("send", "a.b", "to the former one")
    (shell.root / "agents" / "a-b" / "outbox").mkdir(mode=0o700)
    shell.json("leave", "--as", "a.b", "--yes")
    shell.join("a_b")
    assert shell.json("sent", "--as", "a_b")["sent"] == []
    assert shell.json("inbox", "--as", "a_b", "--view", "recent")["entries"][1:] == []
    assert shell.run("trace", "--as", "a_b", identifier).code == 1
    assert not (shell.root / "agents" / "a-b" / "outbox").exists()
    own = shell.json("send", "--as", "a_b", "bb", "new")["id"]
    assert [each["id"] for each in shell.json("sent", "--as", "a_b")["sent"]] == [own]
    assert shell.json("trace", "--as", "a_b", own)["id"] == own


def test_without_yes_it_says_what_would_stay_unread_and_does_nothing(shell: Shell) -> None:
    shell.json("send", "bb", "hello")
    ran = shell.run("leave", "--as", "bb", "--json")
    assert (ran.code, ran.json) == (1, {"id": "bb", "status": "open", "unread": 1})
    assert shell.run("leave", "--as", "bb").out == "bb would leave with 1 unread. Do it: add --yes\n"
    assert shell.json("whoami", "--as", "bb")["status"] == "open"
