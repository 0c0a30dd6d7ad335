"""Whether the hook that a runtime has installed runs and shows a message: its very command, once, in a probe session."""

from __future__ import annotations

import os
import subprocess
import time

from sos.homes import resolver
from sos.homes.resolver import Who
from sos.model import wire
from sos.model.errors import RuntimeConfigError, SosError
from sos.model.times import Millis
from sos.runtimes.claude import plugin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.ids import MessageId
    from sos.settings import Settings

EVENT = "UserPromptSubmit"


def shows(settings: Settings, slug: str, canary: MessageId, nonce: str) -> tuple[bool, str]:
    """Run the installed hook for this canary: whether its text came out as the runtime's JSON, and in words."""
    session = f"sos-probe-{canary}"
    resolver.record_session(settings.home, session, Who(slug=slug, why="a probe"), Millis(time.time_ns() // 1_000_000))
    begun = time.monotonic()
    try:
        printed = _run(plugin.installed_command(settings.claude_home, EVENT), session, settings)
    except (OSError, SosError, subprocess.TimeoutExpired) as error:
        return False, f"the hook did not run: {error}"
    finally:
        resolver.forget_session(settings.home, session)
    took = round((time.monotonic() - begun) * 1000)
    try:
        text = str(wire.loads(printed)["hookSpecificOutput"]["additionalContext"])
    except (SosError, KeyError, TypeError):
        return False, f"the hook printed no answer of ours: {ascii(printed.decode('utf-8', 'replace'))[:200]}"
    if nonce not in text:
        return False, f"the hook answered without the canary: {text[:200]}"
    return True, f"the installed hook showed the canary, {took} ms"


def starts(settings: Settings) -> int:
    """Run the installed hook in a session that is nobody's: it prints nothing and ends in its time; its milliseconds.

    Raises RuntimeConfigError where there is no hook, it does not end, or it says anything.
    """
    again = "sos connect claude"
    begun = time.monotonic()
    try:
        printed = _run(plugin.installed_command(settings.claude_home, EVENT), f"sos-doctor-{os.getpid()}", settings)
    except subprocess.TimeoutExpired:
        raise RuntimeConfigError(f"the hook did not end within {plugin.EVENTS[EVENT]} s", next_step=again) from None
    except OSError as error:
        raise RuntimeConfigError(f"the hook did not start: {error}", next_step=again) from error
    if printed:
        said = ascii(printed.decode("utf-8", "replace"))[1:-1][:200]
        raise RuntimeConfigError(f"the hook has something to say in a session that is nobody's: {said}", next_step=again)
    return round((time.monotonic() - begun) * 1000)


def _run(command: str, session: str, settings: Settings) -> bytes:
    event = {"session_id": session, "hook_event_name": EVENT, "cwd": settings.home, "transcript_path": ""}
    ran = subprocess.run(
        ["/bin/sh", "-c", f"CLAUDE_CODE_SESSION_ID={session}; export CLAUDE_CODE_SESSION_ID; {command}"],
        input=wire.dumps(event).encode(),
        capture_output=True,
        timeout=plugin.EVENTS[EVENT],
        check=False,
    )
    return ran.stdout
