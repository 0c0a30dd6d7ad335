"""The pinned version of each runtime does what the shipped table says it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos.runtimes import versions

from .conformance import probe
from .model_endpoint import Json, ModelEndpoint

NAMES = ["claude", "codex", "gemini", *(pytest.param(name, marks=pytest.mark.full) for name in ("copilot", "opencode"))]


@pytest.mark.promise("CONNECT-014")
@pytest.mark.parametrize("name", NAMES)
def test_it_does_what_the_table_says(name: str, endpoint: ModelEndpoint, tmp_path: Path) -> None:
    seen = probe(name, tmp_path, endpoint)
    told = [row for row in versions.table() if (row["name"], row["version"]) == (name, seen["version"])]
    assert told, f"{name} {seen['version']} has no row: run scripts/conformance {name}"
    assert undated(seen) == undated(told[0])


def undated(row: Json) -> Json:
    """A row without the day on which it was seen."""
    return {key: value for key, value in row.items() if key != "date"}
