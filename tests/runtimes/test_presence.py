"""Where an agent runs, as the real runtimes' hooks see it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .five import seated
from .model_endpoint import ModelEndpoint

FIVE = ["claude", "codex", "gemini", *(pytest.param(name, marks=pytest.mark.full) for name in ("copilot", "opencode"))]


@pytest.mark.promise("PRESENCE-001")
@pytest.mark.parametrize("name", FIVE)
def test_a_session_is_a_body_with_its_runtimes_version(name: str, tmp_path: Path, endpoint: ModelEndpoint) -> None:
    with seated(name, tmp_path, endpoint.url) as seat:
        seat.prompt("hello")
        with closing(sqlite3.connect(tmp_path / "sos" / "sos.db")) as database:
            ((runtime, version, host, boot, place),) = database.execute("SELECT runtime, version, host, boot, cwd FROM body")
        assert (runtime, version, place) == (name, seat.kind.version(), str(seat.machine.runtime.project))
        assert (host, boot) == (os.uname().nodename, Path("/proc/sys/kernel/random/boot_id").read_text().strip())
