"""The processes that agents run in, as this machine sees them."""

from __future__ import annotations

import os

from sos.model.record import Record
from sos.model.times import Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Body

MOST_ABOVE = 64
"""Processes above one that are looked at."""


def is_alive(process: int) -> bool:
    """Whether a process is there; one of another user's is, too."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def boot() -> str:
    """The id of this start of the machine; empty where the system has none (macOS)."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def can_be_seen(body: Body) -> bool:
    """Whether a body has a process of this machine, so that `is_here` knows."""
    return bool(body.pid) and body.host == os.uname().nodename


def is_here(body: Body) -> bool:
    """Whether a body's process is there, as far as that can be seen from this machine.

    After another start of the machine it is not, though another process may have its number by now.
    """
    if not can_be_seen(body):
        return True
    return (not body.boot or body.boot == boot()) and is_alive(body.pid)


class Process(Record):
    """One process of this user, at one moment (Linux: proc(5))."""

    parent: int
    #: One letter; T is stopped, Z is ended and not yet taken note of.
    state: str
    started_at: Millis
    #: Whether its terminal's keys go to it.
    in_foreground: bool
    #: Whether the terminal that it reads from is gone.
    lost_terminal: bool
    #: The environment that it was started with: NAME=VALUE, each.
    environment: tuple[str, ...]

    def variable(self, name: str) -> str:
        """A variable that it was started with; empty where it had none."""
        return next((each.partition("=")[2] for each in self.environment if each.startswith(f"{name}=")), "")


def look(process: int) -> Process | None:
    """A process of this user; None where there is none, it is another user's, or this system has no /proc."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open(f"/proc/{process}/environ", "rb") as file:
            environment = file.read().decode("utf-8", "surrogateescape").split("\0")
        with open("/proc/stat", "rb") as file:
            booted = next(int(line.split()[1]) for line in file if line.startswith(b"btime "))
    except OSError:
        return None
    try:
        lost = os.readlink(f"/proc/{process}/fd/0").endswith("(deleted)")
    except OSError:
        lost = False  # it has closed its standard input, which is no terminal's end
    ticks = int(fields[19])
    return Process(
        parent=int(fields[1]),
        state=fields[0].decode("ascii"),
        started_at=Millis(booted * 1000 + ticks * 1000 // os.sysconf("SC_CLK_TCK")),
        in_foreground=fields[2] == fields[5],
        lost_terminal=lost,
        environment=tuple(environment),
    )


def name_of(process: int) -> str:
    """The name of a process's program, at most 15 bytes; empty where it cannot be looked at."""
    try:
        with open(f"/proc/{process}/comm", "rb") as file:
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def words_of(process: int) -> list[str]:
    """The words of a process's command line; none where it cannot be looked at."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "surrogateescape").rstrip("\0").split("\0")
    except OSError:
        return []


def line_of(process: int) -> list[int]:
    """A process and those above it, up to the first one that cannot be looked at."""
    line: list[int] = []
    while process > 1 and process not in line and len(line) < MOST_ABOVE:
        line.append(process)
        found = look(process)
        process = found.parent if found is not None else 0
    return line
