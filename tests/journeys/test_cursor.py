"""`sos connect cursor`: what it writes, and its hooks as Cursor documents to call them. (Cursor itself is not run.)"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_hostile_configs import tree
from tests.shell import Shell

pytestmark = pytest.mark.promise("CONNECT-006")
S1 = "668320d2-2fd8-4888-b33c-2a466fec86e7"


class Cursor(Shell):
    """A terminal, and an editor in its home that runs the hooks of its hooks.json."""

    def fires(self, event: str, **fields: Any) -> dict[str, Any]:
        """Run all hooks of an event with the fields that Cursor documents; what they print. A hook that says nothing: {}."""
        hooks = json.loads((self.home / ".cursor/hooks.json").read_text())["hooks"][event]
        told = {"conversation_id": S1, "generation_id": "g", "model": "m", "hook_event_name": event, "cursor_version": "3.12.17",
                "workspace_roots": [str(self.home / "work"), "/elsewhere"], "user_email": None, **fields}  # fmt: skip
        said: dict[str, Any] = {}
        for hook in hooks:
            done = subprocess.run(
                ["/bin/sh", "-c", hook["command"]],
                env=self.environment, cwd=self.home / ".cursor", input=json.dumps(told).encode(), capture_output=True, check=True,
            )  # fmt: skip
            said |= json.loads(done.stdout or b"{}")
        return said


@pytest.fixture
def cursor(home: Path) -> Cursor:
    made = Cursor(home)
    (home / "work").mkdir()
    made.join("aa")
    made.join("bb")
    return made


def test_a_file_that_only_we_have_made_goes_as_a_whole_whatever_it_looks_like_now(cursor: Cursor) -> None:
    cursor.json("connect", "cursor", "--as", "bb", "--dir", str(cursor.home / "work"))
    hooks = cursor.home / ".cursor/hooks.json"
    hooks.write_text(json.dumps(json.loads(hooks.read_text()), indent=7))
    cursor.json("disconnect", "cursor")
    assert not (cursor.home / ".cursor").exists()


MINE = {"version": 1, "hooks": {"stop": [{"command": "./mine.sh", "loop_limit": 2}], "afterFileEdit": [{"command": "./format"}]}}


@pytest.mark.promise("CONNECT-009")
@pytest.mark.parametrize("mine", [None, MINE, {}], ids=["no file", "hooks of the user", "an empty object"])
def test_it_writes_the_documented_files_and_disconnect_takes_them_away(cursor: Cursor, mine: dict[str, Any] | None) -> None:
    hooks, servers = (cursor.home / ".cursor" / name for name in ("hooks.json", "mcp.json"))
    if mine is not None:
        hooks.parent.mkdir()
        hooks.write_text(json.dumps(mine))
        servers.write_text('{"mcpServers": {"mine": {"url": "https://example.org"}}}')
    before = tree(cursor.home)
    made = cursor.json("connect", "cursor", "--as", "bb", "--dir", str(cursor.home / "work"))
    assert {str(hooks), str(servers)} <= set(made["written"])
    value = json.loads(hooks.read_text())
    assert value.get("version", 1) == 1
    assert mine is not None or value["version"] == 1
    for event in ("sessionStart", "beforeSubmitPrompt", "postToolUse", "stop", "preCompact", "sessionEnd"):
        (ours,) = [hook for hook in value["hooks"][event] if "/bin/sos-hook" in hook["command"]]
        assert ours["command"] == f'"{cursor.root}/bin/sos-hook" cursor {event}; exit 0'
    assert json.loads(servers.read_text())["mcpServers"]["sos"] == {"command": f"{cursor.root}/bin/sos-mcp", "args": []}
    assert (cursor.home / ".agents/skills/sos/SKILL.md").exists()
    assert cursor.json("disconnect", "cursor")["removed"]
    assert tree(cursor.home) == before


@pytest.mark.promise("HOOK-003", "HOOK-004", "HOOK-006")
def test_its_session_starts_with_the_packet_hears_behind_a_tool_and_goes_on_for_a_request_once(cursor: Cursor) -> None:
    cursor.json("connect", "cursor", "--as", "bb", "--dir", str(cursor.home / "work"))
    started = cursor.fires("sessionStart", session_id=S1, is_background_agent=False, composer_mode="agent")
    assert "You are bb" in started["additional_context"]
    cursor.json("send", "--as", "aa", "bb", "look at the parser")
    assert cursor.fires("beforeSubmitPrompt", prompt="hello", attachments=[]) == {}
    assert "look at the parser" in cursor.fires("postToolUse", tool_name="Read", tool_output="{}", cwd="/")["additional_context"]
    assert cursor.fires("postToolUse", tool_name="Read", tool_output="{}") == {}
    assert cursor.fires("stop", status="completed", loop_count=0) == {}
    cursor.json("send", "--as", "aa", "--request", "bb", "answer me")
    for ended in ({"status": "aborted", "loop_count": 0}, {"status": "completed", "loop_count": 1}):
        assert cursor.fires("stop", **ended) == {}
    asked = cursor.fires("stop", status="completed", loop_count=0)
    assert list(asked) == ["followup_message"]
    assert "answer me" in asked["followup_message"]
    assert cursor.fires("sessionEnd", session_id=S1, reason="user_close", duration_ms=1) == {}


@pytest.mark.promise("HOOK-006")
def test_after_a_compaction_the_packet_comes_behind_the_next_tool_and_once(cursor: Cursor) -> None:
    cursor.json("connect", "cursor", "--as", "bb", "--dir", str(cursor.home / "work"))
    cursor.fires("sessionStart", session_id=S1)
    assert cursor.fires("preCompact", trigger="auto", context_usage_percent=85) == {}
    assert cursor.fires("beforeSubmitPrompt", prompt="go on") == {}
    assert "You are bb" in cursor.fires("postToolUse", tool_name="Shell")["additional_context"]
    assert cursor.fires("postToolUse", tool_name="Shell") == {}


@pytest.mark.promise("CONNECT-012")
def test_a_session_that_is_nobodys_is_left_in_peace_and_a_hook_that_cannot_start_says_so(cursor: Cursor) -> None:
    cursor.json("connect", "cursor", "--as", "bb", "--dir", str(cursor.root))
    assert cursor.fires("sessionStart", session_id=S1) == {}
    assert cursor.fires("stop", status="completed", loop_count=0) == {}
    launcher = cursor.root / "bin/sos-hook"
    launcher.write_text(launcher.read_text().replace("\np=", "\np=/gone"))
    assert "SOS cannot start" in cursor.fires("sessionStart")["additional_context"]
    assert cursor.fires("beforeSubmitPrompt") == {}
    assert cursor.fires("stop") == {}


def test_the_installed_hook_is_tried_by_a_join_and_looked_at_by_the_doctor(cursor: Cursor) -> None:
    cursor.json("connect", "cursor", "--as", "bb", "--dir", str(cursor.home / "work"))
    (hook,) = [step for step in cursor.join("bb")["steps"] if step["name"] == "hook"]
    assert hook["ok"], hook
    assert cursor.run("probe", "bb").code == 0
    path = cursor.home / ".cursor/hooks.json"
    path.write_text(path.read_text().replace("bin/sos-hook", "bin/nothing", 1))
    ran = cursor.run("doctor", "--as", "bb", "--json")
    (rung,) = [rung for rung in ran.json["rungs"] if rung["rung"] == "runtime"]
    assert [finding["code"] for finding in rung["findings"]] == ["hook_gone"]
    assert cursor.run("doctor", "--as", "bb", "--fix").code == 0
