"""Over a server the operator says who may send to other projects, and takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import Serving, shell_at
from tests.shell import Shell


@pytest.fixture
def laptop(serving: Serving, tmp_path: Path) -> Shell:
    made = shell_at(tmp_path / "laptop")
    for name, project in (("aa", "pp"), ("far", "qq")):
        made.json("join", "--name", name, "--url", serving.url, "--invite", serving.invitation(name, project))
    return made


@pytest.mark.promise("TOKEN-017")
def test_an_agent_sends_to_another_project_while_that_is_granted(serving: Serving, laptop: Shell) -> None:
    before = laptop.run("send", "--as", "aa", "far", "hello")
    assert (before.code, "is not here" in before.err) == (1, True)
    narrow = laptop.json("token", "mint", "bus", "--as", "aa", "--scope", "send:project")["id"]
    granted = serving.shell.json("token", "grant", "aa")["tokens"]
    (record,) = granted
    assert (record["agent"], record["service"], "send:any-project" in record["scopes"]) == ("aa", "bus", True)
    assert record["id"] != narrow
    assert serving.shell.json("token", "grant", "aa")["tokens"] == []
    assert laptop.json("send", "--as", "aa", "far", "hello")["recipients"] == ["far"]
    assert "project pp" in laptop.run("read", "--as", "far").out
    # The next token of the agent has it as well, and so has none after it was taken back.
    laptop.json("token", "rotate", "bus", "--as", "aa")
    assert laptop.json("send", "--as", "aa", "far", "again")["recipients"] == ["far"]
    serving.shell.json("token", "grant", "aa", "--take-back")
    assert laptop.run("send", "--as", "aa", "far", "late").code == 1
    laptop.json("token", "rotate", "bus", "--as", "aa")
    assert laptop.run("send", "--as", "aa", "far", "late").code == 1


@pytest.mark.promise("TOKEN-017", "TOKEN-014")
def test_nobody_grants_but_the_operator_and_nothing_but_what_is_granted(serving: Serving, laptop: Shell) -> None:
    own = laptop.run("token", "grant", "aa", "--as", "aa")
    assert (own.code, "next: " in own.err) == (1, True)
    for words in (["nobody"], ["operator"], ["aa", "--scope", "admin"], ["aa", "--scope", "inbox:self"], []):
        ran = serving.shell.run("token", "grant", *words)
        assert (ran.code != 0, "next: " in ran.err) == (True, True), words
    assert laptop.run("send", "--as", "aa", "far", "hello").code == 1
