"""Opening the runtimes' own programs: whether they start, know what we installed, and would run it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from sos.doctor.trouble import Trouble, found, raised
from sos.model.errors import SosError
from sos.model.record import Record
from sos.runtimes import versions
from sos.runtimes.connector import connector_of
from sos.runtimes.looking import deaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sos.runtimes.connector import Connector
    from sos.settings import Settings

OPENS_SECONDS = 5.0
"""That a runtime's program may take to answer."""


class Opened(Record):
    """What one runtime's program said."""

    #: What was seen to be well, in words.
    well: tuple[str, ...]
    troubles: tuple[Trouble, ...]


def all_of(settings: Settings, runtimes: Sequence[str], places: Sequence[str]) -> dict[str, Opened]:
    """Open these runtimes' programs for sessions in these directories: side by side, at most one for each processor, or two."""
    with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        named = [runtime for runtime in runtimes if connector_of(runtime).LISTS]  # the others have no program that lists
        opened = pool.map(lambda runtime: _one(settings, runtime, places), named)
        return dict(zip(named, opened, strict=True))


def _one(settings: Settings, runtime: str, places: Sequence[str]) -> Opened:
    connector = connector_of(runtime)
    name, *words = connector.LISTS
    program = shutil.which(name)
    if program is None:
        missing = found(
            "warning",
            "runtime_missing",
            f"{name} is not on this terminal's PATH",
            "Whether it opens was not tried.",
            f"type: {name} --version, where your sessions run",
        )
        return Opened(well=(), troubles=(missing,))
    troubles = tuple(_listed(connector, runtime, [program, *words]))
    if not troubles:
        troubles = tuple(_asked(connector, settings, program, places))
    return Opened(well=() if troubles else (f"{connector.TITLE} opens, and knows {connector.LISTED}",), troubles=troubles)


def _listed(connector: Connector, runtime: str, command: list[str]) -> Iterator[Trouble]:
    """Whether it opens, and has what we installed."""
    program = command[0]
    try:
        ran = _ran(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = deaf(connector.TITLE)
        yield found("critical", "runtime_closed", f"{program} does not open: {error}", why, f"{connector.LISTS[0]} --version")
        return
    if ran.returncode:
        said = ascii(ran.stderr.decode("utf-8", "replace").strip())[1:-1][:300]
        yield found(
            "critical",
            "runtime_closed",
            f"{program} ends with {ran.returncode}: {said}",
            "A runtime that does not open cannot read its bus.",
            f"sos repair --runtime {runtime}",
        )
    elif connector.LISTED.encode() not in ran.stdout + ran.stderr:  # Gemini CLI lists on the latter
        yield found(
            "critical",
            "plugin_unseen",
            f"{connector.TITLE} opens, and does not know {connector.LISTED}",
            deaf(connector.TITLE),
            f"{' '.join(connector.LISTS)}; sos connect {runtime}",
        )


def _asked(connector: Connector, settings: Settings, program: str, places: Sequence[str]) -> Iterator[Trouble]:
    """Whether it would run our hooks, where it can be asked that."""
    try:
        for finding in connector.ask(program, settings.home, places or [settings.user_home], OPENS_SECONDS):
            yield Trouble(finding=finding)
    except SosError as error:
        yield raised(error, f"Whether {connector.TITLE} would run our hooks is not known.", severity="warning")


def version(name: str) -> str | None:
    """The version that a program says when asked for it; None where it says none, or does not open (which is another finding)."""
    program = shutil.which(name)
    try:
        return None if program is None else versions.said(_ran([program, "--version"]).stdout)
    except (OSError, subprocess.TimeoutExpired):
        return None


def _ran(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, or for OPENS_SECONDS: then it is ended with all that it started. Raises OSError, TimeoutExpired."""
    running = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        out, err = running.communicate(timeout=OPENS_SECONDS)
    except BaseException:  # whatever it is: a runtime that hangs would stay behind
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise
    return subprocess.CompletedProcess(command, running.returncode, out, err)
