"""Installs the pinned Claude Code once, from npm, into a cache folder that git ignores."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION = "2.1.330"
PACKAGES = (f"@anthropic-ai/claude-code@{VERSION}", "node@24")
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "runtimes"


class RuntimeUnavailable(Exception):
    """The runtime cannot be installed here; the message says why."""


@dataclass(frozen=True, slots=True)
class ClaudeBinary:
    """An installed Claude Code; `node_folder` must stand first on PATH."""

    program: Path
    node_folder: Path


def install_claude_code(cache: Path | None = None) -> ClaudeBinary:
    """The installed program; installs it when missing. Processes that ask at the same time wait for one another."""
    cache = cache or Path(os.environ.get("RUNTIMES_CACHE") or CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    modules = cache / f"claude-code-{VERSION}" / "node_modules"
    binary = ClaudeBinary(modules / ".bin" / "claude", modules / "node" / "bin")
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _version(binary) != VERSION:
            _npm_install(modules.parent)
        if (found := _version(binary)) != VERSION:
            raise RuntimeUnavailable(f"installed Claude Code says version {found!r}, expected {VERSION}")
    return binary


def _version(binary: ClaudeBinary) -> str | None:
    if not binary.program.exists():
        return None
    environment = {"PATH": f"{binary.node_folder}:{os.environ.get('PATH', '')}", "HOME": str(binary.program.parent)}
    asked = subprocess.run(
        [binary.program, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return asked.stdout.split(" ")[0].strip() or None


def _npm_install(folder: Path) -> None:
    npm = shutil.which("npm") or _install_npm()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel", "error", *PACKAGES]
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
