"""One plugin directory with a marketplace file, installed by the real programs: its hooks run in each as that runtime's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .claude_code import ClaudeCode
from .codex_cli import Codex
from .copilot_cli import CopilotCli
from .machine import Machine
from .model_endpoint import ModelEndpoint, said, sees

BODY = "please look at the walrus"


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return tmp_path / "market"


def its(runtime: ClaudeCode | Codex | CopilotCli, *words: str) -> None:
    """A command of the runtime's own program, which has to end well."""
    command = [str(runtime.binary.program), *words]
    done = subprocess.run(command, cwd=runtime.project, env=runtime.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)


def write(machine: Machine[ClaudeCode] | Machine[Codex] | Machine[CopilotCli], market: Path) -> None:
    machine.join("coder", connect=True)  # launchers, and whose directory it is
    machine.sos("disconnect", machine.name)
    machine.join("reviewer")
    machine.sos("connect", "--marketplace", str(market))


@pytest.mark.promise("CONNECT-010")
def test_claude_code_installs_it(claude: ClaudeCode, endpoint: ModelEndpoint, market: Path) -> None:
    machine = Machine(claude)
    write(machine, market)
    its(claude, "plugin", "validate", str(market))
    its(claude, "plugin", "validate", str(market / "sos"))
    its(claude, "plugin", "marketplace", "add", str(market))
    its(claude, "plugin", "install", "sos@sos")
    identifier = machine.send(BODY)
    claude.run("hello")
    endpoint.wait_for(sees(BODY))
    assert "in context" in machine.facts(identifier)


@pytest.mark.promise("CONNECT-010")
def test_codex_installs_it(codex: Codex, endpoint: ModelEndpoint, market: Path) -> None:
    machine = Machine(codex, "codex")
    write(machine, market)
    its(codex, "plugin", "marketplace", "add", str(market))
    its(codex, "plugin", "add", "sos@sos")
    codex.trust_hooks()
    identifier = machine.send(BODY)
    codex.run("hello")
    (request,) = endpoint.requests
    assert [each.role for each in said(request) if f"{identifier}]" in each.text] == ["developer"]
    assert not sees(BODY)(request)
    assert "in context" in machine.facts(identifier)


@pytest.mark.full
@pytest.mark.promise("CONNECT-010")
def test_copilot_installs_it(copilot: CopilotCli, endpoint: ModelEndpoint, market: Path) -> None:
    machine = Machine(copilot, "copilot")
    write(machine, market)
    its(copilot, "plugin", "marketplace", "add", str(market))
    its(copilot, "plugin", "install", "sos@sos")
    identifier = machine.send(BODY)
    copilot.run("hello")
    endpoint.wait_for(sees(BODY))
    assert "surfaced" in machine.facts(identifier)
