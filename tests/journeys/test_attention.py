"""The recipient's rules of attention, set with `sos connect`, and what they change in the hook."""

from __future__ import annotations

import pytest

from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"


def connect(shell: Shell, *rules: str) -> dict[str, object]:
    return shell.json("connect", "claude", "--as", "bb", "--dir", str(shell.home), *rules)


@pytest.mark.promise("RENDER-007")
def test_rules_are_set_kept_and_shown(shell: Shell) -> None:
    assert connect(shell)["quiet"] == "never"
    set_ = connect(shell, "--wake", "operator", "--every", "2m", "--quiet", "22:00-07:00")
    assert (set_["wake"], set_["wake_every"], set_["quiet"]) == ("operator", 120_000, "22:00-07:00")
    assert connect(shell) == set_ | {"written": connect(shell)["written"]}
    ran = shell.run("connect", "claude", "--json", "--as", "bb", "--dir", str(shell.home), "--quiet", "nights")
    assert (ran.code, ran.json["error"]) == (2, "invalid_input")
    assert connect(shell)["quiet"] == "22:00-07:00"
    shell.join("bb")
    assert connect(shell)["wake"] == "operator"


@pytest.mark.promise("RENDER-007")
def test_a_turn_is_continued_only_for_whom_the_agent_lets(shell: Shell) -> None:
    connect(shell, "--wake", "operator")
    shell.event("SessionStart", SESSION, source="startup")
    shell.event("UserPromptSubmit", SESSION)
    shell.json("send", "--request", "--as", "aa", "bb", "URGENT, now")
    assert shell.event("Stop", SESSION) is None
    shell.json("send", "--request", "bb", "from the operator")
    shown = shell.event("Stop", SESSION) or ""
    assert "| from the operator" in shown


@pytest.mark.promise("RENDER-004")
def test_an_agent_that_wants_headers_gets_no_line_of_a_peer(shell: Shell) -> None:
    connect(shell, "--bodies", "headers")
    shell.event("SessionStart", SESSION, source="startup")
    identifier = shell.json("send", "--as", "aa", "bb", "the body")["id"]
    shown = shell.event("UserPromptSubmit", SESSION) or ""
    assert identifier in shown
    assert "the body" not in shown
    assert f"sos read {identifier}" in shown
    assert shell.inside(SESSION).json("read", identifier)["entries"][0]["text"] == "the body"


@pytest.mark.promise("RENDER-008")
def test_five_hundred_messages_cost_one_notice_a_turn(shell: Shell) -> None:
    shell.event("SessionStart", SESSION, source="startup")
    shell.event("UserPromptSubmit", SESSION)
    _flood(shell, 500)
    shown = shell.event("PostToolBatch", SESSION) or ""
    assert "more: sos inbox" in shown
    assert len(shown) < 12_000
    assert [shell.event("PostToolBatch", SESSION) for _ in range(3)] == [None, None, None]


def _flood(shell: Shell, count: int) -> None:
    from sos.model.names import Slug
    from sos.stores.sqlite.store import SqliteStore
    from tests.parcels import parcel

    store = SqliteStore(str(shell.root / "sos.db"), str(shell.root / "run"))
    store.mail.post([parcel(Slug("bb"), f"{number} " + "x" * 200) for number in range(count)])
    store.close()
