"""The launchers that a runtime's hooks start, and what these load: made anew by the next command where they are stale.

Stale is one whose Python or program is gone, or that this very installation wrote in an older form. What another installation
wrote, and what works, stays: two of them must not take it from each other at each command.
"""

from __future__ import annotations

import os
import sys

from sos import files
from sos.model.errors import SosError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.settings import Settings


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_WRITER = os.path.join(_PACKAGE, "runtimes", "launchers.py")
_PROGRAM = os.path.join(_PACKAGE, "hook", "boot.py")


def freshen(settings: Settings, *, connected: bool = False) -> list[str]:
    """Write stale launchers anew, and with `connected` those that are gone; the paths written.

    Where nothing was connected, or this Python is temporary, nothing is.
    """
    path = os.path.join(settings.home, "bin", "sos-hook")
    if files.in_archive():
        return []  # nothing can be started from it
    try:
        text = (files.read(path) or b"").decode("utf-8", "replace")
        if (not text and not connected) or _is_ours(path, text):
            return []
        from sos.recovery import rescue
        from sos.runtimes import launchers  # which a command pays only here

        if launchers.is_ephemeral(sys.executable) or _works_elsewhere(text):
            return []
        written = launchers.write(settings.home)
        rescue.install(settings.home)
        os.utime(path)  # also where it was as it should be: this installation has looked
        compile_hook()
        return written
    except (SosError, OSError):
        return []  # a full disk, say: the command that was typed matters more, and the next one tries again


def compile_hook() -> None:
    """Compile what a hook loads into its one file. Where the package cannot be written, hooks start more slowly."""
    import subprocess

    program = os.path.join(_PACKAGE, "hook", "bundle.py")
    subprocess.run([sys.executable, "-I", "-S", program], capture_output=True, check=False, timeout=60)


def is_compiled() -> bool:
    """Whether the hook's one file is there and of these very sources, as hook/boot.py will judge it."""
    import marshal

    path = os.path.join(_PACKAGE, "hook", "__pycache__", f"hook.{sys.implementation.cache_tag}.bundle")
    try:
        with open(path, "rb") as file:
            version, modules = marshal.loads(file.read())
        if version != sys.version:
            return False
        return all((found := os.stat(place)).st_mtime_ns == at and found.st_size == size for _, place, at, size, _ in modules)
    except (OSError, EOFError, ValueError, TypeError):
        return False


def _is_ours(path: str, text: str) -> bool:
    """Whether this installation wrote it since it was itself installed. (Of a file put in place by a link, only ctime tells.)"""
    named = f'p="{sys.executable}"\nf="{_PROGRAM}"\n' in text
    return named and os.stat(path).st_mtime >= os.stat(_WRITER).st_ctime


def _works_elsewhere(text: str) -> bool:
    named = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
    python, program = (named.get(name, "").strip('"') for name in ("p", "f"))
    return python != sys.executable and os.access(python, os.X_OK) and os.access(program, os.R_OK)
