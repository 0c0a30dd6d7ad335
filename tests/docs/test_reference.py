"""The reference is what the code says today."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sos.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent.parent


def test_reference_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: python scripts/reference.py"


@pytest.mark.parametrize("page", ["README.md", *[str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")]])
def test_pages_name_only_commands_that_exist(page: str) -> None:
    named = set(re.findall(r"(?:`|\$ |^ *)sos ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    planned = {"doctor"}  # README says that it is not there yet
    assert named - planned <= set(COMMANDS)
    assert named, "a page without a command checks nothing"


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
