"""Installs the pinned Codex CLI once, from npm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .npm_tools import install, node_folder, require_version

PACKAGE, VERSION = "@openai/codex", "0.169.0"


@dataclass(frozen=True, slots=True)
class CodexBinary:
    """An installed Codex; `node_folder` must stand first on PATH, because `program` is a Node script that starts the binary."""

    program: Path
    node_folder: Path


def install_codex() -> CodexBinary:
    """The installed program; installs it when missing."""
    modules = install("codex", PACKAGE, VERSION)
    binary = CodexBinary(modules / ".bin" / "codex", node_folder(modules))
    require_version(binary.program, binary.node_folder, f"codex-cli {VERSION}")
    return binary
