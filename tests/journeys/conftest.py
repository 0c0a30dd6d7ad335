"""What the journeys start from."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Serving
from tests.shell import Shell
from tests.watching import Place

NOT_TEXT = {"sos.db", "sos.db-wal", "sos.db-shm", "sos.pyz", "ballast"}
"""Files of a home that name no place."""


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two agents; sessions in it are `bb`. The journeys begin in copies of it: to make it takes three commands."""
    folder = tmp_path_factory.mktemp("furnished")
    places = {"HOME": str(folder), "SOS_HOME": str(folder / ".sos"), "CLAUDE_CONFIG_DIR": str(folder / ".claude")}
    made = Shell(folder, places)
    made.join("aa")
    made.join("bb")
    made.connect("bb")
    return folder


@pytest.fixture
def shell(home: Path, furnished: Path) -> Shell:
    """A terminal in a fresh home with two agents; sessions in that home are `bb`."""
    shutil.copytree(furnished, home, symlinks=True, dirs_exist_ok=True)
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name not in NOT_TEXT:
            data = path.read_bytes()
            if (named := str(furnished).encode()) in data:
                path.write_bytes(data.replace(named, str(home).encode()))
    return Shell(home)


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
