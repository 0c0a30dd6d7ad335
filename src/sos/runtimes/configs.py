"""All runtimes whose config files are known, and the files of each."""

from __future__ import annotations

import os

from sos.model.configs import Config
from sos.runtimes.amp import configs as amp
from sos.runtimes.claude import configs as claude
from sos.runtimes.codex import configs as codex
from sos.runtimes.copilot import configs as copilot
from sos.runtimes.cursor import configs as cursor
from sos.runtimes.gemini import configs as gemini
from sos.runtimes.goose import configs as goose
from sos.runtimes.hermes import configs as hermes
from sos.runtimes.opencode import configs as opencode
from sos.runtimes.vscode import configs as vscode
from sos.runtimes.windsurf import configs as windsurf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.configs import Dialect, Places

RUNTIMES: dict[str, Callable[[Places], tuple[Config, ...]]] = {
    "claude": claude.configs,
    "codex": codex.configs,
    "copilot": copilot.configs,
    "gemini": gemini.configs,
    "opencode": opencode.configs,
    "cursor": cursor.configs,
    "vscode": vscode.configs,
    "windsurf": windsurf.configs,
    "amp": amp.configs,
    "goose": goose.configs,
    "hermes": hermes.configs,
}
_BY_ENDING: dict[str, Dialect] = {".json": "json", ".jsonc": "jsonc", ".toml": "toml"}


def known(places: Places, runtime: str | None = None) -> list[Config]:
    """The config files that are there, or that may be in a directory that cannot be looked into; each file once.

    `runtime`: those of one; None: of all.
    """
    found: dict[str, Config] = {}
    for name, configs in RUNTIMES.items():
        if runtime in {None, name}:
            for config in configs(places):
                if _may_be_there(config.path):
                    found.setdefault(os.path.realpath(config.path), config)
    return list(found.values())


def _may_be_there(path: str) -> bool:
    """Whether there is a file, or that cannot be seen: what cannot be looked into is not empty."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def named(path: str, places: Places) -> Config | None:
    """The config of a path: what is known of it, else by its ending; None where that says nothing."""
    place = os.path.realpath(path)
    for configs in RUNTIMES.values():
        for config in configs(places):
            if os.path.realpath(config.path) == place:
                return config
    dialect = _BY_ENDING.get(os.path.splitext(path)[1].lower())
    return None if dialect is None else Config(runtime="", title="", path=path, dialect=dialect, broken="closed")
