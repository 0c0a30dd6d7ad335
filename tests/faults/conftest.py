"""How a fault test says what it counted: `record("power cuts", trials=100, broken=0)`; scripts/evidence makes a page of it."""

from __future__ import annotations

from typing import Protocol

import pytest


class Recording(Protocol):
    """Writes one row of the evidence down."""

    def __call__(self, what: str, *, trials: int, broken: int = 0, note: str = "") -> None: ...


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Recording:
    def write(what: str, *, trials: int, broken: int = 0, note: str = "") -> None:
        row = {"what": what, "trials": trials, "broken": broken, "note": note}
        request.node.user_properties.append(("evidence", row))
        print(f"{what}: {trials} trials, {broken} broken (3/n = {3 / trials:.1e}) {note}")

    return write
