"""A pytest plugin (`-p tests.evidence`): what fault tests recorded, and what was skipped, into the file that EVIDENCE names."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

ROWS: list[dict[str, Any]] = []
OUTCOMES: dict[str, str] = {}
SKIPS: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One phase of one test has ended."""
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES[report.nodeid] = report.outcome
    if report.skipped and isinstance(report.longrepr, tuple):
        SKIPS.append(f"{report.nodeid.rpartition('/')[2]}: {report.longrepr[2].removeprefix('Skipped: ')}")
    if report.when == "call":
        for name, row in report.user_properties:
            if name == "evidence" and isinstance(row, dict):
                ROWS.append({**row, "test": report.nodeid, "passed": report.passed})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write it down, in the process that started the others."""
    path = os.environ.get("EVIDENCE")
    if path and not hasattr(session.config, "workerinput"):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"rows": ROWS, "outcomes": OUTCOMES, "skips": sorted(set(SKIPS))}, file)
