"""What the journeys start from."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Serving
from tests.shell import Shell
from tests.watching import Place


@pytest.fixture
def shell(home: Path) -> Shell:
    """A terminal in a fresh home with two agents; sessions in that home are `bb`."""
    made = Shell(home)
    made.join("aa")
    made.join("bb")
    made.connect("bb")
    return made


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """A server on a machine of its own."""
    made = Serving(tmp_path / "server")
    yield made
    if made.process.poll() is None:
        made.stop(signal.SIGKILL)


@pytest.fixture(params=["embedded", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    serving = Serving(tmp_path / "server") if request.param == "server" else None
    made = Place(tmp_path / "home", serving)
    yield made
    made.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "home", None)
    yield made
    made.close()
