"""Which version of a runtime the tests install: the pinned one, or on demand the newest, looked for once a day."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes import npm_tools


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What npm would have been asked for, in a cache of the test's own."""
    made: list[str] = []

    def note(folder: Path, package: str) -> None:
        folder.mkdir(exist_ok=True)
        made.append(f"{folder.name}: {package}")

    monkeypatch.setenv("RUNTIMES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(npm_tools, "_npm_install", note)
    yield made
    npm_tools.install.cache_clear()


def ask() -> None:
    npm_tools.install.cache_clear()
    npm_tools.install("codex", "@openai/codex", "0.169.0")


def test_the_pinned_version_is_installed_once(installed: list[str]) -> None:
    ask()
    ask()
    assert installed == ["codex-0.169.0: @openai/codex@0.169.0"]


def test_the_newest_is_installed_beside_it_and_looked_for_again_a_day_later(
    installed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm_tools, "NEWEST", True)
    ask()
    ask()
    assert installed == ["codex-latest: @openai/codex@latest"]
    done = tmp_path / "cache" / "codex-latest" / "installed"
    os.utime(done, (0, 0))
    ask()
    ask()
    assert len(installed) == 2
