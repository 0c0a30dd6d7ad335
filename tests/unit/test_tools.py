"""A test that lacks a tool is skipped by name, with what would install it; in CI it fails."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import servers, tools
from tests.faults.traced import strace

ROOT = Path(__file__).resolve().parents[2]
LOOKS: dict[str, Callable[[], object]] = {
    "bash": lambda: tools.find("bash"),
    "busybox": lambda: tools.find("busybox"),
    "C compiler": tools.compiler,
    "Redis 7": lambda: servers.program("redis"),
    "Valkey 9": lambda: servers.program("valkey"),
    "coreutils": lambda: tools.find("coreutils", "od"),
    "dash": lambda: tools.find("dash"),
    "setpriv": lambda: tools.find("setpriv"),
    "shellcheck": lambda: tools.find("shellcheck"),
    "strace": strace,
    "systemd-analyze": lambda: tools.find("systemd-analyze"),
    "tmux": lambda: tools.find("tmux"),
    "unshare": lambda: tools.find("unshare"),
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with no tools, that is no CI."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name in ("CI", "TEST_TOOLS"):
        monkeypatch.delenv(name, raising=False)


def test_every_tool_is_looked_for_here() -> None:
    assert set(LOOKS) == set(tools.PACKAGES)


@pytest.mark.parametrize("tool", LOOKS)
def test_a_missing_tool_is_skipped_by_name_with_what_installs_it(tool: str) -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        LOOKS[tool]()
    assert tool in str(skipped.value)
    assert tools.PACKAGES[tool] in str(skipped.value)


@pytest.mark.parametrize("variable", [("CI", "true"), ("CI", "1"), ("TEST_TOOLS", "required")])
@pytest.mark.parametrize("tool", LOOKS)
def test_in_ci_a_missing_tool_fails(tool: str, variable: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*variable)
    with pytest.raises(pytest.fail.Exception, match="NOT TRIED") as failed:
        LOOKS[tool]()
    assert tools.PACKAGES[tool] in str(failed.value)


@pytest.mark.parametrize("said", ["", "0", "false"])
def test_a_ci_that_says_no_is_none(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", said)
    assert not tools.required()


def test_a_strace_that_may_not_trace_is_missing(tmp_path: Path) -> None:
    (fake := tmp_path / "strace").write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(pytest.skip.Exception, match="may not trace here"):
        strace()


def test_ci_asks_for_all_tools_and_no_test_is_skipped_but_here() -> None:
    assert "export TEST_TOOLS=required" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    words = ("pytest.skip(", "skip" + "if", "import" + "orskip")
    skipping = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in words)
    }
    # The last two only speak of such words.
    assert skipping == {
        "tests/tools.py",
        "tests/contracts/test_stores_table.py",
        "tests/test_requirements.py",
        "tests/unit/test_tools.py",
    }
