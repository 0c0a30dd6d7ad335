"""What the journeys start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shell import Shell


@pytest.fixture
def shell(home: Path) -> Shell:
    """A terminal in a fresh home with two agents; sessions in that home are `bb`."""
    made = Shell(home)
    made.join("aa")
    made.join("bb")
    made.connect("bb")
    return made
