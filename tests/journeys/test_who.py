"""Who am I here: one order of places, the same answer for hook and command line, and never a guess."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sos.tools.protocol import ERROR
from tests.shell import Shell

S1, S2 = "5a12d4d5-0000-4000-8000-000000000001", "5a12d4d5-0000-4000-8000-000000000002"


def who(shell: Shell, *flags: str) -> tuple[str, str]:
    found = shell.run("whoami", "--json", *flags).json
    return found["id"], found["why"]


@pytest.fixture
def many(shell: Shell) -> Shell:
    """Four agents: `bb` in the home directory, `cc` deeper, `dd` everywhere."""
    for name in ("cc", "dd"):
        shell.join(name)
    (shell.home / "deep" / "er").mkdir(parents=True)
    shell.json("connect", "claude", "--as", "cc", "--dir", str(shell.home / "deep"))
    shell.json("connect", "claude", "--as", "dd", "--everywhere")
    return shell


@pytest.mark.promise("WHO-001", "CONNECT-013")
def test_the_places_count_in_their_order(many: Shell) -> None:
    inside = many.inside(S1)
    assert who(inside) == ("bb", f"the directory {os.path.realpath(many.home)}")
    assert who(Shell(many.home / "deep" / "er", inside.extra))[0] == "cc"
    outside = Shell(many.home.parent, inside.extra)
    assert who(outside) == ("dd", "bound everywhere")
    named = Shell(many.home, {**inside.extra, "SOS_AGENT": "aa"})
    assert who(named) == ("aa", "SOS_AGENT")
    assert who(named, "--as", "cc") == ("cc", "--as")
    many.event("SessionStart", S1, source="startup")
    assert who(named)[0] == "bb"  # the record of the session, made before the variable was there
    terminal = Shell(many.home)
    assert who(terminal) == ("operator", "a terminal outside any session")
    assert who(Shell(many.home, {"SOS_AGENT": "aa"})) == ("aa", "SOS_AGENT")


@pytest.mark.promise("CLI-009")
def test_a_slip_of_the_pen_after_as_names_the_nearest_agent(shell: Shell) -> None:
    shell.join("kasra")
    for words in (["inbox"], ["send", "aa", "x"], ["connect", "claude"], ["token", "where"], ["watch", "add", "true"], ["note"]):
        named = ["kasar"] if words[:2] == ["watch", "add"] else ["--as", "kasar"]
        ran = shell.run(*words[:2], *named, *words[2:], "--json")
        assert (ran.code, ran.json["error"], "nearest: kasra" in ran.json["message"]) == (1, "unknown_agent", True), words
        assert ran.json["next"].startswith("sos whoami --as kasra "), words
    assert shell.run("inbox", "--json", "--as", "zzzz").json["next"] == "sos join --name zzzz"


@pytest.mark.promise("WHO-002")
def test_where_nothing_says_who_the_call_is_refused_and_lists_the_agents(shell: Shell) -> None:
    outside = Shell(shell.home.parent, {"CLAUDE_CODE_SESSION_ID": S1})
    for words in (["send", "aa", "x"], ["inbox"], ["read"], ["whoami"]):
        ran = outside.run(words[0], "--json", *words[1:])
        assert (ran.code, ran.json["error"]) == (1, "nobody_here")
        assert "aa, bb" in ran.json["message"]
        assert "--as" in ran.json["next"]
    ran = Shell(shell.home, {"SOS_AGENT": "nobody"}).run("inbox", "--json")
    assert (ran.code, ran.json["error"], "aa, bb" in ran.json["message"]) == (1, "unknown_agent", True)


@pytest.mark.promise("WHO-004")
def test_a_session_stays_who_it_was_at_its_start(many: Shell) -> None:
    many.event("SessionStart", S1, source="startup")
    many.json("connect", "claude", "--as", "aa", "--dir", str(many.home))
    many.json("send", "--as", "aa", "bb", "for bb")
    for place in (many.home, many.home / "deep" / "er", many.home.parent):
        assert who(Shell(place, {"CLAUDE_CODE_SESSION_ID": S1, "SOS_AGENT": "aa"}))[0] == "bb"
    shown = many.event("UserPromptSubmit", S1, cwd=str(many.home / "deep"))
    assert shown is not None
    assert "| for bb" in shown
    start = many.event("SessionStart", S2, source="startup")
    assert start is not None
    assert "You are aa" in start


PLACES = {
    "the directory": ("", {}), "deeper": ("deep/er", {}), "everywhere": ("..", {}), "a variable": ("deep", {"SOS_AGENT": "aa"}),
    "no such agent": ("", {"SOS_AGENT": "nobody"}), "unbound": ("..", {"unbind": "*"}),
}  # fmt: skip


@pytest.mark.promise("WHO-003")
@pytest.mark.parametrize("place", PLACES)
def test_hook_and_command_line_give_the_same_answer_in_the_same_place(many: Shell, place: str) -> None:
    folder, extra = PLACES[place]
    if "unbind" in extra:
        bindings = json.loads((many.root / "bindings.json").read_text())
        (many.root / "bindings.json").write_text(json.dumps({key: who for key, who in bindings.items() if key != "*"}))
    there = Shell(many.home / folder, {**extra, "CLAUDE_CODE_SESSION_ID": S1})
    before = there.run("whoami", "--json").json
    session = Shell(many.home, {**extra})
    text = session.event("SessionStart", S1, source="startup", cwd=os.path.realpath(many.home / folder))
    after = there.run("whoami", "--json").json
    if place == "unbound":
        assert (text, before["error"], after["error"]) == (None, "nobody_here", "nobody_here")
    elif place == "no such agent":
        assert text is None or "bus unreachable" in text
        assert (before["error"], after["error"]) == ("unknown_agent", "unknown_agent")
    else:
        assert text is not None
        assert text.startswith(f"[sos] You are {before['id']}, because of {before['why']}.")
        assert (after["id"], after["why"]) == (before["id"], f"this session ({before['why']})")


def by_tool(shell: Shell) -> tuple[str, str]:
    """Who `sos mcp` is in this place, by its tool `whoami`, or the code of the error; and why."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
    done = shell.run("mcp", stdin=json.dumps(call) + "\n")
    result = json.loads(done.out)["result"]
    if result.get("isError"):
        return result["_meta"][ERROR]["error"], ""
    return result["structuredContent"]["slug"], ""


def by_sdk(shell: Shell) -> str:
    """Who a program is in this place that says no name, or the code of the error."""
    code = """
from sos.model.errors import SosError
from sos.sdk import Agent
try:
    print(Agent().slug)
except SosError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=shell.home, env=shell.environment, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.promise("WHO-012")
@pytest.mark.parametrize("place", PLACES)
def test_tools_and_programs_give_the_same_answer_in_the_same_place(many: Shell, place: str) -> None:
    folder, extra = PLACES[place]
    if "unbind" in extra:
        bindings = json.loads((many.root / "bindings.json").read_text())
        (many.root / "bindings.json").write_text(json.dumps({key: who for key, who in bindings.items() if key != "*"}))
    there = Shell(many.home / folder, {**extra, "CLAUDE_CODE_SESSION_ID": S1})
    typed = there.run("whoami", "--json").json
    assert by_tool(there)[0] == typed.get("id", typed.get("error"))
    # A program is no session: a directory is nobody's to it, and what is named is the same agent.
    assert by_sdk(there) == {"a variable": "aa", "no such agent": "unknown_agent"}.get(place, "nobody_here")


@pytest.mark.promise("WHO-008")
def test_a_shared_directory_does_not_mix_the_mail_of_two_sessions(many: Shell) -> None:
    first = many.event("SessionStart", S1, source="startup")
    second = many.event("SessionStart", S2, source="startup", cwd=str(many.home / "deep"))
    assert first is not None
    assert second is not None
    many.json("send", "--as", "aa", "bb", "to the one")
    many.json("send", "--as", "aa", "cc", "to the other")
    shown = {session: many.event("UserPromptSubmit", session) or "" for session in (S1, S2)}
    assert ("to the one" in shown[S1], "to the other" in shown[S1]) == (True, False)
    assert ("to the one" in shown[S2], "to the other" in shown[S2]) == (False, True)


@pytest.mark.promise("WHO-010")
def test_a_holder_whose_process_is_gone_keeps_nobody_from_the_inbox(shell: Shell) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    hooks = json.loads((shell.home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]
    told = {"session_id": S1, "hook_event_name": "SessionStart", "cwd": str(shell.home), "source": "startup"}
    environment = {**shell.environment, "CLAUDE_CODE_SESSION_ID": S1, "CLAUDE_PID": str(gone.pid)}
    line = hooks["SessionStart"][0]["hooks"][0]["command"]
    subprocess.run(["/bin/sh", "-c", line], env=environment, input=json.dumps(told).encode(), capture_output=True, check=True)
    text = shell.event("SessionStart", S2, source="startup")
    assert text is not None
    assert "Another live session" not in text
    shell.json("send", "--as", "aa", "bb", "hello")
    shown = shell.event("UserPromptSubmit", S2)
    assert shown is not None
    assert "| hello" in shown


@pytest.mark.promise("WHO-010")
def test_a_holder_of_before_the_machines_last_start_is_gone_whatever_process_has_its_number_now(shell: Shell) -> None:
    shell.event("SessionStart", S1, source="startup")
    assert "Another live session" in (shell.event("SessionStart", S2, source="startup") or "")
    with closing(sqlite3.connect(shell.root / "sos.db")) as database, database:
        database.execute("UPDATE body SET boot = 'the one before' WHERE session = ?", (S1,))
    assert "Another live session" not in (shell.event("SessionStart", S2, source="resume") or "")
    shell.json("send", "--as", "aa", "bb", "hello")
    assert "| hello" in (shell.event("UserPromptSubmit", S2) or "")


@pytest.mark.promise("PRESENCE-001")
def test_each_place_that_an_agent_runs_in_is_a_body_of_its_own(shell: Shell) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    shell.event("SessionStart", S1, source="startup")
    shell.event("UserPromptSubmit", S1)
    shell.event("SessionStart", S2, process=other.pid, source="startup", cwd=str(shell.root))
    runs = {each["id"]: each for each in shell.json("whoami", "--as", "bb")["runs"]}
    facts = [(each["runtime"], each["pid"], each["cwd"], each["presence"], each["holder"]) for each in (runs[S1], runs[S2])]
    assert facts == [
        ("claude", os.getpid(), str(shell.home), "working", True),
        ("claude", other.pid, str(shell.root), "idle", False),
    ]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip() if sys.platform == "linux" else ""
    assert {(each["host"], each["boot"]) for each in runs.values()} == {(os.uname().nodename, boot)}
    text = shell.run("whoami", "--as", "bb").out
    assert f"- claude on {os.uname().nodename} in {shell.home}: working, holds the inbox, seen " in text
    other.communicate(b"\n")
    shell.event("SessionEnd", S1)
    assert shell.json("whoami", "--as", "bb")["runs"] == []


@pytest.mark.promise("MESSAGE-002")
def test_the_sender_is_who_the_token_says_whatever_the_home_claims(shell: Shell) -> None:
    file = shell.root / "agents" / "aa" / "agent.toml"
    file.write_text(file.read_text().replace('name = "aa"', 'name = "operator"').replace('role = "executor"', 'role = "human"'))
    shell.json("send", "--as", "aa", "bb", "x")
    file.write_text(file.read_text().replace('slug = "aa"', 'slug = "operator"'))
    assert shell.run("send", "--as", "aa", "bb", "y").code == 1
    other = (shell.root / "agents" / "bb" / "token.bus").read_text().strip()
    assert Shell(shell.home, {"SOS_BUS_TOKEN": other}).run("send", "aa", "z").code == 1
    assert [(entry["sender"], entry["text"]) for entry in shell.json("inbox", "--as", "bb")["entries"]] == [("aa", "x")]
