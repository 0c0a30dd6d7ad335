"""A session's turn as the hook sees it: whose session it is, what is due in it, and what to mark afterwards."""

from __future__ import annotations

import os
import time

from sos import files
from sos.core import inbox, rendering
from sos.core.access import allow
from sos.homes import home as homes
from sos.homes import resolver
from sos.homes.processes import is_alive
from sos.model import wire
from sos.model.agents import PASSED_OVER, Body, is_program
from sos.model.errors import HomeDamaged, UnreadableJson
from sos.model.record import Record
from sos.model.times import Millis, iso
from sos.runtimes import transcripts
from sos.wiring.local import SystemClock, admitted, guide_path, open_home_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.files import Lock
    from sos.homes.home import Home
    from sos.model.agents import Agent
    from sos.model.ids import MessageId
    from sos.model.transitions import Action
    from sos.ports import Store
    from sos.ports.connection import Connection
    from sos.runtimes.speech import Moment, Speech
    from sos.settings import Settings

_READ = ("hook_event_name", "session_id", "source", "cwd", "transcript_path")
MAX_FIELD = 4096
LOCK_SECONDS = 0.2
SEEN_LATELY = 15 * 60_000
"""Milliseconds after which a session is gone whose process cannot be looked at: on another machine, or unknown."""
STALE_LOCK = 2.0
"""Seconds after which another hook's lock is ignored: its own deadline is long over."""


class Event(Record):
    """What the runtime said."""

    speech: Speech
    #: The runtime's own name of it.
    name: str
    session: str = ""
    source: str = ""
    cwd: str = ""
    transcript: str = ""
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

    def bound(self, settings: Settings | None) -> bool:
        """Whether this session is an agent's: an unbound one is left in peace, even in trouble.

        At a session's start, where it cannot be said who is bound, trouble is said: silence would look like an empty inbox.
        """
        if settings is None or not self.session:
            return False
        if self.moment != "SessionStart" or resolver.recorded(settings.home, self.session):
            return resolver.recorded(settings.home, self.session)
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
    text = {key: value for key in _READ if isinstance(value := made.get(own.get(key, key)), str) and _plain(value)}
    return Event(
        speech=speech,
        name=text.get("hook_event_name", name),
        session=resolver.session_name(text.get("session_id", "")) or "",
        source=text.get("source", ""),
        cwd=text.get("cwd", ""),
        transcript=text.get("transcript_path", ""),
        stop_active=made.get(own.get("stop_hook_active", "stop_hook_active")) is True,
        subagent="agent_id" in made,
    )


def _plain(value: str) -> bool:
    """Whether a text can be a path and a column: neither takes half of a surrogate pair, nor a path a NUL."""
    try:
        return len(value) <= MAX_FIELD and bool(value.encode()) and "\0" not in value
    except UnicodeEncodeError:
        return False


def begin(settings: Settings, event: Event) -> Turn | None:
    """The turn of a bound session, or None: an unbound session is left in peace."""
    try:
        who = resolver.recorded_agent(settings.home, event.session)
    except HomeDamaged:
        if event.moment != "SessionStart":
            raise
        who = None  # a new start says anew whose session it is
    if who is None and event.moment == "SessionStart":
        who = resolver.bound(settings.home, agent=settings.agent, directory=event.directory)
        resolver.record_session(settings.home, event.session, who, SystemClock().now())
    if who is None:
        return None
    home = homes.load(settings.home, who.slug)
    if home is None:
        raise HomeDamaged(f"the home of {who.slug} is gone", next_step=f"sos join --name {who.slug} --role ROLE")
    store: Store
    if home.remote:
        from sos.wiring import remote

        begins = event.moment in {"UserPromptSubmit", "Stop"}
        store, agent, connect = remote.turn(settings, home, who, event.session, begins=begins)
    else:
        store = opened = open_home_store(settings, home, lock_seconds=LOCK_SECONDS)
        agent, scopes = admitted(opened, settings, home)
        allow(scopes, "inbox:self")

        def connect() -> Connection:
            from sos.core.connection import LocalConnection  # on a rare day only

            spelling = settings.global_stream
            return LocalConnection(opened, agent, SystemClock(), event.session, scopes=scopes, spelling=spelling)

    if event.moment == "SessionStart":
        resolver.record_session(settings.home, event.session, who, SystemClock().now())
    return Turn(settings, event, store, agent, connect, home, resolver.original(who))


class Turn:
    """One hook run in a bound session."""

    def __init__(
        self,
        settings: Settings,
        event: Event,
        store: Store,
        agent: Agent,
        connect: Callable[[], Connection],
        home: Home,
        why: str,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._event = event
        self._store = store
        self._home = home.path
        self._remote = home.remote
        self._why = why
        self._now = SystemClock().now()
        self.agent = agent
        self._nonce = os.urandom(16).hex()
        self._head = store.mail.head()
        self._body = self._known_body()
        self._turn = agent.turn
        self._changes: list[tuple[MessageId | int, Action]] = []
        self._rendered: rendering.Rendered | None = None
        self._holds = False
        self._told = False
        self._lost = False

    def _known_body(self) -> Body:
        event = self._event
        known = self._store.agents.body(event.session)
        body = known or Body(
            session=event.session, agent=self.agent.slug, runtime=event.speech.NAME, started_at=self._now, seen_at=self._now
        )
        if body.transcript != event.transcript and event.transcript:
            # A resumed session's file is old news; a fresh one does not exist yet.
            body = body.replace(transcript=event.transcript, offset=transcripts.size(event.transcript))
        return body.replace(
            agent=self.agent.slug,
            seen_at=self._now,
            host=os.uname().nodename,
            pid=self._settings.session_pid or body.pid,
            cwd=event.cwd or body.cwd,
            hook_event=event.moment or event.name,
            hook_at=self._now,
        )

    def lock(self) -> Lock | None:
        """One hook of an agent reads, prints and marks at a time. None: another one does, right now."""
        path = os.path.join(self._home, "hook.lock")
        lock = files.Lock(path, 0.0)
        if lock.acquire():
            os.utime(path)
            return lock
        held_for = time.time() - os.stat(path).st_mtime
        return lock if held_for > STALE_LOCK else None

    def text(self) -> str:
        """What this event puts into the context; empty for nothing."""
        self._store.mail.tick(self._now)
        self._drain_outbox()
        self._holds = self._become_holder()
        match self._event.moment:
            case "SessionStart":
                from sos.hook import resume  # the other events start without it

                self._body = self._body.replace(presence="idle", spent=0)
                path = guide_path(self._settings, self.agent, keep=True)
                left = resume.unfinished(self._settings, self._connect, self._home)
                return resume.packet(self._store, self.agent, self._why, self._holder(), left, path)
            case "UserPromptSubmit":
                self._new_turn()
                if self._holds:
                    waiting = inbox.waiting(self._store, self.agent)
                    return "\n".join(filter(None, (self._show(), rendering.waiting(waiting))))
            case "Stop":
                return self._stop()
            case "SessionEnd":
                self._body = self._body.replace(presence="closed", holder=False)
                resolver.forget_session(self._settings.home, self._event.session)
        if not self._holds or self._event.moment not in {"UserPromptSubmit", "PostToolBatch"}:
            self._judge()
            return ""
        return self._show()

    def _drain_outbox(self) -> None:
        """What this agent could not send before goes now; what is refused for good stays listed by `sos outbox`."""
        if os.path.isdir(os.path.join(self._home, "outbox")) and os.listdir(os.path.join(self._home, "outbox")):
            from sos.wiring.local import drain_outbox

            drain_outbox(self._settings, self._connect())

    def _new_turn(self) -> None:
        self._turn += 1
        self.agent = self.agent.replace(turn=self._turn)
        self._body = self._body.replace(presence="working", spent=0)

    def _stop(self) -> str:
        """A turn is continued only for unread requests, and only once."""
        requests = self._holds and not self._event.stop_active and self._unread_requests()
        if requests:
            self._new_turn()
            return self._show()
        self._judge()
        self._body = self._body.replace(presence="idle")
        return ""

    def _unread_requests(self) -> bool:
        asked = [entry for entry in self._store.mail.entries(self.agent.slug, "unread", 64) if entry.message.kind == "request"]
        wakes = self.agent.attention.wakes
        return any(entry.message.assurance != "claimed" and wakes(entry.delivery.rank) for entry in asked)

    def _show(self) -> str:
        self._judge()
        lost = self._store.mail.lost(self.agent.slug)
        speech = self._event.speech
        agent = self.agent if speech.BODIES == "fenced" else self.agent.replace(bodies=speech.BODIES)
        shown = inbox.show(self._store, agent, self._body, self._now, self._nonce, budget=speech.BUDGET)
        self._rendered, damaged = shown
        self._body = self._body.replace(spent=self._rendered.spent, offered=self._head)
        lines = [self._rendered.text] if self._rendered.text else []
        notices = self._store.agents.notices(self.agent.slug)
        self._told, self._lost = bool(notices), bool(lost)
        lines += [f"[sos] notice since {iso(notice.at)}: {notice.text}" for notice in notices]
        if damaged:
            lines.append(f"[sos] {len(damaged)} damaged in the store and not shown; their senders are told: {', '.join(damaged)}")
        if lost:
            lines.append(f"[sos] {len(lost)} unread were removed from the store by another hand: numbers {lost}")
        return "\n".join(lines)

    def _judge(self) -> None:
        """Look for what was shown before in what is new of the transcript."""
        pending = self._store.mail.entries(self.agent.slug, "pending", 200)
        needles = {rendering.marker(entry.delivery.mark, entry.message.id): entry.message.id for entry in pending}
        lines = self._event.speech.LINES
        if lines is None:
            return
        look = transcripts.look(lines, self._body.transcript, self._body.offset, list(needles))
        self._body = self._body.replace(offset=look.offset)
        arrived = {needles[needle]: where for needle, where in look.arrived.items()}
        found = inbox.Evidence(arrived=arrived, asked_at=look.asked_at, asked=look.asked)
        self._changes += inbox.verdicts(pending, found, self._body, self._turn, self._now)
        if arrived and self.agent.proven_at is None:
            self._store.agents.prove(self.agent.slug, "proven", self._now, by=next(iter(arrived.values())))

    def settle(self, *, printed: bool) -> None:
        """After the flush: mark, write the run's mark, and set quiet to the truth, all in one step."""
        now = SystemClock().now()
        if self._rendered is not None:
            self._changes += inbox.surfaced(self._rendered, self._body, self._nonce, self._turn, now, provable=self._provable())
            if self._told:
                self._store.agents.told(self.agent.slug, self._now)
            if self._lost:
                self._store.mail.forget_lost(self.agent.slug)
        self._body = self._body.replace(hook_outcome=self._outcome(printed=printed), holder=self._body.holder)
        quiet = self._store.mail.settle(self._body, self._turn, self._changes)
        if self._remote:
            _distrust(self._settings.home, self.agent.slug, quiet=quiet)
        if self._holds and not self._body.holder and self._event.moment != "SessionEnd":
            self._store.agents.hold(self._event.session)

    def _provable(self) -> bool:
        """Whether the next runs can see that what is shown now has arrived."""
        return bool(self._body.transcript) and self._event.speech.LINES is not None

    def _outcome(self, *, printed: bool) -> str:
        """The mark of this run: by it the sentinel counts the runs that mail waited for, and that showed none of it."""
        before = self._body.hook_outcome
        if self._rendered is None:  # it could not have shown mail, and so takes no count back
            return before if before in PASSED_OVER and not printed else "shown" if printed else "nothing new"
        held_back = self._body.spent > 0  # the turn's budget is used up: the next one shows it
        if self._rendered.numbers or held_back or not self._store.mail.count(self.agent.slug, "unread"):
            return "shown" if printed else "nothing new"
        return PASSED_OVER[before in PASSED_OVER]

    # --- one context holder -------------------------------------------------------------------------------------------

    def _holder(self) -> Body | None:
        """Who else holds this inbox, if anybody: a program of the agent's that receives by itself, or another live session."""
        bodies = self._store.agents.bodies(self.agent.slug)
        for body in bodies:
            if is_program(body, self._now) and _alive(body, self._now):
                return body
        for body in bodies:
            if body.holder and body.session != self._event.session and _alive(body, self._now):
                return body
        return None

    def _become_holder(self) -> bool:
        holder = self._holder()
        return holder is None or (self._body.holder and not is_program(holder, self._now))


def _distrust(root: str, slug: str, *, quiet: bool) -> None:
    """Have the next tool batch look, where the watch says that nothing waits and that is not so, or the watch itself is gone."""
    from sos.homes import quiet as quiet_file  # behind a server only

    place = quiet_file.path(root, slug)
    if not quiet or quiet_file.is_old(place):
        quiet_file.ring(place)


def _alive(body: Body, now: Millis) -> bool:
    if body.presence == "closed":
        return False
    if body.pid == 0 or body.host != os.uname().nodename:
        return now - body.seen_at < SEEN_LATELY
    return is_alive(body.pid)
