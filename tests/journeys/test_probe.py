"""The installed hook is tried at a join, with the canary alone."""

from __future__ import annotations

import pytest

from tests.shell import Json, Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"

pytestmark = pytest.mark.promise("JOIN-006")


def step(joined: Json) -> Json:
    """What the join said of the hook."""
    (found,) = [each for each in joined["steps"] if each["name"] == "hook"]
    return dict(found)


def test_the_very_command_shows_the_canary_and_marks_nothing_else(shell: Shell) -> None:
    shell.event("SessionStart", SESSION, source="startup")
    waiting = shell.json("send", "--as", "aa", "bb", "waits")["id"]
    before = shell.json("inbox", "--as", "bb")
    assert step(shell.join("bb"))["ok"] is True
    assert shell.json("inbox", "--as", "bb") == before
    assert "surfaced" not in shell.run("trace", "--as", "bb", waiting).out
    assert not list((shell.root / "run").glob("*sos-probe-*"))
    shown = shell.event("UserPromptSubmit", SESSION) or ""
    assert "| waits" in shown
    assert "canary" not in shown


def test_without_an_installed_hook_there_is_nothing_to_try(shell: Shell) -> None:
    shell.json("disconnect", "claude")
    assert "hook" not in [each["name"] for each in shell.join("bb")["steps"]]


@pytest.mark.promise("JOIN-009")
@pytest.mark.parametrize("broken", ["launcher", "plugin"])
def test_a_hook_that_fails_is_a_finding_and_the_join_succeeds(shell: Shell, broken: str) -> None:
    if broken == "launcher":
        (shell.root / "bin" / "sos-hook").write_text('#!/bin/sh\np="/bin/sh"\nf="/bin/sh"\nexit 0\n')
    else:
        (shell.home / ".claude/skills/sos/hooks/hooks.json").write_text("{")
    joined = shell.join("bb")
    assert step(joined)["ok"] is False
    assert "join_hook" in [finding["code"] for finding in joined["findings"]]
    assert all(each["good"] for each in joined["answers"])


def test_nobody_can_have_a_probe_show_what_is_no_canary(shell: Shell) -> None:
    identifier = shell.json("send", "--as", "aa", "bb", "not a canary")["id"]
    session = f"sos-probe-{identifier}"
    shell.event("SessionStart", SESSION, source="startup")
    (shell.root / "run" / f"session-{session}").write_text("bb\na probe\n")
    (shell.root / "run" / f"session-{session}").chmod(0o600)
    shown = shell.event("UserPromptSubmit", session) or ""
    assert "| not a canary" not in shown
    assert "bus unreachable" in shown


def test_launchers_that_are_gone_are_written_anew_and_the_hook_of_another_home_is_left_alone(shell: Shell) -> None:
    for path in (shell.root / "bin").iterdir():
        path.unlink()
    assert step(shell.join("bb"))["ok"] is True
    other = Shell(shell.home, {"SOS_HOME": str(shell.home / "other")})
    assert "hook" not in [each["name"] for each in other.join("bb")["steps"]]
    assert [path.name for path in (shell.home / "other" / "bin").iterdir()] == ["sos-rescue"]
