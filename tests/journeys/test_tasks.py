"""Tasks from the command line: given, claimed, ended; by agents in their sessions and by the operator."""

from __future__ import annotations

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
