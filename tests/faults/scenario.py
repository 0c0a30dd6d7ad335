"""Real commands and hook runs, recorded, and what must be true of the disk after a power cut at any moment of them."""

from __future__ import annotations

import fcntl
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sos.homes import outbox, resolver
from sos.hook.event import Event
from sos.hook.session import begin
from sos.model.errors import SosError
from sos.model.ids import parse_id
from sos.model.names import Slug
from sos.runtimes.claude import connector
from sos.runtimes.speech import speech_of
from sos.settings import Settings, load
from sos.stores.sqlite.store import SqliteStore
from sos.wiring import installing
from sos.wiring.joining import join
from sos.wiring.local import connect_here, open_store
from tests.faults.disk import MODES, Disk, Record
from tests.shell import Shell

S1, S2 = "5a12d4d5-0000-4000-8000-000000000001", "5a12d4d5-0000-4000-8000-000000000002"
GONE = "999999999"
"""No process has this number: the session of the scenario is over when the power comes back."""


@dataclass(frozen=True)
class Done:
    """One recorded command: what it was, for whom, and the number of the message that it was about."""

    what: str
    agent: str = ""
    about: str = ""


def claude_home(root: str) -> str:
    """Where Claude Code keeps its files here: on the disk whose power is cut."""
    return os.path.join(root, "claude")


class Recording(Shell):
    """A terminal whose commands are recorded; each under a number of its own."""

    def begin(self, library: Path, log: Path) -> None:
        self.done: list[Done] = []
        self.ids: list[str] = []
        self.preload = {"LD_PRELOAD": str(library), "SOS_RECORD_ROOT": str(self.root), "SOS_RECORD_LOG": str(log)}
        self.extra["CLAUDE_CONFIG_DIR"] = claude_home(str(self.root))

    def step(self, done: Done, *words: str, session: str = "", stdin: str = "", code: int = 0) -> dict[str, Any]:
        extra = {**self.extra, **self.preload, "SOS_RECORD_TAG": str(len(self.done))}
        self.done.append(done)
        if session:
            extra["CLAUDE_CODE_SESSION_ID"] = session
        ran = Shell(self.home, extra).run(words[0], "--json", *words[1:], stdin=stdin)
        assert ran.code == code, ran
        return ran.json

    def send(self, *words: str, what: str = "sent", stdin: str = "", code: int = 0) -> str:
        made = str(self.step(Done(what, "aa"), "send", "--as", "aa", *words, stdin=stdin, code=code)["id"])
        self.ids.append(made)
        return made

    def hook(self, event: str) -> None:
        extra = {**self.extra, **self.preload, "SOS_RECORD_TAG": str(len(self.done))}
        self.done.append(Done("hook", "bb"))
        told = {"session_id": S1, "hook_event_name": event, "cwd": str(self.home), "source": "startup"}
        # `sos hook` is the same code as the installed line; CLAUDE_PID is a process that the cut will have ended.
        shell = Shell(self.home, {**extra, "CLAUDE_CODE_SESSION_ID": S1, "CLAUDE_PID": GONE})
        ran = shell.run("hook", "claude", event, stdin=json.dumps(told))
        assert ran.code == 0, ran


def perform(shell: Recording) -> None:
    """Everything that gives a receipt, once or more often."""
    for name in ("aa", "bb", "cc"):
        words = ("join", "--name", name, "--role", "builder", "--project", "demo")
        shell.step(Done("joined", name), *words)
    shell.step(Done("bound", "bb"), "connect", "claude", "--as", "bb", "--dir", str(shell.home))
    shell.hook("SessionStart")
    shell.hook("UserPromptSubmit")
    for number in range(3):
        shell.send("bb", f"message {number}")
    shell.hook("PostToolBatch")
    first = shell.send("--request", "bb", "a request")
    second = shell.send("--request", "bb", "another request")
    shell.hook("UserPromptSubmit")
    shell.step(Done("acked", "bb", first), "ack", first, session=S1)
    shell.step(Done("replied", "bb", second), "reply", second, "an answer", session=S1)
    shell.ids.append(str(shell.step(Done("broadcast", "aa"), "broadcast", "--as", "aa", "to all")["id"]))
    shell.step(Done("rotated", "aa"), "token", "rotate", "bus", "--as", "aa")
    _queue(shell)
    for number in range(18):  # enough for a checkpoint
        shell.send("cc", "-", stdin=f"{number} " + "x" * 64_000)
    shell.send("bb", "after the checkpoint")
    shell.hook("Stop")
    shell.hook("UserPromptSubmit")
    shell.send("bb", "nobody reads this before the cut")


def _queue(shell: Recording) -> None:
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shell.send("bb", "queued", what="queued", code=75)
    shell.step(Done("look", "aa"), "outbox", "--as", "aa")


@dataclass
class Cut:
    """What is to be checked at one moment: the receipts that were given, and what hooks had printed."""

    settings: Settings
    given: list[tuple[Done, dict[str, Any]]]
    printed: str


def moments(found: list[Record], done: list[Done]) -> list[tuple[list[tuple[Done, dict[str, Any]]], str]]:
    """For each record: the receipts given so far, and all that hooks had printed so far."""
    given: list[tuple[Done, dict[str, Any]]] = []
    said: dict[int, bytes] = {}
    printed, made = "", []
    for record in found:
        if record.kind == "1":
            said[record.tag] = said.get(record.tag, b"") + record.data
            if done[record.tag].what == "hook":
                printed += record.data.decode()
            else:
                given = [*given, (done[record.tag], json.loads(said[record.tag]))]
        made.append((given, printed))
    return made


def judge(cut: Cut) -> list[str]:
    """Everything that is not as it was promised, on the disk as it is now."""
    settings, wrong = cut.settings, []
    joined = {done.agent for done, _ in cut.given if done.what == "joined"}
    connected = any(done.what == "bound" for done, _ in cut.given)
    for slug in ("aa", "bb", "cc"):
        if slug not in joined:
            made = join(settings, slug, "builder", "demo")
            # What a connect had not finished is a finding of the join; a finished one must work.
            if not all(step.ok or (step.name == "hook" and not connected) for step in made.steps):
                wrong.append(f"{slug} cannot finish its join: {made.steps}")
    for slug in ("aa", "bb", "cc"):
        connect_here(settings, slug).store.close()  # token, home and enrolment agree
    store = open_store(settings)
    try:
        if store._database.read("PRAGMA integrity_check") != [("ok",)]:
            wrong.append("the database is malformed")
        wrong += [text for done, said in cut.given for text in _kept(store, settings, done, said)]
        wrong += _marks(store, cut)
    finally:
        store.close()
    return wrong + _shown(settings)


def _kept(store: SqliteStore, settings: Settings, done: Done, said: dict[str, Any]) -> list[str]:
    match done.what:
        case "sent" | "broadcast" | "replied":
            if not _stored(store, said["id"], done.agent, said["recipients"]):
                return [f"lost: {done.what} {said['id']}"]
        case "queued":
            waiting = {queued.given.draft.id for queued in outbox.waiting(f"{settings.home}/agents/{done.agent}")}
            if said["id"] not in waiting and not _stored(store, said["id"], done.agent, [said["to"]]):
                return [f"lost: queued {said['id']}"]
        case "acked":
            if store.mail.find(Slug(done.agent), [parse_id(done.about)])[0].delivery.acked_at is None:
                return [f"an ack was undone: {done.about}"]
        case "bound":
            return _connected(settings, done.agent)
    return []


def _connected(settings: Settings, agent: str) -> list[str]:
    if resolver.load_bindings(settings.home).get(os.path.dirname(settings.home)) != agent:
        return ["a binding was lost"]
    try:
        places = settings.places("")
        commands = [connector.command(settings.home, places, event) for event in connector.EVENTS]
    except SosError as error:
        return [f"lost: the plugin: {error.message}"]
    launcher = os.path.join(settings.home, "bin", "sos-hook")
    if not installing.installed(settings, "claude", places) or not os.access(launcher, os.X_OK):
        return ["lost: what the hook starts"]
    return [f"lost: {launcher} in {line}" for line in commands if launcher not in line]


def _stored(store: SqliteStore, identifier: str, sender: str, recipients: list[str]) -> bool:
    try:
        story = store.mail.story(parse_id(identifier), Slug(sender), Slug(sender))
    except Exception:  # noqa: BLE001  # whatever keeps it from being found: it is lost
        return False
    return set(story.deliveries) >= set(recipients) and bool(story.message.text)


def _marks(store: SqliteStore, cut: Cut) -> list[str]:
    """What is marked as shown was printed before."""
    shown = [entry for entry in store.mail.entries(Slug("bb"), "recent", 1000) if entry.delivery.shown]
    return [f"marked, and never printed: {e.message.text[:40]}" for e in shown if e.message.id not in cut.printed]


def _shown(settings: Settings) -> list[str]:
    """After a session's start quiet is the truth, and the first prompt shows what is unread."""
    wrong, unread = [], 0
    for session in (S1, S2):
        text = _hook(settings, session, "SessionStart")
        store = open_store(settings)
        unread = store.mail.count(Slug("bb"), "unread")
        store.close()
        if unread and session == S2 and os.path.exists(f"{settings.home}/run/quiet-bb"):
            wrong.append(f"quiet, with {unread} unread")
        if f"Unread: {unread}" not in text:
            wrong.append(f"the resume packet does not say {unread} unread: {text}")
    if unread and "[sos " not in _hook(settings, S2, "UserPromptSubmit"):
        wrong.append(f"{unread} unread, and the prompt shows nothing")
    return wrong


def _hook(settings: Settings, session: str, name: str) -> str:
    settings = settings.replace(session_pid=int(GONE), agent="bb")
    turn = begin(settings, Event(speech=speech_of("claude"), name=name, session=session, cwd=settings.home, source="resume"))
    assert turn is not None
    lock = turn.lock()
    assert lock is not None
    text = turn.text()
    turn.settle(printed=bool(text))
    lock.close()
    turn._store.close()
    return text


def after_joins(found: list[Record], done: list[Done]) -> int:
    """The moment from which on all agents have joined."""
    joins = sum(each.what == "joined" for each in done)
    return next(place for place, (given, _) in enumerate(moments(found, done)) if len(given) == joins)


def trials(found: list[Record], done: list[Done], disk: Disk, count: int, seed: int, since: int = 0) -> tuple[int, list[str]]:
    """Cut the power `count` times after `since`, from when on the disk may lie; how many went wrong, and all findings."""
    chance, at = random.Random(seed), moments(found, done)
    settings = load({"HOME": os.path.dirname(disk.root), "SOS_HOME": disk.root, "CLAUDE_CONFIG_DIR": claude_home(disk.root)})
    cuts = sorted(chance.randrange(since, len(found)) for _ in range(count))
    bad, findings, played = 0, [], 0
    for cut in cuts:
        while played <= cut:
            disk.lying = played >= since
            disk.play(found[played])
            played += 1
        mode = chance.choice(MODES)
        disk.rebuild(mode, chance)
        given, printed = at[cut]
        try:
            wrong = judge(Cut(settings, given, printed))
        except Exception as error:  # noqa: BLE001  # a disk that cannot be opened is a finding, and the next trial goes on
            wrong = [f"{type(error).__name__}: {error}"]
        bad += bool(wrong)
        findings += [f"cut at {cut} ({found[cut].kind} {found[cut].path}), {mode}: {text}" for text in wrong]
    return bad, findings
