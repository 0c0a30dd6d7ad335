"""Installs the pinned Gemini CLI once, from npm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .npm_tools import install, node_folder, require_version

PACKAGE, VERSION = "@google/gemini-cli", "0.61.0"


@dataclass(frozen=True, slots=True)
class GeminiBinary:
    """An installed Gemini CLI; `node_folder` must stand first on PATH."""

    program: Path
    node_folder: Path


def install_gemini() -> GeminiBinary:
    """The installed program; installs it when missing."""
    modules = install("gemini-cli", PACKAGE, VERSION)
    binary = GeminiBinary(modules / ".bin" / "gemini", node_folder(modules))
    require_version(binary.program, binary.node_folder, VERSION)
    return binary
