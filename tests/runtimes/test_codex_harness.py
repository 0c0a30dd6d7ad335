"""The harness for Codex CLI: how the text of a hook reaches the model, and what its rollout says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .codex_cli import Codex, read_rollout
from .codex_install import CodexBinary, install_codex
from .model_endpoint import Json, ModelEndpoint, Said, said
from .probe import Probe

EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")


@pytest.fixture(scope="session")
def codex_binary() -> CodexBinary:
    return install_codex()


@pytest.fixture
def codex(codex_binary: CodexBinary, endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[Codex]:
    with Codex(codex_binary, tmp_path, endpoint.url) as machine:
        yield machine


@pytest.fixture
def probe(codex: Codex, tmp_path: Path) -> Probe:
    made = Probe(tmp_path / "notes")
    codex.write_hooks(made.hook_command, EVENTS)
    return made


def evidence(lines: list[Json]) -> list[str]:
    """The texts of hooks that a rollout says stood in the context."""
    payloads = [line["payload"] for line in lines if line["type"] == "response_item"]
    return [
        payload["content"][0]["text"]
        for payload in payloads
        if payload["type"] == "message"
        and "hooks.additional_context" in payload["internal_chat_message_metadata_passthrough"].get("content_item_kinds", [])
    ]


def test_hooks_that_nobody_trusted_do_not_run(codex: Codex, endpoint: ModelEndpoint, probe: Probe) -> None:
    assert {hook["trustStatus"] for hook in codex.hooks()} == {"untrusted"}
    run = codex.run("hello")
    assert run.text == "ok"
    assert len(endpoint.requests) == 1
    assert probe.calls() == []


def test_the_context_of_trusted_hooks_stands_once_in_the_request_and_in_the_rollout(
    codex: Codex, endpoint: ModelEndpoint, probe: Probe
) -> None:
    probe.add_context("SessionStart", "walrus one")
    probe.add_context("UserPromptSubmit", "walrus two")
    codex.trust_hooks()
    assert {hook["trustStatus"] for hook in codex.hooks()} == {"trusted"}
    run = codex.run("hello")
    (request,) = endpoint.requests
    assert [each for each in said(request) if "walrus" in each.text] == [
        Said("developer", "walrus one"),
        Said("developer", "walrus two"),
    ]
    assert evidence(read_rollout(run.rollout)) == ["walrus one", "walrus two"]
    assert {call["stdin"]["session_id"] for call in probe.calls()} == {run.thread_id}
    assert {call["stdin"]["transcript_path"] for call in probe.calls()} == {str(run.rollout)}
