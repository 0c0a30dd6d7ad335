"""Tasks from the command line: given, claimed, ended; by agents in their sessions and by the operator."""

from __future__ import annotations

import fcntl

import pytest

from tests.shell import Shell

pytestmark = pytest.mark.promise("TASK-002", "TASK-003")


def test_a_task_is_given_claimed_and_done_and_both_sides_hear(shell: Shell) -> None:
    worker = shell.inside("s-1")
    shell.event("SessionStart", "s-1")
    first = shell.json("task", "add", "--as", "aa", "first", "of", "two", "--text", "line\n[end 00] \u202e", "--for", "bb")
    second = shell.json("task", "add", "--as", "aa", "second", "--after", first["id"])
    assert (first["title"], first["assignee"], second["status"]) == ("first of two", "bb", "blocked")
    shown = shell.event("UserPromptSubmit", "s-1", prompt="x") or ""
    assert f"aa has a task for you: {first['id']}" in shown
    claimed = worker.json("task", "claim", "--lease", "10m")
    assert (claimed["id"], claimed["fence"], claimed["owner"]) == (first["id"], 1, "bb")
    whole = worker.run("task", "show", first["id"]).out
    assert "| line\n| [end 00] \\u{202e}\n" in whole
    assert worker.json("task", "renew", first["id"], "--lease", "1h")["leased_until"] > claimed["leased_until"]
    refused = worker.run("task", "done", first["id"], "--fence", "7", "late")
    assert (refused.code, "the claim 7 was lost, the newest is 1" in refused.err) == (1, True)
    assert worker.json("task", "done", first["id"], "-", stdin="the result")["result"] == "the result"
    assert "bb has done your task" in shell.run("inbox", "--as", "aa").out
    assert [each["id"] for each in worker.json("task", "list")["tasks"]] == [second["id"]]
    assert [each["id"] for each in worker.json("task", "list", "--view", "ended")["tasks"]] == [first["id"]]
    assert worker.json("task", "claim")["id"] == second["id"]
    nothing = worker.run("task", "claim")
    assert (nothing.code, nothing.out) == (1, "no task is open to you\n")


def test_the_same_task_given_again_is_the_same_and_a_look_from_outside_claims_nothing(shell: Shell) -> None:
    words = ["task", "add", "--as", "aa", "once", "--id", "01a21dd4-aa05-7e63-af6e-d1dd34a2077b"]
    assert shell.json(*words) == shell.json(*words)
    other = shell.run(*words, "more")
    assert (other.code, "belongs to another task" in other.err) == (1, True)
    outside = shell.run("task", "claim", "--as", "bb")
    assert (outside.code, "a look from outside" in outside.err) == (1, True)
    assert shell.json("task", "cancel", "--project", "demo", words[-1], "no more")["result"] == "no more"


def test_mean_words_are_refused_with_what_to_type(shell: Shell) -> None:
    for words, said in (
        (["done"], "needs the id of a task"),
        (["show", "zz"], "is not the id of a task"),
        (["show", "01a21dd4-aa05-7e63-af6e-d1dd34a2077b", "zz"], "takes one id"),
        (["add", ""], "a task needs a title"),
        (["add", "x", "--after", "01a21dd4-aa05-7e63-af6e-d1dd34a2077b"], "to wait for"),
        (["claim", "--lease", "2d"], "a lease is 1 second to 24 hours"),
        (["list", "--project", "q", "--as", "aa"], "next: "),
    ):
        ran = shell.inside("s-1").run("task", *words) if "--as" not in words else shell.run("task", *words)
        assert ran.code in {1, 2}, words
        assert said in ran.err, words
        assert "next: " in ran.err
    assert shell.inside("s-1").json("task", "list")["tasks"] == []


def test_the_operator_gives_tasks_and_broadcasts_to_any_project_and_is_told_where_to_look(shell: Shell) -> None:
    shell.json("join", "--name", "mumega.codecheck", "--project", "sos", "--squad", "parsers")
    made = shell.run("task", "add", "look at the parser", "--for", "mumega-codecheck")
    assert (made.code, "in project sos" in made.out) == (0, True)
    named = shell.run("task", "add", "x", "--for", "mumega-codecheck", "--project", "demo")
    assert (named.code, "mumega-codecheck is in project sos" in named.err, "add --project sos" in named.err) == (1, True, True)
    assert "no tasks (live) in project default; another: sos task list --project demo" in shell.run("task", "list").out
    assert [each["title"] for each in shell.json("task", "list", "--project", "sos")["tasks"]] == ["look at the parser"]
    near = shell.run("task", "add", "x", "--for", "mumega-codechek")
    assert (near.code, "mumega-codecheck" in near.err) == (1, True)
    foreign = shell.run("task", "add", "x", "--as", "aa", "--for", "mumega-codecheck")
    assert (foreign.code, "nearest: mumega" in foreign.err) == (1, False)

    for words in (["x"], ["--squad", "parsers", "x"]):
        nobody = shell.run("broadcast", *words)
        assert (nobody.code, "next: add --project demo   (there are agents in: demo, sos)" in nobody.err) == (1, True), nobody
    assert shell.json("broadcast", "--squad", "parsers", "--project", "sos", "moved")["recipients"] == ["mumega-codecheck"]
    assert shell.json("broadcast", "--project", "demo", "all")["recipients"] == ["aa", "bb"]
    assert [each["text"] for each in shell.json("inbox", "--as", "aa")["entries"]] == ["all"]
    refused = shell.run("broadcast", "--as", "aa", "--project", "sos", "--json", "x")
    assert (refused.code, refused.json["error"], refused.json["next"]) == (1, "forbidden", "leave out --project")
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert shell.run("broadcast", "--project", "sos", "later").code == 75
        assert "  to everybody of project sos  later" in shell.run("outbox").out
    assert shell.json("outbox")["outbox"] == []
    assert [each["text"] for each in shell.json("inbox", "--as", "mumega-codecheck")["entries"]][-1] == "later"


@pytest.mark.promise("OPERATOR-001")
def test_nothing_is_said_to_be_shown_at_a_next_turn_of_the_operator(shell: Shell) -> None:
    sent = shell.run("send", "--as", "aa", "operator", "x").out
    assert ("next turn" in sent, "it stands in: sos inbox" in sent) == (False, True)
    assert "next turn" in shell.run("send", "--as", "aa", "bb", "x").out
    assert shell.run("note", "x").out == "kept; it stands in: sos note\n"
    assert shell.run("note", "--as", "aa", "x").out == "kept for your next session\n"
