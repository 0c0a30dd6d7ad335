"""A session's turn as the hook sees it: whose session it is, what is due in it, and what to mark afterwards."""

from __future__ import annotations

import os
import time

from sos import files
from sos.core import inbox, rendering
from sos.core.access import allow
from sos.homes import home as homes
from sos.homes import lineage, processes, resolver
from sos.model.agents import PASSED_OVER, Body, is_program
from sos.model.errors import HomeDamaged
from sos.model.times import Millis, iso
from sos.runtimes import transcripts
from sos.wiring.local import SystemClock, admitted, guide_path, open_home_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.files import Lock
    from sos.homes.home import Home
    from sos.homes.resolver import Who
    from sos.hook.event import Event
    from sos.model.agents import Agent
    from sos.model.ids import MessageId
    from sos.model.transitions import Action
    from sos.ports import Store
    from sos.ports.connection import Connection
    from sos.runtimes.speech import Speech
    from sos.settings import Settings

LOCK_SECONDS = 0.2
SEEN_LATELY = 15 * 60_000
"""Milliseconds after which a session is gone whose process cannot be looked at: on another machine, or unknown."""
OVERLAP_SECONDS = 0.15
"""Half of a run's own time."""
STALE_LOCK = 2.0
"""Seconds after which another hook's lock is ignored: its own deadline is long over."""


def of_runtime(settings: Settings, speech: Speech) -> Settings:
    """What the environment says that a hook of this runtime may believe: it may have been started inside another one."""
    session = settings.sessions.get(speech.SESSION)
    return settings.replace(session=session, session_pid=settings.session_pid if session else 0)


def is_below(settings: Settings, event: Event) -> bool:
    """Whether this hook runs in a subagent, where nothing is shown: it would not be the agent that reads it.

    Where a runtime marks none of its hooks, it is so from the beginning of the tool that runs it to that tool's end.
    """
    if event.subagent or not event.speech.SUBAGENT:
        return event.subagent
    path = os.path.join(settings.home, "run", f"below-{event.session}")
    if event.moment == "SubagentStart":
        if event.tool == event.speech.SUBAGENT and resolver.recorded(settings.home, event.session):
            files.mark(path)
        return True
    below = os.path.lexists(path)
    if below and (event.tool == event.speech.SUBAGENT or event.moment != "PostToolBatch"):
        files.remove(path)  # its tool has ended, or with the turn what was left of it
        return False
    return below


def _whose(settings: Settings, event: Event, *, starts: bool) -> Who | None:
    """Whose session it is, which a start writes down."""
    try:
        who = resolver.recorded_agent(settings.home, event.session)
    except HomeDamaged:
        if not starts:
            raise
        who = None  # a new start says anew whose session it is
    if who is None and starts:
        who = resolver.bound(settings.home, agent=settings.agent, directory=event.directory)
        resolver.record_session(settings.home, event.session, who, SystemClock().now())
    return who


def begin(settings: Settings, event: Event) -> Turn | None:
    """The turn of a bound session, or None: an unbound session is left in peace."""
    process = settings.session_pid
    starts = event.starts(settings)
    if starts and not process:
        process = lineage.runtime()
        if event.speech.DAEMON and event.speech.DAEMON in processes.words_of(process):
            settings = settings.replace(agent=None)
    who = _whose(settings, event, starts=starts)
    if who is None:
        return None
    home = homes.load(settings.home, who.slug)
    if home is None:
        raise HomeDamaged(f"the home of {who.slug} is gone", next_step=f"sos join --name {who.slug} --role ROLE")
    if starts:  # written down first, and struck once it is printed
        files.mark(resolver.due_path(settings.home, event.session))
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

    if starts:
        resolver.record_session(settings.home, event.session, who, SystemClock().now())
        if event.speech.ALONE:
            lineage.record(settings.home, process, event.session)
        settings = settings.replace(session_pid=process)
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
        self._packed = False
        self._told = False
        self._lost = False

    def _known_body(self) -> Body:
        event = self._event
        known = self._store.agents.body(event.session)
        body = known or Body(
            session=event.session, agent=self.agent.slug, runtime=event.speech.NAME, started_at=self._now, seen_at=self._now
        )
        transcript = event.speech.transcript(event.session, event.transcript, self._settings.user_home)
        if body.transcript != transcript and transcript:
            # A resumed session's file is old news; a fresh one does not exist yet.
            body = body.replace(transcript=transcript, offset=transcripts.size(transcript))
        process = self._settings.session_pid or body.pid
        return body.replace(
            agent=self.agent.slug,
            seen_at=self._now,
            host=os.uname().nodename,
            boot=processes.boot(),
            pid=process,
            version=body.version if process == body.pid else _version_of(process),
            cwd=event.cwd or body.cwd,
            hook_event=event.moment or event.name,
            hook_at=self._now,
        )

    def lock(self) -> Lock | None:
        """One hook of an agent reads, prints and marks at a time. None: another one does, right now."""
        path = os.path.join(self._home, "hook.lock")
        # A prompt waits for the start of its own session, where they run at once: it brings the mail, and the start does not.
        lock = files.Lock(path, OVERLAP_SECONDS if self._event.speech.OVERLAPS else 0.0)
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
                self._body = self._body.replace(presence="idle", spent=0)
                if "SessionStart" in self._event.speech.SPEAKING and self._owes():
                    return self._packet()
            case "PreCompact" if self._event.source != "auto":  # Gemini CLI says so before every request
                files.mark(self._debt)
            case "UserPromptSubmit":
                self._new_turn()
                return self._prompted()
            case "Stop":
                return self._stop()
            case "SessionEnd":
                self._body = self._body.replace(presence="closed", holder=False)
                resolver.forget_session(self._settings.home, self._event.session)
                if self._event.speech.ALONE:
                    lineage.forget(self._settings.home, self._event.session)
        if not self._holds or self._event.moment != "PostToolBatch":
            self._judge()
            return ""
        return "\n".join(filter(None, (self._packet() if self._pays() else "", self._show())))

    def _prompted(self) -> str:
        """What a prompt brings: a packet that is due, the mail, and how many requests are no longer reminded of."""
        packet = self._packet() if self._pays() else ""
        if not self._holds or "UserPromptSubmit" not in self._event.speech.SPEAKING:
            self._judge()
            return packet
        waiting = rendering.waiting(inbox.waiting(self._store, self.agent))
        return "\n".join(filter(None, (packet, self._show(), waiting)))

    def _packet(self) -> str:
        """What an agent must know at a session's start."""
        from sos.hook import resume  # the other events start without it

        path = guide_path(self._settings, self.agent, keep=True)
        left = resume.unfinished(self._settings, self._connect, self._home)
        self._packed = True
        return resume.packet(self._store, self.agent, self._why, self._holder(), left, path)

    @property
    def _debt(self) -> str:
        return resolver.due_path(self._settings.home, self._event.session)

    def _owes(self) -> bool:
        return os.path.lexists(self._debt)

    def _pays(self) -> bool:
        """Whether this event brings a packet that is due: a prompt, or what comes next where a prompt takes no text."""
        at = "UserPromptSubmit" if "UserPromptSubmit" in self._event.speech.SPEAKING else "PostToolBatch"
        return self._event.moment == at and self._owes()

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
        if printed and self._packed:
            files.remove(self._debt)
        self._body = self._body.replace(hook_outcome=self._outcome(printed=printed))
        takes = self._holds and not self._body.holder and self._event.moment != "SessionEnd"
        quiet = self._store.mail.settle(self._body, self._turn, self._changes, takes=takes)
        if self._remote:
            _distrust(self._settings.home, self.agent.slug, quiet=quiet)

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


def _version_of(process: int) -> str:
    from sos.runtimes import packages  # at a session's start only

    return packages.running(process, processes.words_of(process))


def _alive(body: Body, now: Millis) -> bool:
    if body.presence == "closed":
        return False
    return processes.is_here(body) if processes.can_be_seen(body) else now - body.seen_at < SEEN_LATELY
