"""Running an agent's command for one message: its envelope as JSON on standard input, never a shell, never in its arguments."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading

from sos.model import forms, wire
from sos.model.errors import SosError
from sos.settings import SESSION_VARIABLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from sos.sdk import Message
    from sos.watch.rules import Rule

MOST_REPLIED = 60 * 1024
"""Bytes of what a command prints that are sent as its answer; the rest is cut, and that is said in it."""
ANSWERED = ("message", "request")
"""Kinds whose senders get what a command prints: an answer to a broadcast or to an answer would go round for ever."""
OF_SESSIONS = frozenset((*SESSION_VARIABLES, "CLAUDE_PID"))
GRACE = 5.0
"""Seconds between asking a command to end and ending it."""


class CommandFailed(SosError):
    """A command did not take a message: it did not exit with 0. The message comes again, five times at most."""

    code = "command_failed"
    next_step = "sos trace ID   (how often it was tried); sos watch list   (what is run)"


class Commands:
    """What runs for one agent just now."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def run(self, message: Message) -> str:
        """Run the command to its end; what it printed, where that is to be the answer, else nothing. Raises CommandFailed."""
        document = wire.dumps({**forms.message(message.entry.message), "attempt": message.attempt})
        answers = self._rule.reply and message.kind in ANSWERED and message.assurance != "claimed"
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
            given.write(document.encode() + b"\n")
            given.seek(0)
            self._run(given, printed if answers else None)
            return _text(printed) if answers else ""

    def _run(self, given: IO[bytes], printed: IO[bytes] | None) -> None:
        process = self._start(given, printed)
        program = os.path.basename(self._rule.argv[0])
        try:
            code = process.wait(self._rule.timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise CommandFailed(f"{program} took longer than {self._rule.timeout} s, and was ended") from None
        except BaseException:
            _end(process)
            raise
        finally:
            with self._lock:
                self._running.discard(process)
        if code != 0:
            raise CommandFailed(f"{program} ended with {code}" if code > 0 else f"{program} was ended by signal {-code}")

    def _start(self, given: IO[bytes], printed: IO[bytes] | None) -> subprocess.Popen[bytes]:
        # A watch that was started inside a session of a runtime is not that session: its agent would be the one that acts.
        environment = {name: value for name, value in os.environ.items() if name not in OF_SESSIONS}
        environment["SOS_AGENT"] = self._rule.agent
        with self._lock:
            if self._ended:
                raise CommandFailed("the watch is about to end")
            try:
                # A session of its own: a Ctrl-C is for the watch, which lets its commands come to their end.
                made = subprocess.Popen(
                    self._rule.argv,
                    stdin=given,
                    stdout=2 if printed is None else printed,  # standard output is the watch's own answer
                    cwd=self._rule.directory,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise CommandFailed(f"{self._rule.argv[0]} cannot be started in {self._rule.directory}: {error}") from error
            self._running.add(made)
            return made

    def end(self) -> None:
        """End what still runs, and start nothing more: its message was given back."""
        with self._lock:
            self._ended = True
            running = list(self._running)
        for process in running:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
        if number == signal.SIGKILL:
            return


def _text(printed: IO[bytes]) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(0)
    text = printed.read(MOST_REPLIED).decode("utf-8", "ignore" if size > MOST_REPLIED else "replace").strip()
    return f"{text}\n[{size - MOST_REPLIED:,} more bytes were cut]" if size > MOST_REPLIED else text
