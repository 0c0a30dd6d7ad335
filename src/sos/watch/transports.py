"""The ways that a notice takes to whoever should hear of it: each an array of arguments, its words ours alone.

A notice was told when its program exited with 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from sos.homes import processes
from sos.model.errors import SosError
from sos.runtimes.codex import waking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Body
    from sos.watch.rules import Rule

SECONDS = 10.0
"""That one program may take."""
HANDS_OFF = 30.0
"""Seconds since somebody last used a terminal of a tmux session before anything is typed into it."""
RESOLUTION = 2000
"""Milliseconds that the start of a process may be off: the kernel tells when it booted by the second."""
_OF_PANE = "#{pane_pid} #{pane_dead} #{pane_in_mode} #{pane_input_off} #{session_id}"
_SCRIPT = 'on run words\ndisplay notification (item 1 of words) with title "SOS"\nend run'
"""AppleScript that takes the text as an argument, and never as a part of the script."""


class NotTold(SosError):
    """A notice did not get through. It is tried again, and what it is about waits in the inbox."""

    code = "not_told"
    next_step = "sos watch status   (what is tried); sos watch test-send AGENT   (try it now)"


def tell(rule: Rule, line: str, body: Body | None) -> None:
    """Tell one line by a rule's way. `body`: the session that the inbox is shown in, if it lives. Raises NotTold."""
    match rule.way:
        case "desktop":
            _run(_desktop(line))
        case "tmux":
            _type(line, body)
        case "codex":
            _queue(rule.argv[0], line, body)
        case _:
            _run(rule.argv, given=f"{line}\n", directory=rule.directory)


def _desktop(line: str) -> list[str]:
    if sys.platform == "darwin":
        return ["osascript", "-e", _SCRIPT, line]
    return ["notify-send", "--app-name=SOS", "--", "SOS", line]


def _type(line: str, body: Body | None) -> None:
    """Type it into the pane of the session's own process, and nowhere else. Raises NotTold."""
    if body is None or not body.pid:
        raise NotTold("no session of it runs here whose process is known")
    process = processes.look(body.pid)
    if process is None or process.started_at > body.seen_at + RESOLUTION:
        raise NotTold(f"process {body.pid} is not its session any more")
    socket, pane = process.variable("TMUX").partition(",")[0], process.variable("TMUX_PANE")
    if not socket or not (pane.startswith("%") and pane[1:].isdigit()):
        raise NotTold(f"process {body.pid} was not started inside tmux")
    tmux = [shutil.which("tmux") or "tmux", "-S", socket]
    shown = _run([*tmux, "display-message", "-p", "-t", pane, _OF_PANE]).split()
    if len(shown) != 5 or not shown[0].isdigit():
        raise NotTold(f"tmux does not know pane {pane}")
    owner, dead, in_mode, input_off, session = shown
    if int(owner) not in processes.line_of(body.pid):
        raise NotTold(f"pane {pane} is another program's now")
    if (dead, in_mode, input_off) != ("0", "0", "0") or not process.in_foreground:
        raise NotTold(f"pane {pane} takes no input for it just now")
    used = [int(word) for word in _run([*tmux, "list-clients", "-t", session, "-F", "#{client_activity}"]).split()]
    if used and time.time() - max(used) < HANDS_OFF:
        raise NotTold("somebody is at that terminal")
    _run([*tmux, "send-keys", "-t", pane, "-l", "--", line])
    _run([*tmux, "send-keys", "-t", pane, "Enter"])


def _queue(program: str, line: str, body: Body | None) -> None:
    """Put it into the queue of the session's own thread of Codex. Raises NotTold."""
    if body is None or body.runtime != "codex":
        raise NotTold("no session of it runs in Codex here")
    process = processes.look(body.pid) if body.pid else None
    home = process.variable("CODEX_HOME") if process is not None else ""
    home = home or os.path.join((process.variable("HOME") if process is not None else "") or os.path.expanduser("~"), ".codex")
    if not waking.is_open(home, body.session):
        raise NotTold(f"Codex has thread {body.session} not open")
    _run(["env", f"CODEX_HOME={home}", *waking.command(program, body.session, line)])


def _run(argv: tuple[str, ...] | list[str], *, given: str = "", directory: str = "/") -> str:
    """Run it to its end; what it printed. Raises NotTold where that was not an exit with 0."""
    program = os.path.basename(argv[0])
    try:
        ran = subprocess.run(argv, input=given.encode(), capture_output=True, cwd=directory, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotTold(f"{program} took longer than {SECONDS:g} s") from None
    except OSError as error:
        step = "install it (on Debian, notify-send is in libnotify-bin), or: sos watch add AGENT --notice command -- PROGRAM"
        raise NotTold(f"{program} cannot be started: {error.strerror}", next_step=step) from error
    if ran.returncode:
        said = ascii(ran.stderr.decode("utf-8", "replace").strip())[1:-1][:200]
        raise NotTold(f"{program} ended with {ran.returncode}{f': {said}' if said else ''}")
    return ran.stdout.decode("utf-8", "replace")
