"""kill -9 after single changes that `sos connect` and `sos disconnect` make to a runtime's own files."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.configs import SETTINGS
from tests.faults import disk
from tests.journeys.test_hostile_configs import HOOKS, MINE, tree
from tests.shell import Shell

STEPS = pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.full)])
"""Every so many changes one is the last: they are some hundred, and each trial starts three programs."""


class Trial:
    """A home whose user has configs of Codex, and a command in it that is killed."""

    def __init__(self, shell: Shell, preload: dict[str, str]) -> None:
        self.shell, self.home, self._preload = shell, shell.home, preload
        self.before = tree(self.home)

    def killed(self, words: list[str], at: int) -> bool:
        """Run a command and kill it at its n-th change; whether it was."""
        environment = {**self.shell.environment, **self._preload, "SOS_RECORD_KILL": str(at)}
        words = [sys.executable, "-m", "sos", *words]
        done = subprocess.run(words, env=environment, cwd=self.home, capture_output=True, check=False)
        assert done.returncode in {0, -signal.SIGKILL}, done
        return done.returncode != 0

    def judge(self) -> None:
        """Each config of the user's is there, whole, with all that is its user's."""
        hooks = json.loads((self.home / ".codex/hooks.json").read_bytes())
        settings = tomllib.loads((self.home / ".codex/config.toml").read_text())
        assert {key: each for key, each in hooks.items() if key != "hooks"} == {k: v for k, v in SETTINGS.items() if k != "hooks"}
        assert hooks["hooks"]["PreToolUse"] == SETTINGS["hooks"]["PreToolUse"]
        assert hooks["hooks"]["Stop"][0] == SETTINGS["hooks"]["Stop"][0]
        mine = tomllib.loads(MINE.decode())
        assert {**settings, "mcp_servers": {**settings["mcp_servers"], "sos": None}} == {
            **mine,
            "mcp_servers": {**mine["mcp_servers"], "sos": None},
        }


@pytest.fixture
def trial(home: Path, tmp_path: Path) -> Trial:
    shell = Shell(home)
    shell.join("aa")
    (home / ".codex").mkdir()
    (home / ".codex/hooks.json").write_bytes(HOOKS)
    (home / ".codex/config.toml").write_bytes(MINE)
    preload = {"LD_PRELOAD": str(disk.library(tmp_path)), "SOS_RECORD_ROOT": str(home), "SOS_RECORD_TAG": "1"}
    return Trial(shell, {**preload, "SOS_RECORD_LOG": str(tmp_path / "log")})


CONNECT, DISCONNECT = ["connect", "codex", "--as", "aa"], ["disconnect", "codex"]


@pytest.mark.timeout(600)
@pytest.mark.promise("CONNECT-008", "CONNECT-009")
@STEPS
@pytest.mark.parametrize("then", [[CONNECT, DISCONNECT], [DISCONNECT]], ids=["connect again", "disconnect"])
def test_a_connect_that_was_killed_is_gone_on_with_or_taken_back(trial: Trial, then: list[list[str]], step: int) -> None:
    for at in itertools.count(1, step):
        killed = trial.killed(CONNECT, at)
        trial.judge()
        for words in then:
            ran = trial.shell.run(*words)
            assert ran.code == 0, (at, words, ran)
            assert words == DISCONNECT or b"/bin/sos-hook" in (trial.home / ".codex/hooks.json").read_bytes()
        assert tree(trial.home) == trial.before, at
        if not killed:
            break
    assert at > 3 * 7  # less, and nothing was killed


@pytest.mark.timeout(600)
@pytest.mark.promise("CONNECT-008", "CONNECT-009")
@STEPS
def test_a_disconnect_that_was_killed_is_gone_on_with(trial: Trial, step: int) -> None:
    for at in itertools.count(1, step):
        trial.shell.json(*CONNECT)
        killed = trial.killed(DISCONNECT, at)
        trial.judge()
        trial.shell.json(*DISCONNECT)
        assert tree(trial.home) == trial.before, at
        if not killed:
            break
    assert at > 8  # less, and nothing was killed
