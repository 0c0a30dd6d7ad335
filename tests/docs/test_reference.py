"""The reference is what the code says today."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sos.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.promise("SETTINGS-001")
def test_reference_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: python scripts/reference.py"


PAGES = [
    "README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "reference"),
]


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_only_commands_that_exist(page: str) -> None:
    named = set(re.findall(r"(?:`|\$ |^ *)sos ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    planned = {"doctor"}  # README says that it is not there yet
    assert named - planned <= set(COMMANDS)
    assert named, "a page without a command checks nothing"


@pytest.mark.parametrize("page", PAGES)
def test_pages_hold_no_path_of_a_machine(page: str) -> None:
    assert not re.search(r"/(?:home|root|Users|tmp|work)/", (ROOT / page).read_text())


def test_a_stale_page_fails_the_check_and_is_left_alone(tmp_path: Path) -> None:
    for name in ("scripts", "docs/reference"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "scripts" / "reference.py").write_text((ROOT / "scripts" / "reference.py").read_text())
    roles = tmp_path / "docs" / "reference" / "roles.md"
    write = [sys.executable, str(tmp_path / "scripts" / "reference.py")]
    assert subprocess.run(write, check=False, capture_output=True).returncode == 0
    fresh = roles.read_text()
    roles.write_text(fresh + "edited by hand\n")
    check = subprocess.run([*write, "--check"], check=False, capture_output=True, text=True)
    assert (check.returncode, check.stdout) == (1, "stale docs/reference/roles.md\n")
    assert roles.read_text() != fresh


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
