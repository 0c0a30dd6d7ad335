"""Requests made from the OpenAPI document, as it says and as it forbids: none is a defect, and each answer is of its form."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World
from tests.faces.served import Served, served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.tokens import Service

CHECKS = "not_a_server_error,status_code_conformance,response_schema_conformance"
"""Not the type of each answer: what is no HTTP at all never reaches us, and uvicorn answers it in plain text."""
ENDING = ("leave", "revoke_token", "wait", "events")
"""Operations that end the agent that asks, or the time of the test."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    store = SqliteStore(str(tmp_path / "store" / "sos.db"), str(tmp_path / "run"), create=True)
    with served(World(store)) as made:
        yield made
    store.close()


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.promise("SERVER-004")
@pytest.mark.parametrize("service", ["bus", "registry", "squad"])
def test_no_request_of_the_document_is_a_defect(server: Served, service: Service, tmp_path: Path) -> None:
    words = ["run", f"{server.url}/openapi.json", "--include-tag", service, "--checks", CHECKS, "--max-examples", "50"]
    for operation in ENDING:
        words += ["--exclude-operation-id", operation]
    words += ["--header", f"Authorization: Bearer {server.token(service)}", "--header", "SOS-Session: -", "--continue-on-failure"]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "0 generated" not in done.stdout
