"""Installs the pinned Claude Code once, from npm."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .npm_tools import RuntimeUnavailable, install, node_folder

VERSION = "2.1.330"


@dataclass(frozen=True, slots=True)
class ClaudeBinary:
    """An installed Claude Code; `node_folder` must stand first on PATH."""

    program: Path
    node_folder: Path


def install_claude_code() -> ClaudeBinary:
    """The installed program; installs it when missing."""
    modules = install(f"claude-code-{VERSION}", f"@anthropic-ai/claude-code@{VERSION}")
    binary = ClaudeBinary(modules / ".bin" / "claude", node_folder(modules))
    if (found := _version(binary)) != VERSION:
        raise RuntimeUnavailable(f"installed Claude Code says version {found!r}, expected {VERSION}")
    return binary


def _version(binary: ClaudeBinary) -> str | None:
    environment = {"PATH": f"{binary.node_folder}:{os.environ.get('PATH', '')}", "HOME": str(binary.program.parent)}
    asked = subprocess.run(
        [binary.program, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return asked.stdout.split(" ")[0].strip() or None
