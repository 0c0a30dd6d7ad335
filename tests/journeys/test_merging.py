"""What `sos connect` puts into a runtime's own config, where its user has a hand in the same file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.shell import Shell


@pytest.fixture
def shell(home: Path) -> Shell:
    made = Shell(home, {"CODEX_HOME": str(home / ".codex"), "XDG_CONFIG_HOME": str(home / ".config")})
    made.join("bb")
    return made


def connect(shell: Shell, runtime: str) -> None:
    shell.json("connect", runtime, "--as", "bb", "--dir", str(shell.home))


@pytest.mark.promise("CONNECT-009")
def test_what_the_user_says_more_of_our_server_stays_and_goes_with_it(shell: Shell) -> None:
    config = shell.home / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text('model = "gpt-5"\n')
    connect(shell, "codex")
    text = config.read_text()
    config.write_text(f'{text}default_tools_approval_mode = "approve"\n\n# mine\n[tui]\ntheme = "dark"\n')
    looked = shell.run("doctor", "--json", "--as", "bb").json
    assert [each["code"] for each in looked["rungs"][1]["findings"]] == ["not_trusted"]
    moved = config.read_text().replace("bin/sos-mcp", "bin/sos-gone")
    config.write_text(moved)
    connect(shell, "codex")
    made = tomllib.loads(config.read_text())
    assert made["mcp_servers"]["sos"] == {
        "command": str(shell.root / "bin" / "sos-mcp"), "default_tools_approval_mode": "approve",
    }  # fmt: skip
    assert (made["model"], made["tui"]) == ("gpt-5", {"theme": "dark"})
    assert "# mine\n" in config.read_text()
    shell.json("disconnect", "codex")
    assert tomllib.loads(config.read_text()) == {"model": "gpt-5", "tui": {"theme": "dark"}}
    assert "# mine\n" in config.read_text()


@pytest.mark.promise("CONNECT-009")
@pytest.mark.parametrize("text", ['{\n  "mcpServers": {}\n}\n', '{"other": 1, "mcpServers": {} }'])
def test_a_place_for_servers_that_is_empty_takes_ours_and_is_as_before_afterwards(shell: Shell, text: str) -> None:
    config = shell.home / ".copilot" / "mcp-config.json"
    config.parent.mkdir()
    config.write_text(text)
    connect(shell, "copilot")
    assert list(json.loads(config.read_text())["mcpServers"]) == ["sos"]
    shell.json("disconnect", "copilot")
    assert config.read_text() == text


@pytest.mark.promise("CONNECT-009")
def test_it_goes_also_where_somebody_has_written_into_the_file_since(shell: Shell) -> None:
    config = shell.home / ".copilot" / "mcp-config.json"
    config.parent.mkdir()
    config.write_text('{"mcpServers": {}}')
    connect(shell, "copilot")
    made = json.loads(config.read_text())
    config.write_text(json.dumps(made | {"more": 1}, indent=4))
    shell.json("disconnect", "copilot")
    left = json.loads(config.read_text())
    assert (left.get("mcpServers", {}), left["more"]) == ({}, 1)
