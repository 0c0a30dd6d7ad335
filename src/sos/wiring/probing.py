"""Whether the hook that a runtime has installed runs and shows a message: its very command, once, in a probe session."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from sos.core import canary
from sos.homes import resolver
from sos.homes.resolver import Who
from sos.model import wire
from sos.model.errors import RuntimeConfigError, SosError
from sos.model.record import Record
from sos.model.times import Millis
from sos.runtimes.connector import connector_of
from sos.runtimes.speech import speech_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from sos.model.ids import MessageId
    from sos.runtimes.connector import Connector
    from sos.settings import Settings


class Shown(Record):
    """How the installed hook took a canary."""

    #: Where it broke: `hook` (it did not run, end well, or say anything), `context` (what it said is not the canary's JSON).
    broken: Literal["", "hook", "context"] = ""
    said: str
    #: Milliseconds that the hook ran.
    took: float = 0.0


def shows(settings: Settings, runtime: str, slug: str, sent: MessageId, nonce: str) -> Shown:
    """Run the hook installed in a runtime for this canary: whether its text came out as that one's JSON. Raises StorageFull."""
    connector = connector_of(runtime)
    session = f"{canary.SESSION}{sent}"
    resolver.record_session(settings.home, session, Who(slug=slug, why="a probe"), Millis(time.time_ns() // 1_000_000))
    begun = time.monotonic()
    try:
        ran = _run(settings, runtime, connector, session)
    except subprocess.TimeoutExpired:
        return Shown(broken="hook", said=f"the hook did not end within {connector.EVENTS[connector.PROMPT]} s", took=since(begun))
    except (OSError, SosError) as error:
        return Shown(broken="hook", said=f"the hook did not run: {error}", took=since(begun))
    finally:
        resolver.forget_session(settings.home, session)
    return _judged(connector, ran, nonce).replace(took=since(begun))


def since(begun: float) -> float:
    """Milliseconds since a monotonic time."""
    return round((time.monotonic() - begun) * 1000, 1)


def _judged(connector: Connector, ran: Ran, nonce: str) -> Shown:
    if ran.code:
        return Shown(broken="hook", said=f"the hook ended with {ran.code}{_quoted(ran.err)}; with 2 it blocks the prompt")
    if not ran.out:
        return Shown(broken="hook", said=f"the hook printed nothing{_quoted(ran.err)}")
    text = connector.heeded(connector.PROMPT, ran.out)
    if not text:
        return Shown(broken="context", said=f"what the hook printed is nothing that {connector.TITLE} takes{_quoted(ran.out)}")
    if nonce not in text:
        return Shown(broken="context", said=f"the hook answered without the canary{_quoted(text.encode())}")
    return Shown(said="the installed hook showed the canary")


def _quoted(data: bytes) -> str:
    text = ascii(data.decode("utf-8", "replace").strip())[1:-1][:200]
    return f": {text}" if text else ""


def starts(settings: Settings, runtime: str) -> int:
    """Run the installed hook in a session that asks whether it starts: it says so, and ends in its time; its milliseconds.

    Raises RuntimeConfigError where there is no hook, it does not end, or it does not say so: a shell that may not run it, or a
    Python that does not come up, keeps silent or says something else.
    """
    connector = connector_of(runtime)
    again = f"sos connect {runtime}"
    begun = time.monotonic()
    try:
        ran = _run(settings, runtime, connector, f"{canary.STARTS}{os.getpid()}")
    except subprocess.TimeoutExpired:
        late = f"the hook did not end within {connector.EVENTS[connector.PROMPT]} s"
        raise RuntimeConfigError(late, next_step=again) from None
    except OSError as error:
        raise RuntimeConfigError(f"the hook did not start: {error}", next_step=again) from error
    if connector.heeded(connector.PROMPT, ran.out) != canary.STARTED:
        said = _quoted(ran.out) or _quoted(ran.err)
        raise RuntimeConfigError(f"the hook does not say that it starts{said or ': it prints nothing'}", next_step=again)
    return round((time.monotonic() - begun) * 1000)


class Ran(Record):
    """A hook's process that has ended."""

    code: int
    out: bytes
    err: bytes


def _run(settings: Settings, runtime: str, connector: Connector, session: str) -> Ran:
    """Run the installed hook of a prompt as the runtime does. Raises RuntimeConfigError; OSError; TimeoutExpired, and then it and
    what it started are ended.
    """
    command = connector.command(settings.home, settings.places(""), connector.PROMPT)
    told = {"session_id": session, "hook_event_name": connector.PROMPT, "cwd": settings.home, "transcript_path": ""}
    own = speech_of(runtime).KEYS
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"CLAUDE_CODE_SESSION_ID={session}; export CLAUDE_CODE_SESSION_ID; {command}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    event = {own.get(key, key): value for key, value in told.items()}
    try:
        out, err = process.communicate(wire.dumps(event).encode(), timeout=connector.EVENTS[connector.PROMPT])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Ran(code=process.returncode, out=out, err=err)
