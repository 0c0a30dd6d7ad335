"""The base install, without any third-party package: what needs more says which extra, and the command that installs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sos

SOURCES = str(Path(sos.__file__).parent.parent)


@pytest.mark.promise("PACKAGE-004")
@pytest.mark.parametrize(
    ("lacks", "store", "named"),
    [("uvicorn", "", "'sos-lifeline[server]'"), ("redis", "redis://127.0.0.1:1/0", "'sos-lifeline[server,redis]'")],
)
def test_a_command_without_its_extra_names_it(home: Path, lacks: str, store: str, named: str) -> None:
    """`lacks`: a module that cannot be imported, as where nobody installed it."""
    program = f"import sys; sys.modules[{lacks!r}] = None; import sos.cli as c; c.run()"
    environment = {"HOME": str(home), "SOS_HOME": str(home / ".sos"), **({"SOS_STORE": store} if store else {})}
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program, "serve", "--json", "--port", "0"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    said = json.loads(ran.stdout)
    assert (ran.returncode, said["error"]) == (2, "invalid_input")
    assert lacks in said["message"]
    assert said["next"] == f"uv tool install {named}"


@pytest.mark.promise("PACKAGE-004")
def test_without_any_extra_an_agent_joins_and_hears(home: Path) -> None:
    program = f"import sys; sys.path.append({SOURCES!r}); import sos.cli as c; c.run()"
    environment = {"HOME": str(home), "SOS_HOME": str(home / ".sos")}

    def run(*words: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program, *words, "--json"], env=environment, capture_output=True, check=True
        )
        made: dict[str, object] = json.loads(done.stdout)
        return made

    run("join", "--name", "bb")
    run("send", "bb", "hello")
    assert run("inbox", "--as", "bb")["unread"] == 1
