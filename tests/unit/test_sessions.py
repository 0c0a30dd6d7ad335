"""The records of sessions: what is old goes, and nothing that goes wrong there keeps a session from starting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sos.homes import resolver
from sos.homes.resolver import Who
from sos.model.names import Slug
from sos.model.times import Millis

NOW = Millis(1_795_000_000_000)


@pytest.mark.promise("WHO-004")
@pytest.mark.parametrize("found", ["an error", "what another session removes meanwhile"])
def test_old_records_that_cannot_be_removed_keep_nobody_from_starting(
    home: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    def listed(path: str) -> list[str]:
        if found == "an error":
            raise OSError(24, "Too many open files")
        return ["session-gone"]

    monkeypatch.setattr(os, "listdir", listed)
    resolver.record_session(str(home / ".sos"), "new", Who(slug=Slug("aa"), why="a test"), NOW)
    who = resolver.recorded_agent(str(home / ".sos"), "new")
    assert who is not None
    assert who.slug == "aa"
