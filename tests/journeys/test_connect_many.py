"""`sos connect` of runtimes that run no hooks, of all that are found, and of an AGENTS.md."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos.hook.resume import _tokens
from sos.model.errors import RuntimeConfigError
from sos.runtimes import NAMES, presence, skill
from sos.settings import load
from sos.wiring import agentsmd
from tests.journeys.test_hostile_configs import MINE, tree
from tests.shell import Shell

SERVERS = {
    "vscode": (".config/Code/User/mcp.json", "servers"),
    "windsurf": (".codeium/windsurf/mcp_config.json", "mcpServers"),
    "amp": (".config/amp/settings.json", "amp.mcpServers"),
}
PASTED = {"goose": "~/.config/goose/config.yaml", "hermes": "~/.hermes/config.yaml"}


@pytest.fixture
def terminal(home: Path) -> Shell:
    made = Shell(home)
    made.join("aa")
    return made


@pytest.mark.promise("CONNECT-007", "CONNECT-009")
@pytest.mark.parametrize("runtime", SERVERS)
def test_tools_alone_are_put_in_and_taken_out_and_it_is_said_that_nothing_is_shown(terminal: Shell, runtime: str) -> None:
    name, key = SERVERS[runtime]
    path = terminal.home / name
    path.parent.mkdir(parents=True)
    path.write_text(f'{{\n\t// mine\n\t"inputs": [], "{key}": {{"other": {{"command": "x"}}}},\n}}\n')
    before = tree(terminal.home)
    made = terminal.json("connect", runtime, "--as", "aa")
    assert str(path) in made["written"]
    assert made["shown"] == "nothing"
    assert "nothing is shown to it by itself" in made["wakes"]
    assert f'"{terminal.root}/bin/sos-mcp"' in path.read_text()
    assert (terminal.home / ".agents/skills/sos/SKILL.md").exists()
    assert "of messages its context has what it asks for" in terminal.run("connect", runtime, "--as", "aa").out
    rung = next(rung for rung in terminal.json("doctor", "--as", "aa")["rungs"] if rung["rung"] == "runtime")
    assert rung["state"] == "well", rung
    assert any("runs no hooks" in each for each in rung["well"]), rung
    assert not [step for step in terminal.join("aa")["steps"] if step["name"] == "hook"]
    hops = {hop["hop"]: hop["state"] for hop in terminal.json("probe", "aa")["hops"]}
    assert (hops["hook"], hops["ack"]) == ("not connected", "well")
    path.write_text(path.read_text().replace("sos-mcp", "gone"))
    assert terminal.run("doctor", "--as", "aa").out.count("has not what sos connect put there") == 1
    path.write_text(path.read_text().replace("gone", "sos-mcp"))
    terminal.json("disconnect", runtime)
    assert tree(terminal.home) == before


@pytest.mark.promise("CONNECT-007")
@pytest.mark.parametrize("runtime", PASTED)
def test_a_config_in_yaml_is_left_to_its_user_with_the_exact_lines(terminal: Shell, runtime: str) -> None:
    config = terminal.home / PASTED[runtime].removeprefix("~/")
    config.parent.mkdir(parents=True)
    config.write_text("extensions:   # mine\n  x: {enabled: no}\n")
    before = tree(terminal.home)
    said = terminal.run("connect", runtime, "--as", "aa").out
    assert PASTED[runtime] in said
    assert f'"{terminal.root}/bin/sos-mcp"' in said
    assert "{mcp}" not in said
    assert config.read_text() == "extensions:   # mine\n  x: {enabled: no}\n"
    assert terminal.json("whoami", "--as", "aa")["id"] == "aa"
    terminal.json("disconnect", runtime)
    assert tree(terminal.home) == before


@pytest.mark.promise("CONNECT-007")
def test_where_a_merge_is_refused_no_file_of_ours_is_there_either_and_claude_and_gemini_need_none(terminal: Shell) -> None:
    for name in (".codex/config.toml", ".claude/settings.json", ".claude.json", ".gemini/settings.json"):
        (terminal.home / name).parent.mkdir(exist_ok=True)
        (terminal.home / name).write_text("{ not sound")
    before = tree(terminal.home)
    assert terminal.run("connect", "codex", "--as", "aa").code == 1
    assert tree(terminal.home) == before
    for runtime in ("claude", "gemini"):
        terminal.json("connect", runtime, "--as", "aa")
    assert {path: what for path, what in tree(terminal.home).items() if path in before} == before


@pytest.mark.promise("CONNECT-009")
def test_a_dry_run_shows_what_would_change_without_secrets(terminal: Shell) -> None:
    path = terminal.home / ".codex/config.toml"
    path.parent.mkdir()
    path.write_bytes(MINE + b'[mcp_servers.last.env]\nTOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"\n')
    before = tree(terminal.home)
    ran = terminal.run("connect", "codex", "--as", "aa", "--dry-run")
    assert f"--- {path}\n" in ran.out
    assert "+[mcp_servers.sos]" in ran.out
    assert "ghp_" not in ran.out
    assert "+[mcp_servers.sos]" in terminal.json("connect", "codex", "--as", "aa", "--dry-run")["diff"]
    assert tree(terminal.home) == before


def test_codex_is_said_to_get_headers_whatever_its_agents_rule_is(terminal: Shell) -> None:
    said = terminal.run("connect", "codex", "--as", "aa", "--bodies", "fenced").out
    assert "messages stand headers in its context" in said
    assert terminal.json("connect", "codex", "--as", "aa")["shown"] == "headers"
    assert terminal.json("connect", "claude", "--as", "aa")["shown"] == "fenced"


@pytest.mark.promise("CONNECT-007", "CONNECT-009")
def test_all_that_are_found_are_connected_and_one_that_refuses_stops_no_other(terminal: Shell) -> None:
    programs = terminal.home / "programs"
    programs.mkdir()
    for name in ("codex", "goose", "code"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    for name in (".gemini", ".config/opencode", ".codeium/windsurf"):
        (terminal.home / name).mkdir(parents=True)
    (terminal.home / ".config/opencode/opencode.json").write_text("{ broken")
    shell = Shell(terminal.home, {"PATH": f"{programs}:/usr/bin:/bin"})
    before = tree(shell.home)
    made = shell.run("connect", "--all", "--as", "aa", "--json")
    assert made.code == 1
    forms: list[dict[str, Any]] = json.loads(made.out)
    assert [form["runtime"] for form in forms] == list(NAMES)
    assert {form["runtime"] for form in forms if form.get("found")} == {"codex", "gemini", "vscode", "windsurf", "goose"}
    (refused,) = [form for form in forms if "error" in form]
    assert (refused["runtime"], refused["error"]) == ("opencode", "runtime_config")
    assert refused["next"].startswith("sos repair ")
    said = shell.run("connect", "--all", "--as", "aa")
    assert len(said.out.splitlines()) == len(NAMES)
    assert "! opencode: " in said.out
    assert "· cursor: not found here" in said.out
    (shell.home / ".config/opencode/opencode.json").write_text("{}")
    assert shell.run("connect", "--all", "--as", "aa").code == 0
    gone = json.loads(shell.run("disconnect", "--all", "--json").out)
    assert {form["runtime"] for form in gone if form["removed"]} == {"codex", "gemini", "opencode", "vscode", "windsurf", "goose"}
    (shell.home / ".config/opencode/opencode.json").write_text("{ broken")
    assert tree(shell.home) == before


def test_what_is_asked_for_is_one_thing(terminal: Shell) -> None:
    for words in ([], ["codex", "--all"], ["--all", "--agents-md"]):
        for verb in ("connect", "disconnect"):
            ran = terminal.run(verb, *words, "--json")
            assert (ran.code, ran.json["error"], ran.json["next"]) == (2, "invalid_input", f"sos {verb} --help"), ran
    other = terminal.run("connect", "--all", "--as", "nobody", "--json")
    assert (other.code, other.json["error"]) == (1, "unknown_agent")


def test_every_runtime_says_how_it_is_found() -> None:
    places = load().places("")
    assert set(presence.PROGRAMS) == set(NAMES)
    assert len({presence.directory(name, places) for name in NAMES}) == len(NAMES)


# --- AGENTS.md --------------------------------------------------------------------------------------------------------


def test_the_skill_costs_at_most_500_tokens() -> None:
    assert sum(map(_tokens, skill.text(guide=True).splitlines())) <= 500
    assert sum(map(_tokens, skill.block().splitlines())) <= 500


@pytest.mark.promise("CONNECT-009")
@pytest.mark.parametrize("text", [None, "", "# Mine\n\nAlways test.\n", "# Mine", "a\r\nb\r\n", "\ufeff# Größe\n"])
def test_the_block_is_put_into_an_agents_md_once_and_taken_out_again(terminal: Shell, text: str | None) -> None:
    path = terminal.home / "AGENTS.md"
    if text is not None:
        path.write_bytes(text.encode())
    before = tree(terminal.home)
    assert terminal.json("connect", "--agents-md")["written"]
    once = path.read_bytes()
    assert once.startswith((text or "").encode())
    assert b"sos inbox" in once
    assert not terminal.json("connect", "--agents-md", str(path))["written"]
    assert path.read_bytes() == once
    assert terminal.json("disconnect", "--agents-md", str(terminal.home))["removed"]
    assert tree(terminal.home) == before
    assert not terminal.json("disconnect", "--agents-md")["removed"]


PIECES = st.lists(st.sampled_from(["# Mine\n", "text", "\n", "\r\n", "ö\n", "<!-- other -->\n", "  ", "\x00"]), max_size=6).map(
    "".join
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES, PIECES, PIECES)
def test_whatever_others_write_around_the_block_stays(
    tmp_path_factory: pytest.TempPathFactory, text: str, front: str, behind: str
) -> None:
    folder = tmp_path_factory.mktemp("agents")
    home, path = str(folder), folder / "AGENTS.md"
    path.write_bytes(text.encode())
    agentsmd.put(home, str(path))
    if front or behind:
        behind = behind and f"\n{behind}"
        path.write_bytes(front.encode() + path.read_bytes() + behind.encode())
    changed = path.read_bytes()
    assert not agentsmd.put(home, str(path))
    old = changed.replace(b"sos whoami", b"sos who")
    path.write_bytes(old)
    assert agentsmd.put(home, str(path))
    assert path.read_bytes() == changed
    assert agentsmd.take(home, str(path))
    left = path.read_bytes().decode() if path.exists() else ""
    assert "sos" not in left
    assert left.replace("\r", "").replace("\n", "") == (front + text + behind).replace("\r", "").replace("\n", "")
    assert left == text or front or behind


@pytest.mark.parametrize("text", [skill.BEGIN, f"{skill.END}\n{skill.BEGIN}", skill.block() * 2])
def test_marks_that_are_no_pair_are_refused(home: Path, text: str) -> None:
    path = home / "AGENTS.md"
    path.write_text(text)
    for change in (agentsmd.put, agentsmd.take):
        with pytest.raises(RuntimeConfigError, match="do not stand as one pair") as refused:
            change(os.environ["SOS_HOME"], str(path))
        assert "leave one pair" in refused.value.next_step
    assert path.read_text() == text


@pytest.mark.promise("CONNECT-013")
def test_one_agent_is_disconnected_and_what_serves_the_others_stays(shell: Shell) -> None:
    for name in ("aa", "bb"):
        (shell.home / name).mkdir()
        shell.json("connect", "claude", "--as", name, "--dir", str(shell.home / name))
    plugin = shell.home / ".claude/skills/sos"
    one = shell.json("disconnect", "claude", "--as", "bb")
    assert (one["removed"], one["agents"], one["stays_for"]) == (False, ["bb"], ["aa"])
    assert one["unbound"] == [str(shell.home), str(shell.home / "bb")]
    assert plugin.exists()
    session = "5a12d4d5-0000-4000-8000-000000000001"
    assert shell.event("SessionStart", session, source="startup", cwd=str(shell.home / "bb")) is None
    said = shell.run("disconnect", "claude").out
    assert "removed what connect wrote\nno session of Claude Code that starts from now on hears for aa" in said
    assert not plugin.exists()


def test_a_directory_that_changes_hands_is_said_to(shell: Shell) -> None:
    shell.json("connect", "claude", "--as", "bb", "--dir", str(shell.home))
    again = shell.json("connect", "claude", "--as", "bb", "--dir", str(shell.home))
    assert again["former"] is None
    said = shell.run("connect", "claude", "--as", "aa", "--dir", str(shell.home)).out
    assert f"sessions in {shell.home} belonged to bb until now; those that run go on as bb" in said
    assert "sos disconnect claude --as aa takes it back" in said
