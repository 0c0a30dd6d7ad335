"""The copies of the store here, and what to type where the store is gone or damaged."""

from __future__ import annotations

import os

from sos.core.readiness import shell_word
from sos.wiring.local import store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.settings import Settings


def copies(settings: Settings) -> list[str]:
    """The copies that `sos backup` made here, the newest first."""
    folder = os.path.join(settings.home, "backups")
    names = sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if name.endswith(".db")]


def way(settings: Settings) -> str:
    """What puts the newest copy back; where there is none, what begins anew and keeps all that is left aside."""
    found = copies(settings)
    if found:
        return f"sos backup restore {shell_word(found[0])} --yes"
    path, aside = store_path(settings), os.path.join(settings.home, "aside")
    left = [os.path.join(settings.home, name) for name in ("agents", "operator", "bindings.json")]
    left += [path + ending for ending in ("", "-wal", "-shm")]
    words = " ".join(shell_word(each) for each in left if os.path.lexists(each))
    begins = f"mkdir -p {shell_word(aside)} && mv {words} {shell_word(aside)} && sos join --name NAME --role ROLE"
    return f"sos backup restore FILE --yes, where you have a copy elsewhere; else begin anew: {begins}"
