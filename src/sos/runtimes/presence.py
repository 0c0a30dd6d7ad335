"""Which runtimes are on this machine: the programs that start them, and the directories that they make."""

from __future__ import annotations

import os
import shutil

from sos.runtimes import NAMES
from sos.runtimes.vscode import configs as vscode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places

PROGRAMS: dict[str, tuple[str, ...]] = {
    "claude": ("claude",),
    "codex": ("codex",),
    "gemini": ("gemini",),
    "copilot": ("copilot",),
    "opencode": ("opencode",),
    "cursor": ("cursor", "cursor-agent"),
    "vscode": ("code",),
    "windsurf": ("windsurf",),
    "amp": ("amp",),
    "goose": ("goose",),
    "hermes": ("hermes",),
}
"""What each is started by, if it is on the PATH."""


def directory(name: str, places: Places) -> str:
    """The directory that a runtime makes for itself."""
    if name == "vscode":
        return os.path.dirname(os.path.dirname(vscode.configs(places)[0].path))
    if name in {"opencode", "amp", "goose"}:
        return os.path.join(places.config, name)
    own = {"claude": places.claude, "codex": places.codex, "windsurf": os.path.join(places.user, ".codeium", "windsurf")}
    return own.get(name, os.path.join(places.user, f".{name}"))


def found(places: Places) -> list[str]:
    """Those that are here, in the order of NAMES."""
    return [name for name in NAMES if os.path.isdir(directory(name, places)) or any(map(shutil.which, PROGRAMS[name]))]
