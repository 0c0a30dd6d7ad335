"""In which runtime's session a process runs, where the environment alone does not say: by the processes above it.

Gemini CLI names its session to hooks alone, and a runtime that was started inside another has the variables of both. So the start
of a session is written down with its runtime's process, and whoever runs below asks its ancestors; the nearest one counts.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SHELLS = frozenset(("sh", "dash", "bash", "zsh", "ash", "busybox", "ksh", "fish", "sos-hook"))
"""Names of processes between a runtime and its hook; a script has its own."""
_PREFIX = "p-"


def runtime() -> int:
    """The process of the runtime that runs this hook: the first one above that is no shell. 0 where that cannot be seen."""
    for process in processes.line_of(os.getppid()):
        if processes.name_of(process) not in _SHELLS:
            return process
    return 0


def record(root: str, process: int, session: str) -> None:
    """Write down which session a runtime's process runs now. Raises StorageFull."""
    found = processes.look(process) if process else None
    if found is not None:
        files.write(_path(root, process), f"{session}\n{found.started_at}\n".encode())


def forget(root: str, session: str) -> None:
    """The session is over."""
    for process in _recorded(root):
        if (files.read(_path(root, int(process))) or b"").startswith(f"{session}\n".encode()):
            files.remove(_path(root, int(process)))


def session_of(root: str, named: Mapping[str, str]) -> str | None:
    """The session that this process runs in: of the nearest ancestor that runs one. None outside any.

    `named`: the variables of this environment that name a session, and what they say. Where no process can be looked at, the
    first of them counts.
    """
    recorded = _recorded(root)
    if not recorded and len(named) < 2:
        return next(iter(named.values()), None)
    for process in processes.line_of(os.getppid()):
        found = processes.look(process)
        if found is None:
            break
        for name, session in named.items():
            if found.variable(name) != session:
                return session  # this one has set it, for what it starts
        if str(process) in recorded and (session := _read(root, process, found.started_at)):
            return session
    return next(iter(named.values()), None)


def _path(root: str, process: int) -> str:
    return os.path.join(root, "run", f"{_PREFIX}{process}")


def _recorded(root: str) -> set[str]:
    try:
        names = os.listdir(os.path.join(root, "run"))
        return {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX) and name[len(_PREFIX) :].isdigit()}
    except OSError:
        return set()


def _read(root: str, process: int, started: int) -> str:
    """The session of this very process; empty where its number was another's when it was written down."""
    session, _, at = (files.read(_path(root, process)) or b"").decode("ascii", "replace").strip().partition("\n")
    return session if at == str(started) else ""
