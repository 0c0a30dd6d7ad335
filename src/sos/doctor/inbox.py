"""The third rung: whether the agent's inbox answers, and whether what waits in it is being shown to anybody."""

from __future__ import annotations

import os
import time

from sos.core import hearing, listening
from sos.core.hearing import Facts
from sos.doctor.trouble import Looked, Trouble, found, raised
from sos.homes import outbox, processes, quiet, resolver
from sos.model.errors import (
    BusMismatch,
    Conflict,
    Forbidden,
    HomeError,
    SosError,
    StoreDamaged,
    StoreMissing,
    StoreUnreachable,
    Unauthenticated,
)
from sos.model.record import Record
from sos.model.times import Millis, ago
from sos.wiring import canary, connecting, local, probing, putting_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sos.doctor.patient import Patient
    from sos.model.agents import Body
    from sos.model.deliveries import Entry
    from sos.model.findings import Severity

PAGE = 64
DEAF = "It runs, and hears nothing. Whoever wrote believes that it was heard."
NO_BUS = "Nothing reaches the agent, and what it sends waits in its outbox."
NO_STORE = "Nothing reaches the agent, and what it sends is refused: nothing is queued."
READS_ONLY = "What is there can be read. Nothing can be marked as shown, and what is sent waits in its sender's outbox."
WRITES_SECONDS = 1.0
"""That a write may take to begin: hooks give up sooner."""


class Watching(Record):
    """What `sos watch` does for agents here, told by whoever may look at it."""

    running: bool
    #: By agent that has a rule: what is to be done for it.
    ways: dict[str, str]
    #: By agent: what is wrong, and since when.
    troubles: dict[str, tuple[str, Millis | None]]


def look(patient: Patient, watching: Watching, now: Millis, *, deep: bool) -> Looked:
    """Look at an agent's inbox."""
    made = Looked(rung="inbox", agent=patient.slug)
    begun = time.monotonic()
    try:
        patient.myself()
        waiting = patient.connection().inbox("unread", PAGE)
        bodies = patient.bodies(now)
    except BusMismatch as error:
        return made.replace(troubles=(raised(error, "It reads one inbox, and its peers write to another."),))
    except (Unauthenticated, Forbidden, HomeError) as error:
        return made.replace(skipped=f"its identity keeps it closed ({error.code}): see the next rung")
    except SosError as error:
        queued = isinstance(error, StoreUnreachable)  # all else is refused to its sender
        trouble = raised(error, NO_BUS if queued else NO_STORE)
        if isinstance(error, (StoreMissing, StoreDamaged)):
            trouble = trouble.replace(finding=trouble.finding.replace(next_step=putting_back.way(patient.settings)))
        return made.replace(troubles=(trouble,))
    well = [f"{len(waiting)}{'+' if len(waiting) == PAGE else ''} unread, read in {(time.monotonic() - begun) * 1000:.0f} ms"]
    troubles = [*_writes(patient), *_bodies(patient, bodies, well, now), *_watch(patient, watching)]
    if waiting and not any(trouble.finding.severity == "critical" for trouble in troubles):
        troubles += _shown(patient, watching, waiting, bodies, now)
    troubles += [*_quiet(patient, waiting, bodies), *_left_behind(patient)]
    if deep:
        troubles += [*_streams(patient), *_canary(patient, well)]
    return made.replace(well=tuple(well), troubles=tuple(troubles))


def _writes(patient: Patient) -> Iterator[Trouble]:
    """Whether the store takes a write: one that only reads looks well, and is deaf and dumb."""
    try:
        local.try_write(patient.connection(), WRITES_SECONDS)
    except SosError as error:
        held, closed = "locked" in error.message, "readonly" in error.message
        kind = "held by another process" if held else "read-only file" if closed else "refused"
        trouble = raised(error, READS_ONLY)
        yield trouble.replace(finding=trouble.finding.replace(what=f"the store cannot be written: {kind} ({error.message})"))


# --- the sessions -----------------------------------------------------------------------------------------------------


def _bodies(patient: Patient, bodies: list[Body], well: list[str], now: Millis) -> Iterator[Trouble]:
    others = any(patient.lives(body) for body in bodies)
    for body in bodies:
        yield from _body(patient, body, well, now, gone="note" if others else "warning")


def _body(patient: Patient, body: Body, well: list[str], now: Millis, gone: Severity) -> Iterator[Trouble]:
    named = f"its session in {body.cwd or '?'} (process {body.pid or 'not known'})"
    if not patient.lives(body):
        yield found(
            gone,
            "session_gone",
            f"{named} ended without saying so{_out_of_memory()}",
            "What it was at stays open, and its inbox waits for the next session.",
            f"start the runtime again in {body.cwd or 'its directory'}; the record: sos doctor --fix",
            since=body.hook_at,
            mend=_forget(patient, body),
        )
        return
    process = processes.look(body.pid) if body.pid and body.host == os.uname().nodename else None
    if process is not None and process.state in "Tt":
        yield found(
            "critical",
            "frozen",
            f"{named} is stopped",
            "It will neither read nor answer until it goes on.",
            f"kill -CONT {body.pid}",
            since=body.hook_at,
        )
    elif process is not None and process.lost_terminal:
        yield found(
            "critical",
            "terminal_gone",
            f"{named} has lost its terminal",
            "Nobody sees it or can type to it.",
            f"kill {body.pid}, then start the runtime again in {body.cwd or 'its directory'}: it is the same agent",
            since=body.hook_at,
        )
    else:
        ran = f"{body.hook_event} {ago(max(now - body.hook_at, 0))} ago" if body.hook_at is not None else "never"
        well.append(f"{named}: {body.presence}, last hook {ran}{'' if body.holder else '; the inbox is shown elsewhere'}")


def _out_of_memory() -> str:
    """Whether the kernel has ended processes of this machine for want of memory: the likely reason, where it has."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            count = next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return ""
    return f" (the kernel has ended {count} processes here for want of memory)" if count else ""


def _forget(patient: Patient, body: Body) -> Callable[[], str]:
    def mend() -> str:
        resolver.forget_session(patient.settings.home, body.session)
        return f"the record of session {body.session} is removed"

    return mend


# --- what waits -------------------------------------------------------------------------------------------------------


def _shown(patient: Patient, watching: Watching, waiting: list[Entry], bodies: list[Body], now: Millis) -> Iterator[Trouble]:
    """Whether anybody will show what waits: a session whose hooks run, a program, a watch."""
    oldest = min(entry.message.sent_at for entry in waiting)
    count = f"{len(waiting)}{'+' if len(waiting) == PAGE else ''} unread, the oldest for {ago(max(now - oldest, 0))}"
    lives = [body for body in bodies if patient.lives(body)]
    if not lives:
        if watching.ways.get(patient.slug) != "handover":
            where = next((place for place in _bound(patient) if place != "*"), "its directory")
            yield found(
                "warning" if now - oldest > hearing.SILENT else "note",
                "nobody_reads",
                f"{count}, and no session or program of it runs here",
                "Whoever wrote believes that it was heard.",
                f"start the runtime in {where}, or: sos watch add {patient.slug} -- PROGRAM",
                since=oldest,
            )
        return
    facts = Facts(
        now=now,
        bodies=tuple(lives),
        unread=len(waiting),
        oldest=oldest,
        left_alone=listening.left_alone(patient.myself().agent, lives, waiting, now),
        long_tool=hearing.LONG_TOOL,
    )
    verdict = hearing.judge(facts)  # as the sentinel, peers and receipts have it: one rule of who is deaf
    if verdict.hearing != "deaf":
        return
    if hearing.opportunities(lives) >= hearing.OPPORTUNITIES:
        what, step = "hooks have run since, and showed nothing", f"sos trace --as {patient.slug} {waiting[0].message.id}"
        yield found("critical", "hook_shows_nothing", f"{count}; {what}", DEAF, step, since=verdict.since)
        return
    waits = verdict.cause == "waiting"
    step = "look at its terminal: it may wait for a permission" if waits else "type a prompt there: a hook runs then"
    what = f"{count}, and no hook of its session has run since"
    yield found("critical", "no_hook_runs", what, DEAF, step, since=verdict.since)


def _bound(patient: Patient) -> list[str]:
    try:
        return patient.bound()
    except SosError:
        return []  # said of the machine's bindings


def _watch(patient: Patient, watching: Watching) -> Iterator[Trouble]:
    way = watching.ways.get(patient.slug)
    if way is None:
        return
    if patient.slug in watching.troubles:
        trouble, since = watching.troubles[patient.slug]
        what = f"sos watch has trouble with it: {trouble}"
        yield found("critical", "watch_troubled", what, DEAF, "sos watch status", since=since)
    elif not watching.running:
        what = "its messages are to be handed to a command" if way == "handover" else f"notices of its mail are to go by {way}"
        yield found("critical", "watch_stopped", f"{what}, and no sos watch runs", DEAF, "sos watch run")


def _quiet(patient: Patient, waiting: list[Entry], bodies: list[Body]) -> Iterator[Trouble]:
    place = quiet.path(patient.settings.home, patient.slug)
    holder = next((body for body in bodies if body.holder), None)
    if holder is None or not os.path.exists(place):
        return
    if any(entry.message.seq > holder.offered and not entry.delivery.attempts for entry in waiting):

        def mend() -> str:
            quiet.ring(place)
            return f"{place} is removed: the next tool batch looks"

        yield found(
            "warning",
            "quiet_wrong",
            f"{place} says that nothing waits",
            "Tool batches believe it.",
            "sos doctor --fix",
            mend=mend,
        )


def _left_behind(patient: Patient) -> Iterator[Trouble]:
    """What it could not send, and what could not be handed to it."""
    try:
        queued = [each for each in outbox.waiting(patient.path) if not each.refused]
    except SosError as error:
        yield raised(error, "What it could not send waits there.", severity="warning")
        queued = []
    if queued:

        def mend() -> str:
            drained = local.drain_outbox(patient.settings, patient.own())
            why = [f"refused: {', '.join(drained.refused)}"] if drained.refused else []
            why += [f"the others wait: {drained.stopped.message}"] if drained.stopped is not None else []
            said = "; ".join((f"sent {drained.sent} of {len(queued)}", *why))
            if not drained.sent:
                step = f"sos outbox --as {patient.slug}" if drained.stopped is None else drained.stopped.next_step
                raise Conflict(said, next_step=step)
            return said

        yield found(
            "warning",
            "outbox_waits",
            f"{len(queued)} of its messages could not be sent yet",
            "They go with its next command or prompt.",
            f"sos outbox --as {patient.slug}",
            mend=mend,
        )
    dead = patient.connection().dead(PAGE)
    if dead:
        yield found(
            "note",
            "dead_letters",
            f"{len(dead)} messages to it are dead letters",
            "They were tried five times.",
            f"sos dead list --as {patient.slug}",
        )


def _streams(patient: Patient) -> Iterator[Trouble]:
    """Where older clients write to it and it does not read, or the other way round."""
    try:
        findings = patient.connection().streams()
    except SosError as error:
        yield raised(error, "Whether others write where it does not read is not known.", severity="warning")
        return
    for finding in findings:
        yield Trouble(finding=finding)


# --- the whole way ----------------------------------------------------------------------------------------------------


def _canary(patient: Patient, well: list[str]) -> Iterator[Trouble]:
    """A test message through the bus and back, and through the hook that is installed."""
    try:
        known, said = canary.came_back(patient.settings, patient.own(), anew=True)
    except SosError as error:
        yield raised(error, DEAF)
        return
    well.append(f"a test message came back {said}")
    if not _bound(patient):
        return
    for runtime in connecting.hooked(patient.settings, patient.slug):
        shown = probing.shows(patient.settings, runtime, patient.slug, known.id, known.nonce)
        if not shown.broken:
            well.append(f"{shown.said}, {shown.took:.0f} ms")
        else:
            yield found("critical", "hook_deaf", shown.said, DEAF, f"sos connect {runtime} --as {patient.slug}")
