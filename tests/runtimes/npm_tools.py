"""Installs pinned npm packages once, with a Node of their own, into a cache folder that git ignores."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

NODE = "node@24"
DAY = 24 * 60 * 60
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "runtimes"


NEWEST = bool(os.environ.get("RUNTIMES_NEWEST"))
"""Whether to take the newest version of each runtime, as npm has it today, in place of the pinned one."""


class RuntimeUnavailable(Exception):
    """The program cannot be installed here; the message says why."""


@functools.cache
def install(name: str, package: str, version: str) -> Path:
    """`node_modules` with this package and Node, in a folder NAME-VERSION of the cache; installs what is missing.

    With RUNTIMES_NEWEST set it is the newest version, which is looked for once a day. Processes that ask at the same time wait
    for one another.
    """
    version = "latest" if NEWEST else version
    cache = Path(os.environ.get("RUNTIMES_CACHE") or CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    folder = cache / f"{name}-{version}"
    done = folder / "installed"
    wanted = f"{package}@{version}\n{NODE}"
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stale = version == "latest" and done.exists() and time.time() - done.stat().st_mtime > DAY
        if stale or not done.exists() or done.read_text() != wanted:
            _npm_install(folder, f"{package}@{version}")
            done.write_text(wanted)
    return folder / "node_modules"


def node_folder(modules: Path) -> Path:
    """What must stand first on PATH."""
    return modules / "node" / "bin"


def installed_version(modules: Path, package: str) -> str:
    """The version of a package as it stands there."""
    return str(json.loads((modules / package / "package.json").read_text())["version"])


def require_version(program: Path, node: Path, expected: str) -> None:
    """RuntimeUnavailable unless `program --version` prints `expected` as its first line; the newest says what it is itself."""
    if NEWEST:
        return
    environment = {"PATH": f"{node}:{os.environ.get('PATH', os.defpath)}", "HOME": str(program.parent)}
    asked = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    found = asked.stdout.split("\n")[0].strip()
    if found != expected:
        raise RuntimeUnavailable(f"{program.name} --version says {found!r}, expected {expected!r}")


def _npm_install(folder: Path, package: str) -> None:
    npm = shutil.which("npm") or _install_npm()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel", "error", package, NODE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeUnavailable(f"npm install failed ({done.returncode}):\n{done.stderr[-2000:]}")


def _install_npm() -> str:
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        raise RuntimeUnavailable("npm is missing; install Node.js and npm, then run again")
    done = subprocess.run([apt, "install", "-y", "npm"], capture_output=True, text=True, timeout=600, check=False)
    npm = shutil.which("npm")
    if done.returncode != 0 or npm is None:
        raise RuntimeUnavailable(f"apt-get install npm failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return npm
