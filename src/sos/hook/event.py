"""What a runtime says to its hook, in the words that all runtimes share."""

from __future__ import annotations

import os
import time

from sos import files
from sos.homes import home as homes
from sos.homes import resolver
from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.record import Record
from sos.model.times import Millis, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.runtimes.speech import Moment, Speech
    from sos.settings import Settings

_READ = ("hook_event_name", "session_id", "source", "cwd", "transcript_path", "tool_name")
MAX_FIELD = 4096


class Event(Record):
    """What the runtime said."""

    speech: Speech
    #: The runtime's own name of it.
    name: str
    session: str = ""
    source: str = ""
    cwd: str = ""
    transcript: str = ""
    tool: str = ""
    #: Whether a turn that ends must not be continued: it was already, or did not complete.
    stop_active: bool = False
    subagent: bool = False

    @property
    def moment(self) -> Moment | None:
        """Which of the moments it is that all runtimes have, if any."""
        return self.speech.MOMENTS.get(self.name)

    @property
    def directory(self) -> str:
        """Where the session is; the root where that is gone: what is bound everywhere still counts."""
        try:
            return self.cwd or os.getcwd()
        except OSError:
            return "/"

    def starts(self, settings: Settings) -> bool:
        """Whether the session starts with this event.

        The hook of its start may have been killed, or its Python never have come up on a busy machine: then it starts with its
        first prompt, or it would be deaf to its end.
        """
        if self.moment == "UserPromptSubmit":
            return not resolver.has_started(settings.home, self.session)
        return self.moment == "SessionStart"

    def bound(self, settings: Settings | None) -> bool:
        """Whether this session is an agent's: an unbound one is left in peace, even in trouble.

        Where a session starts and it cannot be said who is bound, trouble is said: silence would look like an empty inbox.
        """
        if settings is None or not self.session:
            return False
        if resolver.recorded(settings.home, self.session):
            return True
        if not self.starts(settings):
            return False
        try:
            return resolver.bound(settings.home, agent=settings.agent, directory=self.directory) is not None
        except Exception:  # noqa: BLE001  # asked while reporting another error, which is the one to tell
            return True

    def unreachable_since(self, settings: Settings | None) -> str:
        """Since when the bus has not answered this agent: kept in a file until it answers again."""
        now = Millis(time.time_ns() // 1_000_000)
        known = None
        try:
            who = resolver.recorded_agent(settings.home, self.session) if settings is not None else None
            if settings is None or who is None:
                return iso(now)
            path = os.path.join(settings.home, "run", f"unreachable-{who.slug}")
            known = files.read(path)
            if known is None:
                files.write(path, iso(now).encode())
        except Exception:  # noqa: BLE001  # a full disk or a broken home: the notice itself matters more than its age
            return known.decode("ascii", "replace") if known else iso(now)
        return known.decode("ascii", "replace") if known else iso(now)

    def not_marked(self, settings: Settings | None, why: str) -> None:
        """Leave a word for the next run: what this one has printed is not marked as shown, and will be shown again as new."""
        try:
            who = resolver.recorded_agent(settings.home, self.session) if settings is not None else None
            if settings is None or who is None:
                return
            path = os.path.join(settings.home, "run", f"unmarked-{who.slug}")
            if not os.path.lexists(path):
                at = iso(Millis(time.time_ns() // 1_000_000))
                files.write(path, f"{at} {' '.join(why.split())}".encode("ascii", "backslashreplace"))
        except Exception:  # noqa: BLE001  # the disk is full or the home is broken: then the next run says that itself
            return

    def log(self, settings: Settings | None, text: str) -> None:
        """Keep a notice in the log of this session's agent, where there is one."""
        try:
            who = resolver.recorded_agent(settings.home, self.session) if settings is not None else None
            if settings is None or who is None:
                return
            from sos.homes import log  # on a bad day only

            log.add(
                homes.path_of(settings.home, who.slug), Millis(time.time_ns() // 1_000_000), f"{self.moment or self.name}: {text}"
            )
        except Exception:  # noqa: BLE001  # a broken home: the notice itself matters more than its log
            return


def parse_event(speech: Speech, name: str, data: bytes) -> Event:
    """Read a hook's standard input. Garbage or nothing gives an event without a session. Raises nothing."""
    try:
        made = wire.loads(data)
    except UnreadableJson:
        made = None
    if not isinstance(made, dict):
        return Event(speech=speech, name=name)
    own = speech.KEYS
    told = {key: _first(made.get(own.get(key, key), made.get(key))) for key in _READ}
    text = {key: value for key, value in told.items() if isinstance(value, str) and _plain(value)}
    continued = made.get(own.get("stop_hook_active", "stop_hook_active"))
    ended = made.get(own["ended"], "completed") if "ended" in own else "completed"
    return Event(
        speech=speech,
        name=text.get("hook_event_name", name),
        session=resolver.session_name(text.get("session_id", "")) or "",
        source=text.get("source", ""),
        cwd=text.get("cwd", ""),
        transcript=text.get("transcript_path", ""),
        tool=text.get("tool_name", ""),
        stop_active=(isinstance(continued, int) and continued > 0) or ended != "completed",
        subagent="agent_id" in made,
    )


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _plain(value: str) -> bool:
    """Whether a text can be a path and a column: neither takes half of a surrogate pair, nor a path a NUL."""
    try:
        return len(value) <= MAX_FIELD and bool(value.encode()) and "\0" not in value
    except UnicodeEncodeError:
        return False
