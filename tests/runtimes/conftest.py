"""Fixtures: the installed runtime, a fresh endpoint, and a fresh home for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .claude_code import ClaudeCode
from .claude_install import ClaudeBinary, install_claude_code
from .codex_cli import Codex
from .codex_install import CodexBinary, install_codex
from .copilot_cli import CopilotBinary, CopilotCli, install_copilot
from .gemini_cli import Gemini
from .gemini_install import GeminiBinary, install_gemini
from .model_endpoint import ModelEndpoint
from .opencode_cli import OpenCode, OpenCodeBinary, install_opencode


@pytest.fixture(scope="session")
def claude_code_binary() -> ClaudeBinary:
    return install_claude_code()


@pytest.fixture
def endpoint() -> Iterator[ModelEndpoint]:
    with ModelEndpoint() as running:
        yield running
    assert running.failures == [], "the test's answer function raised"


@pytest.fixture
def claude(claude_code_binary: ClaudeBinary, endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[ClaudeCode]:
    with ClaudeCode(claude_code_binary, tmp_path, endpoint.url) as machine:
        yield machine


@pytest.fixture(scope="session")
def codex_binary() -> CodexBinary:
    return install_codex()


@pytest.fixture
def codex(codex_binary: CodexBinary, endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[Codex]:
    with Codex(codex_binary, tmp_path, endpoint.url) as machine:
        yield machine


@pytest.fixture(scope="session")
def gemini_binary() -> GeminiBinary:
    return install_gemini()


@pytest.fixture
def gemini(gemini_binary: GeminiBinary, endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[Gemini]:
    with Gemini(gemini_binary, tmp_path, endpoint.url) as machine:
        yield machine


@pytest.fixture(scope="session")
def copilot_binary() -> CopilotBinary:
    return install_copilot()


@pytest.fixture
def copilot(copilot_binary: CopilotBinary, endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[CopilotCli]:
    with CopilotCli(copilot_binary, tmp_path, endpoint.url) as machine:
        yield machine


@pytest.fixture(scope="session")
def opencode_binary() -> OpenCodeBinary:
    return install_opencode()


@pytest.fixture
def opencode(opencode_binary: OpenCodeBinary, endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[OpenCode]:
    with OpenCode(opencode_binary, tmp_path, endpoint.url) as machine:
        yield machine
