"""What an entry point loads is counted: start-up is a feature."""

from __future__ import annotations

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
    bare = loaded("pass")
    found = {name for name in loaded("import sos.hook.run") - bare if not name.startswith("sos")}
    # `_sqlite3` itself asks for functools, and with it for collections and operator.
    with_sqlite = loaded("import _sqlite3, os") - bare
    assert found - with_sqlite <= {"__future__", "fcntl", "_json", "_sha256", "_sha2", "binascii", "errno", "_signal"}, (
        found - with_sqlite
    )


@pytest.mark.promise("PACKAGE-006")
def test_send_and_whoami_load_argparse_and_nothing_heavier() -> None:
    for command in ("send", "whoami"):
        found = (
            loaded(f"import sos.cli.command, sos.cli.{command}, sos.wiring.local, sos.core.sending, sos.core.readiness") & HEAVY
        )
        assert found <= {"argparse", "re", "enum"}, (command, found)


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
