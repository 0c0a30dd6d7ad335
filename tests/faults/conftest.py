"""How a fault test says what it counted: `record("power cuts", trials=100, broken=0)`; scripts/evidence makes a page of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.rows import ROWS


class Recording(Protocol):
    """Writes one row of the evidence down. `late`: how many acks of lost leases were tried in it."""

    def __call__(self, what: str, *, trials: int, broken: int = 0, late: int = 0, note: str = "") -> None: ...


def in_memory() -> str | None:
    """A place in memory that programs can be run from; None: wherever temporary files are."""
    place = "/dev/shm"
    usable = os.access(place, os.W_OK) and not os.statvfs(place).f_flag & os.ST_NOEXEC
    return place if usable else None


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where that can be: a disk that is only played, or only fails by itself, need not be waited for."""
    with tempfile.TemporaryDirectory(prefix="sos-", dir=in_memory()) as folder:
        yield Path(folder)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Recording:
    def write(what: str, *, trials: int, broken: int = 0, late: int = 0, note: str = "") -> None:
        assert what in ROWS, "a row that says what one trial is stands in rows.py"
        row = {"what": what, "trials": trials, "broken": broken, "late": late, "note": note}
        request.node.user_properties.append(("evidence", row))
        print(f"{what}: {trials} trials, {broken} broken (3/n = {3 / max(trials, 1):.1e}) {note}")

    return write
