"""Installs the pinned Claude Code once, from npm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .npm_tools import install, node_folder, require_version

PACKAGE, VERSION = "@anthropic-ai/claude-code", "2.1.330"


@dataclass(frozen=True, slots=True)
class ClaudeBinary:
    """An installed Claude Code; `node_folder` must stand first on PATH."""

    program: Path
    node_folder: Path


def install_claude_code() -> ClaudeBinary:
    """The installed program; installs it when missing."""
    modules = install("claude-code", PACKAGE, VERSION)
    binary = ClaudeBinary(modules / ".bin" / "claude", node_folder(modules))
    require_version(binary.program, binary.node_folder, f"{VERSION} (Claude Code)")
    return binary
