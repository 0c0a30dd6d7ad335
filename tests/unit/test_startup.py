"""What an entry point loads is counted: start-up is a feature."""

from __future__ import annotations

import marshal
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sos

SOURCE = str(Path(sos.__file__).parent.parent)
HEAVY = {
    "dataclasses",
    "typing",
    "json",
    "re",
    "datetime",
    "pathlib",
    "uuid",
    "enum",
    "contextlib",
    "hashlib",
    "logging",
    "argparse",
    "tomllib",
}


def loaded(code: str) -> set[str]:
    run = f"import sys; sys.path.append({SOURCE!r}); {code}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", run], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.promise("PACKAGE-006")
def test_the_hook_loads_only_this() -> None:
    bare = loaded("import os")
    found = {name for name in loaded("import sos.hook.run") - bare if not name.startswith("sos")}
    wanted = {"__future__", "fcntl", "_json", "_sha256", "_sha2", "binascii", "errno", "_signal", "_sqlite3", "_functools"}
    assert found <= wanted, found - wanted


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, with its bundle."""
    shutil.copytree(Path(SOURCE, "sos"), tmp_path / "sos", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-I", "-S", str(tmp_path / "sos/hook/bundle.py")], check=True)
    return tmp_path / "sos"


def found_one_by_one(package: Path) -> set[str]:
    """The modules of ours that a hook had to find by themselves."""
    command = [sys.executable, "-I", "-S", "-X", "importtime", str(package / "hook/boot.py"), "claude", "UserPromptSubmit"]
    done = subprocess.run(command, input="{}", capture_output=True, text=True, check=True)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.rpartition("|")[2].strip()[:3] == "sos"}


@pytest.mark.promise("PACKAGE-006")
def test_the_hook_reads_its_modules_from_one_file(package: Path) -> None:
    assert found_one_by_one(package) == set()


@pytest.mark.parametrize("changed", ["a source", "cut", "emptied", "of another Python", "removed"])
def test_a_bundle_that_is_not_as_it_should_be_is_not_believed(package: Path, changed: str) -> None:
    (bundle,) = (package / "hook/__pycache__").glob("*.bundle")
    data = bundle.read_bytes()
    if changed == "a source":
        source = package / "runtimes/claude/speech.py"
        source.write_text(source.read_text() + "\n")
    elif changed == "removed":
        bundle.unlink()
    else:
        wrong = {"cut": data[: len(data) // 2], "emptied": b"", "of another Python": marshal.dumps(("3.0", []))}
        bundle.write_bytes(wrong[changed])
    assert "sos.hook.run" in found_one_by_one(package)


@pytest.mark.promise("PACKAGE-006")
def test_sqlite_comes_without_functools_and_leaves_none_of_its_own() -> None:
    assert "functools" not in loaded("import sos.stores.sqlite.database")
    code = "import sos.stores.sqlite.database, functools; functools.reduce, functools.partial"
    assert "collections" in loaded(code)


@pytest.mark.promise("PACKAGE-006")
def test_send_and_whoami_load_argparse_and_nothing_heavier() -> None:
    for command in ("send", "whoami"):
        found = (
            loaded(f"import sos.cli.command, sos.cli.{command}, sos.wiring.local, sos.core.sending, sos.core.readiness") & HEAVY
        )
        assert found <= {"argparse", "re", "enum"}, (command, found)


@pytest.mark.promise("PACKAGE-006")
def test_argparse_comes_without_gettext_and_leaves_none_of_its_own() -> None:
    assert "gettext" not in loaded("import sos.cli.command")
    assert "gettext" in loaded("import sos.cli.command, gettext; gettext.translation")


@pytest.mark.promise("PACKAGE-006")
def test_foreign_streams_cost_nothing_where_they_are_not_read() -> None:
    for module in ("sos.hook.run, sos.hook.session", "sos.cli.send, sos.wiring.local, sos.core.sending, sos.core.connection"):
        assert {name for name in loaded(f"import {module}") if "foreign" in name or "streams" in name} == set()


def test_the_model_and_files_load_nothing_heavy() -> None:
    modules = [
        "sos.files",
        *(f"sos.model.{path.stem}" for path in Path(SOURCE, "sos/model").glob("*.py") if path.stem != "__init__"),
    ]
    assert len(modules) > 15
    for module in [", ".join(sorted(modules)), *modules]:
        assert loaded(f"import {module}") & HEAVY == set(), module
