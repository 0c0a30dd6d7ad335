"""One run of the hook: read the event, show what is due, flush, then mark. Always exits 0.

Order matters: what is marked before it was flushed is lost when the process is killed between the two.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # see files.py
import os
import sys
import time

from sos.files import LACKING, translated
from sos.homes.resolver import session_name
from sos.hook.event import Event, parse_event
from sos.hook.session import Turn, begin, is_below, of_runtime
from sos.model.errors import SosError, StorageFull
from sos.model.times import Millis, iso
from sos.runtimes.speech import speech_of
from sos.settings import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.settings import Settings

DEADLINE = 0.3
"""Seconds after which a run gives up, whatever is broken, and says so."""
LAST = 0.1
"""Seconds that saying so may take; with these a run has its 400 ms (DESIGN.md §10)."""
MAX_STDIN = 16 * 1024 * 1024


_late = False
"""Whether the deadline has struck, or trouble is being told: the next time ends the process."""
_last_words = b""
"""What is said where the time to tell the trouble properly is over too."""
_printed = False
"""Whether this process has answered: a second JSON document would make the runtime drop the first."""
_owed = False
"""Whether it has answered whole, and what it showed is not marked yet."""


class Deadline(BaseException):
    """The run's time is over. No `Exception`: nothing on the way may catch it."""


def _on_alarm(number: int, frame: object) -> None:
    global _late  # one process, one deadline
    if not _late:
        _late = True
        raise Deadline
    try:
        if _last_words and not _printed:
            os.write(1, _last_words)
    finally:
        os._exit(0)


def main(arguments: list[str]) -> int:
    """`sos-hook RUNTIME EVENT`, the runtime's JSON on standard input. Prints that runtime's JSON, or nothing."""
    _signal.signal(_signal.SIGALRM, _on_alarm)
    _signal.setitimer(_signal.ITIMER_REAL, DEADLINE, LAST)
    event = Event(speech=speech_of(arguments[0]), name=arguments[1] if len(arguments) > 1 else "")
    settings: Settings | None = None
    late = "the runtime's input did not end in time"
    try:
        settings = of_runtime(load(), event.speech)
        event = event.replace(session=session_name(settings.session or "") or "")  # what is known before the input has ended
        event = parse_event(event.speech, event.name, _stdin())
        late = "the store did not answer in time"
        _run(settings, event)
    except Deadline:
        _notice(settings, event, late)
    except SosError as error:
        _notice(settings, event, f"{error.message}. Next: {error.next_step}")
        _look_after(settings, error)
    except OSError as error:
        lacking = translated(error, str(error.filename or "a file"))
        told = f"{lacking.message}. Next: {lacking.next_step}" if error.errno in LACKING else f"a defect of SOS ({error})"
        _notice(settings, event, told)
    except Exception as error:  # noqa: BLE001  # process entry: a bug of ours must never break the agent's turn
        _notice(settings, event, f"a defect of SOS ({type(error).__name__}: {error})")
    finally:
        _signal.setitimer(_signal.ITIMER_REAL, 0)
    return 0


def _stdin() -> bytes:
    parts, size = [], 0
    while size < MAX_STDIN:
        part = os.read(0, 1 << 16)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _run(settings: Settings, event: Event) -> None:
    global _owed  # one process, one answer
    if not event.session or event.moment is None or is_below(settings, event):
        return
    if event.session.startswith("sos-probe-"):
        from sos.hook import probe  # once at a join, never in an agent's own session

        probe.run(settings, event, lambda text: _print(_answer(event, text)))
        return
    turn = begin(settings, event)
    if turn is None:
        return
    lock = turn.lock()
    if lock is None:
        return  # another hook of this agent is at it; what is rung stays rung
    try:
        text = turn.text()
        if text:
            _print(_answer(event, _unmarked(settings, turn) + text))
            _owed = True
        turn.settle(printed=bool(text))
        _owed = False
        _reachable(settings, turn)
    finally:
        lock.release()


def _answer(event: Event, text: str) -> str:
    assert event.moment is not None  # nothing is said at an event that is not known
    return event.speech.answer(event.name, event.moment, text)


def _print(text: str) -> None:
    global _printed  # one process, one answer
    data, _printed = text.encode("ascii"), True
    while data:
        data = data[os.write(1, data) :]


def _unmarked(settings: Settings, turn: Turn) -> str:
    """What stands before messages that an earlier run may have shown: it printed, and could not mark what it had printed."""
    try:
        with open(os.path.join(settings.home, "run", f"unmarked-{turn.agent.slug}"), encoding="ascii", errors="replace") as file:
            since, _, why = file.read().partition(" ")
    except OSError:
        return ""
    return f"[sos] since {since} nothing could be marked as shown ({why}): what follows may have been shown before\n"


def _reachable(settings: Settings, turn: Turn) -> None:
    for name in ("unreachable", "unmarked"):
        path = os.path.join(settings.home, "run", f"{name}-{turn.agent.slug}")
        if os.path.exists(path):
            os.unlink(path)


def _notice(settings: Settings | None, event: Event, why: str) -> None:
    """Say that the bus cannot be reached, in the runtime's own JSON: silence and emptiness must not look alike."""
    global _late, _last_words  # one process, one notice
    _late = True
    if _owed:
        event.not_marked(settings, why)
    if _printed or event.subagent or event.moment not in event.speech.SPEAKING or not event.bound(settings):
        return
    _last_words = _unreachable(event, iso(Millis(time.time_ns() // 1_000_000)), why).encode("ascii")
    try:
        _print(_unreachable(event, event.unreachable_since(settings), why))
    except OSError:
        sys.exit(0)  # nobody reads us any more
    event.log(settings, why)


def _look_after(settings: Settings | None, error: SosError) -> None:
    if settings is not None and isinstance(error, StorageFull):
        from sos.hook import room  # on a bad day only

        room.look(settings)


def _unreachable(event: Event, since: str, why: str) -> str:
    text = f"[sos] bus unreachable since {since}: {why}. Messages may be waiting. The guide: sos guide"
    return _answer(event, text)
