"""User services of one machine: what systemd or launchd is to run for this user, now and after each start of the machine.

A unit is written for systemd where there is `systemctl`, and for launchd on macOS. Only what was seen to run is called running;
else it is said what to type. (launchd has not been tried on a machine yet: its file is parsed by the tests, no more.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from sos import files
from sos.core.readiness import shell_word
from sos.model.errors import Conflict, EphemeralInterpreter, RuntimeConfigError
from sos.model.record import Record
from sos.runtimes.launchers import is_ephemeral

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from sos.settings import Settings

    System = Literal["systemd", "launchd"]

MARK = "# Written by SOS, which writes it anew; what is changed here is lost.\n"
LABEL = "sos-lifeline."
"""How names begin in launchd, which has one room for the names of all programs."""
_MOST = 1 << 20
"""Bytes of a unit's file that are looked at."""
SECONDS = 10
"""How long systemctl or launchctl may take: without a session they wait for what never comes."""


class Unit(Record):
    """What is to run."""

    #: As systemd names it, without an ending: `sos-watchdog`.
    name: str
    description: str
    #: Absolute program and its arguments.
    argv: tuple[str, ...]
    environment: dict[str, str]
    #: Run again so many seconds after each run; None: it runs all the time, and again after it failed.
    every: int | None


class State(Record):
    """How a unit stands."""

    #: Whether its file is there.
    installed: bool
    #: Whether systemd or launchd said that it is active.
    running: bool
    #: Its file, or where that would be.
    path: str
    #: What kept it from running, and what to type; empty where it runs.
    problem: str = ""
    next_step: str = ""


def of_command(settings: Settings, name: str, description: str, words: Sequence[str], every: int | None) -> Unit:
    """The unit of a command of ours, by this interpreter, for this SOS_HOME and store."""
    environment = {"SOS_HOME": settings.home}
    if settings.store is not None:
        environment["SOS_STORE"] = f"sqlite://{settings.store}"
    if settings.claude_home != os.path.join(settings.user_home, ".claude"):
        environment["CLAUDE_CONFIG_DIR"] = settings.claude_home
    argv = (sys.executable, "-I", "-m", "sos", *words)
    return Unit(name=name, description=description, argv=argv, environment=environment, every=every)


def install(settings: Settings, unit: Unit) -> State:
    """Write a unit and start it. Where nothing here starts services, nothing is written, and the state says what to do instead.

    Raises EphemeralInterpreter, RuntimeConfigError for a path that a unit cannot carry, Conflict where a unit of that name is not
    ours or is for another SOS_HOME, StorageFull.
    """
    if is_ephemeral(unit.argv[0]) or files.in_archive():
        raise EphemeralInterpreter(
            f"{unit.argv[0]} is a temporary environment", next_step="uv tool install sos-lifeline, then this command again"
        )
    kind = system()
    path = path_of(settings, unit.name, kind)
    if kind is None:
        return State(
            installed=False, running=False, path="", problem="there is no systemd or launchd here", next_step=instead(unit)
        )
    write(settings, unit, kind)
    started = _starting(unit.name, path, kind, timer=unit.every is not None)
    if kind == "launchd":
        _run(_stopping(unit.name, path, kind))  # what is loaded already is not read again; what is not cannot be stopped
    problem = _run(started)
    if not problem:
        found = state(settings, unit.name)
        return found if found.running else found.replace(next_step=_asking(unit.name, path, kind))
    typed = " && ".join(" ".join(map(shell_word, command)) for command in started)
    step = f"in a session of yours: {typed}   (or: {instead(unit)})"
    return State(installed=True, running=False, path=path, problem=problem, next_step=step)


def uninstall(settings: Settings, name: str) -> State:
    """Stop a unit and remove its files; what is left. One that is not there is as good as removed. Raises Conflict."""
    kind = system() or "systemd"  # one whose systemctl is gone has left its files
    path = path_of(settings, name, kind)
    if not _ours(path, kind):
        return State(installed=False, running=False, path=path)
    stopping = _stopping(name, path, kind)
    problem = _run(stopping)
    remove(settings, name, kind)
    if kind == "systemd":
        problem = problem or _run([["systemctl", "--user", "daemon-reload"]])
    if not problem:
        return State(installed=False, running=False, path=path)
    # What runs without its file goes on until the session ends.
    typed = " ".join(map(shell_word, stopping[0]))
    return State(
        installed=False, running=False, path=path, problem=problem, next_step=f"if it still runs, in a session of yours: {typed}"
    )


def state(settings: Settings, name: str) -> State:
    """Whether a unit is there and runs."""
    kind = system()
    path = path_of(settings, name, kind)
    if kind is None or not os.path.exists(path):
        return State(installed=False, running=False, path=path, problem="not installed")
    if kind == "launchd":
        problem = _run([["launchctl", "print", f"gui/{os.getuid()}/{LABEL}{name}"]])
    else:
        problem = _run([["systemctl", "--user", "is-active", _active(name, path)]])
    return State(installed=True, running=not problem, path=path, problem=problem)


def system() -> System | None:
    """What starts services here."""
    if sys.platform == "darwin":
        return "launchd"
    return "systemd" if shutil.which("systemctl") else None


# --- files --------------------------------------------------------------------------------------------------------


def path_of(settings: Settings, name: str, kind: System | None) -> str:
    """The file of a unit; of a systemd unit with a timer, that of its service."""
    if kind == "launchd":
        return os.path.join(settings.user_home, "Library", "LaunchAgents", f"{LABEL}{name}.plist")
    return os.path.join(settings.config_home, "systemd", "user", f"{name}.service")


def write(settings: Settings, unit: Unit, kind: System) -> list[str]:
    """Write the files of a unit; their paths. Raises Conflict, RuntimeConfigError, StorageFull."""
    path = path_of(settings, unit.name, kind)
    folder = os.path.dirname(path)
    if kind == "launchd":
        made = {path: launchd(unit)}
    else:
        made = {os.path.join(folder, name): text.encode() for name, text in systemd(unit).items()}
    if _ours(path, kind) and not _is_for(unit, files.peek(path, _MOST), kind):
        raise Conflict(
            f"{path} is for another SOS_HOME", next_step=f"remove it first: with that SOS_HOME, or rm {shell_word(path)}"
        )
    try:
        files.make_directories(folder, 0o755)
    except OSError as error:
        raise files.translated(error, path) from error
    for place, data in made.items():
        files.write(place, data, mode=0o644)
    return list(made)


def remove(settings: Settings, name: str, kind: System) -> None:
    """Remove the files of a unit, and the links by which systemd starts it."""
    path = path_of(settings, name, kind)
    folder = os.path.dirname(path)
    if kind == "systemd":
        for timer in (f"timers.target.wants/{name}.timer", f"default.target.wants/{name}.service", f"{name}.timer"):
            files.remove(os.path.join(folder, timer))
    files.remove(path)


def _ours(path: str, kind: System) -> bool:
    """Whether the file is there. Raises Conflict where it is another's."""
    try:
        data = files.peek(path, _MOST)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise files.translated(error, path) from error
    mark = MARK.encode() if kind == "systemd" else LABEL.encode()
    if mark not in data:
        raise Conflict(
            f"{path} is there and is not ours",
            next_step=f"look at it, and move it away: mv {shell_word(path)} {shell_word(path + '.old')}",
        )
    return True


def _is_for(unit: Unit, data: bytes, kind: System) -> bool:
    """Whether the file of a unit is for the same SOS_HOME as this one."""
    if kind == "systemd":
        return _quoted(f"SOS_HOME={unit.environment['SOS_HOME']}").encode() in data
    return _escaped(unit.environment["SOS_HOME"]) in data


def _escaped(text: str) -> bytes:
    """A text as it stands in a property list."""
    import plistlib

    return plistlib.dumps(text).partition(b"<string>")[2].partition(b"</string>")[0]


# --- as text ------------------------------------------------------------------------------------------------------


def systemd(unit: Unit) -> dict[str, str]:
    """The unit files: name → text. Raises RuntimeConfigError for a path that they cannot carry."""
    program, *arguments = unit.argv
    if any(character in program for character in "\"'\\"):
        raise RuntimeConfigError(
            f"{program!a} has quotes, which systemd allows in no program", next_step="uv tool install sos-lifeline"
        )
    # A program's path is taken as it is, without variables; in arguments a dollar sign begins one.
    line = " ".join([_quoted(program), *(_quoted(each).replace("$", "$$") for each in arguments)])
    environment = " ".join(_quoted(f"{name}={value}") for name, value in unit.environment.items())
    head = f"{MARK}[Unit]\nDescription={unit.description}\n"
    service = f"Environment={environment}\nExecStart={line}\nUMask=0077\n"
    if unit.every is None:
        running = "Type=exec\nRestart=on-failure\nRestartSec=5\n"
        wanted = "\n[Install]\nWantedBy=default.target\n"
        return {f"{unit.name}.service": f"{head}\n[Service]\n{running}{service}{wanted}"}
    # It ends with 1 where something is not well: it has said so itself, and is no failed unit.
    timer = f"\n[Timer]\nOnActiveSec=1\nOnUnitActiveSec={unit.every}\n\n[Install]\nWantedBy=timers.target\n"
    return {
        f"{unit.name}.service": f"{head}\n[Service]\nType=oneshot\nSuccessExitStatus=1\n{service}",
        f"{unit.name}.timer": head + timer,
    }


def _quoted(word: str) -> str:
    """One word of a unit file (systemd.syntax(7), systemd.unit(5)). Raises RuntimeConfigError."""
    if not word.isprintable():
        raise RuntimeConfigError(f"{word!a} has characters that a unit file cannot carry", next_step="use another path")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def launchd(unit: Unit) -> bytes:
    """The property list of a launchd agent."""
    import plistlib

    made: dict[str, object] = {
        "Label": LABEL + unit.name,
        "ProgramArguments": list(unit.argv),
        "EnvironmentVariables": unit.environment,
        "RunAtLoad": True,
        "ProcessType": "Background",
        "Umask": 0o077,
    }
    made |= {"KeepAlive": {"SuccessfulExit": False}} if unit.every is None else {"StartInterval": unit.every}
    return plistlib.dumps(made)


def instead(unit: Unit) -> str:
    """What starts it where neither systemd nor launchd does: a line of crontab, or the command itself."""
    words = [f"{name}={shell_word(value)}" for name, value in unit.environment.items()]
    line = " ".join([*words, *map(shell_word, unit.argv)])
    if unit.every is None:
        return f"nohup env {line} &"
    # A percent sign is a new line there.
    return f"crontab -e, with the line: */{max(unit.every // 60, 1)} * * * * {line} >/dev/null".replace("%", "\\%")


# --- what starts and stops ----------------------------------------------------------------------------------------


def _active(name: str, path: str) -> str:
    """The systemd unit whose activity counts: the timer, where there is one."""
    timer = path.removesuffix(".service") + ".timer"
    return f"{name}.timer" if os.path.exists(timer) else f"{name}.service"


def _starting(name: str, path: str, kind: System, *, timer: bool) -> list[list[str]]:
    if kind == "launchd":
        return [["launchctl", "bootstrap", f"gui/{os.getuid()}", path]]
    unit = f"{name}.timer" if timer else f"{name}.service"
    return [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", unit],
        ["systemctl", "--user", "restart", unit],
    ]


def _stopping(name: str, path: str, kind: System) -> list[list[str]]:
    if kind == "launchd":
        return [["launchctl", "bootout", f"gui/{os.getuid()}/{LABEL}{name}"]]
    return [["systemctl", "--user", "disable", "--now", _active(name, path)]]


def _asking(name: str, path: str, kind: System) -> str:
    """What to type to see why it does not run."""
    if kind == "launchd":
        return f"launchctl print gui/{os.getuid()}/{LABEL}{name}"
    return f"systemctl --user status {_active(name, path)}"


def _run(commands: list[list[str]]) -> str:
    """Run these until one fails; what it said, or nothing where all went well."""
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{command[0]}: {error}"
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().partition("\n")[0]
            return f"{' '.join(command)}: {said or f'ended with {done.returncode}'}"
    return ""
