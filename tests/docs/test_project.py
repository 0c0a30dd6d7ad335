"""The project's own files keep what they say."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "sos"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "name",
    ["scripts/demo", "scripts/test", "scripts/check", "scripts/bench", "scripts/evidence", "scripts/conformance", ".ci/run"],
)
def test_script_can_be_run_and_stops_at_the_first_error(name: str) -> None:
    script = ROOT / name
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "set -eu" in lines


@pytest.mark.parametrize("name", ["demo", "test", "check", "bench", "evidence", "conformance"])
@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_a_script_prints_its_own_usage_and_prepares_nothing(name: str, words: list[str], tmp_path: Path) -> None:
    script = ROOT / "scripts" / name
    head = [
        line.removeprefix("#").removeprefix(" ")
        for line in script.read_text(encoding="utf-8").partition("\nset -eu")[0].splitlines()
    ]
    ran = subprocess.run([script, *words], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == head[1:]


def test_help_may_stand_behind_other_options() -> None:
    ran = subprocess.run([ROOT / "scripts" / "test", "--full", "--help"], capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stdout.partition("\n")[0]) == (0, "The tests.")


def test_a_script_without_options_refuses_them() -> None:
    ran = subprocess.run([ROOT / "scripts" / "check", "everything"], capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "takes no arguments" in ran.stderr


def in_memory(more: str, **environment: str) -> tuple[str, str]:
    """Where tests would keep their files, or nothing, and what is said."""
    script = f'set -eu; . scripts/env.sh; work_in_memory; {more} echo "${{TMPDIR:-}}"; [ -z "${{TMPDIR:-}}" ] || [ -d "$TMPDIR" ]'
    clean = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    ran = subprocess.run(["sh", "-c", script], cwd=ROOT, env={**clean, **environment}, capture_output=True, check=True, text=True)
    return ran.stdout.strip(), ran.stderr


def test_plain_tests_keep_their_files_in_memory_and_remove_them(tmp_path: Path) -> None:
    place, said = in_memory("")
    assert not place or (place.startswith("/dev/shm/sos.") and not Path(place).exists())
    assert said == ""
    assert in_memory("say_what_is_kept;", TMPDIR=str(tmp_path)) == (str(tmp_path), ""), "the caller's own place is its own"


def test_what_a_failed_test_made_is_kept_and_said() -> None:
    place, said = in_memory("say_what_is_kept;")
    if place:
        assert said == f"What the tests made is kept in memory: rm -r {place}\n"
        Path(place, "try").unlink()
        Path(place).rmdir()


def test_changelog_has_a_place_for_the_next_change() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()


def test_ci_runs_every_script_and_lets_nothing_fail() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert not re.search(r"\|\||set \+e|; *true\b|&\s*$", text, re.MULTILINE)
    for command in ("scripts/check", "scripts/test", "scripts/test --runtimes", "scripts/demo"):
        assert re.search(rf"^(step )?{re.escape(command)}$", text, re.MULTILINE), command


@pytest.mark.promise("PACKAGE-001")
def test_base_install_has_no_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == []


@pytest.mark.promise("PACKAGE-001")
def test_sources_import_the_standard_library_alone() -> None:
    # `_sha2` is what `_sha256` is called from Python 3.12 on.
    allowed = sys.stdlib_module_names | {"sos", "_sha2", "_sha256"}
    # What an extra brings is imported in its own place alone, which the base install never loads.
    extras = {
        SOURCES / "stores" / "redis": {"redis"},
        SOURCES / "server": {"mcp", "mcp_types", "prometheus_client", "starlette", "uvicorn"},
    }
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES.rglob("*.py")
        for name in _imported(path)
        if name.partition(".")[0] not in allowed | extras.get(path.parent, set())
    }
    assert foreign == set()


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.promise("SETTINGS-001")
def test_settings_alone_reads_the_environment() -> None:
    readers = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & {a.name for a in node.names})
    }
    # The demo and the watch hand it on to what they run.
    assert readers == {"settings.py", "cli/demo.py", "watch/commands.py"}


@pytest.mark.promise("PACKAGE-005")
def test_imports_point_down() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    rules = (ROOT / ".importlinter").read_text(encoding="utf-8")
    assert "exhaustive = True" in rules


def test_what_is_deployed_names_settings_that_there_are() -> None:
    known = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "deploy").iterdir()):
        named = set(re.findall(r"\bSOS_[A-Z_]+", path.read_text(encoding="utf-8")))
        assert "SOS_HOME" in named
        assert [name for name in named if name not in known] == [], path.name
