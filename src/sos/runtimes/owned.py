"""A directory below a runtime's own files that is ours as a whole: written file by file, and removed as one."""

from __future__ import annotations

import os

from sos import files
from sos.model.errors import RuntimeConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = ".sos-owned"
"""The file that says so. It is written first and removed last: killed between, connecting or disconnecting goes on."""


def write(target: str, contents: Mapping[str, str], runtime: str) -> list[str]:
    """Write every file (path inside → text); the paths. Raises RuntimeConfigError where it is not ours, StorageFull."""
    if os.path.lexists(target) and not is_ours(target):
        raise RuntimeConfigError(f"{target} exists and is not ours", next_step=f"move {target} away, then connect again")
    mark = f"This directory belongs to `sos connect {runtime}`; `sos disconnect {runtime}` removes it.\n"
    written = []
    for name, text in ((MARK, mark), *contents.items()):
        path = os.path.join(target, name)
        try:
            files.make_directories(os.path.dirname(path), 0o755)
        except OSError as error:
            raise files.translated(error, path) from error
        files.write(path, text.encode(), mode=0o644)
        written.append(path)
    return written


def is_ours(target: str) -> bool:
    """Whether a directory is ours: it says so, or it holds nothing but what a killed beginning or end of ours leaves."""
    if os.path.exists(os.path.join(target, MARK)):
        return True
    return os.path.isdir(target) and all(name.startswith(MARK) for name in os.listdir(target))


def exists(target: str) -> bool:
    """Whether it is there, and says that it is ours."""
    return os.path.exists(os.path.join(target, MARK))


def remove(target: str) -> bool:
    """Remove the directory, if it is ours; whether it was there."""
    if not is_ours(target):
        return False
    for folder, _, names in os.walk(target, topdown=False):
        for name in sorted(names, key=lambda name: name == MARK):
            files.remove(os.path.join(folder, name))
        os.rmdir(folder)
    return True
