"""The whole program as one file in SOS_HOME, which any Python of the machine runs: for the day when the environment is gone.

`python3 SOS_HOME/bin/sos.pyz doctor` (zipapp(3)). Hooks are never started from it.
"""

from __future__ import annotations

import io
import os
import zipfile

from sos import files

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_HEAD = b"#!/usr/bin/env python3\n"
_MAIN = """import sys

if sys.version_info < (3, 11):
    sys.exit("sos.pyz needs Python 3.11 or later; this is " + sys.version.split()[0])
from sos.cli import main

sys.exit(main())
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that the same program is the same file."""


def path_of(home: str) -> str:
    """Where it is. `home` is SOS_HOME."""
    return os.path.join(home, "bin", "sos.pyz")


def keep(home: str) -> str:
    """Write it where it is not this very program; its path. Raises StorageFull, HomeNotPrivate, HomeDamaged."""
    path = path_of(home)
    if files.in_archive():
        return path  # which runs just now
    made = _made()
    if not os.path.lexists(path) or files.read(path, limit=len(made) + (1 << 20)) != made:
        files.private_directory(os.path.dirname(path))
        files.write(path, made, mode=0o700)
    return path


def _made() -> bytes:
    held = io.BytesIO()
    held.write(_HEAD)
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), _MAIN)
        for path in sorted(_sources()):
            with open(path, "rb") as file:
                archive.writestr(zipfile.ZipInfo(os.path.relpath(path, os.path.dirname(_PACKAGE)), _EPOCH), file.read())
    return held.getvalue()


def _sources() -> list[str]:
    return [
        os.path.join(folder, name)
        for folder, _, names in os.walk(_PACKAGE)
        for name in names
        if not name.endswith((".pyc", ".bundle")) and os.path.basename(folder) != "__pycache__"
    ]
