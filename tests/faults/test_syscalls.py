"""kill -9 at, and an error of, each single system call of a command: whole or not begun, named, and never a false receipt."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sos.model.ids import parse_id
from sos.model.names import Slug
from sos.settings import load
from sos.stores.sqlite.store import SqliteStore
from sos.wiring.local import open_store
from tests.faults.conftest import Recording
from tests.faults.traced import Call, Traced
from tests.shell import Ran, Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"
ERRORS = ("EIO", "ENOSPC", "EROFS", "EINTR")
KILL = "SIGKILL"


@dataclass
class Points:
    """A home with agents, in which commands are hurt."""

    traced: Traced
    numbers: Iterator[int] = field(default_factory=itertools.count)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def shell(self) -> Shell:
        return self.traced.shell

    def text(self) -> str:
        return f"text number {next(self.numbers)}."


@pytest.fixture
def points(home: Path, tmp_path: Path) -> Points:
    traced = Traced(shell := Shell(home), tmp_path / "log")
    for name in ("aa", "bb"):
        shell.join(name)
    shell.connect("bb")
    shell.event("SessionStart", S1, source="startup")
    shell.json("send", "--as", "aa", "bb", "warm")
    shell.event("UserPromptSubmit", S1)
    return Points(traced)


def named(points: Points, ran: Ran, fault: str) -> None:
    """A command that was not killed answers: a receipt, or an error with a code and the next step; never a trace of ours."""
    assert "Traceback" not in ran.err, (fault, ran)
    if ran.code == 0:
        points.seen["went on"] += 1
        return
    assert ran.code in {1, 75}, (fault, ran)
    if ran.out:
        made = json.loads(ran.out)
        assert made.get("error") or made.get("queued"), (fault, ran)
        assert made.get("next") or made.get("queued"), (fault, ran)
        points.seen[made.get("error", "queued")] += 1
    else:
        assert "next: " in ran.err, (fault, ran)  # standard output itself failed
        points.seen["answer lost"] += 1


def store() -> SqliteStore:
    return open_store(load())


def inbox(agent: str = "bb") -> list[str]:
    opened = store()
    try:
        return [entry.message.text for entry in opened.mail.entries(Slug(agent), "recent", 100_000)]
    finally:
        opened.close()


def sending(points: Points, inject: str) -> None:
    text = points.text()
    ran = points.traced.run("send", "--as", "aa", "--json", "bb", text, inject=inject)
    killed = KILL in inject
    if not killed:
        named(points, ran, inject)
    there = inbox().count(text)
    told = bool(ran.out) and "error" not in json.loads(ran.out)
    assert there <= 1, inject
    assert there or ran.code or killed, f"lost: {inject}"
    if told:
        points.shell.run("outbox", "--as", "aa")  # what was queued goes with the next command
        assert inbox().count(text) == 1, f"lost: {inject}"


def acknowledging(points: Points, inject: str) -> None:
    asked = points.shell.json("send", "--as", "aa", "--request", "bb", points.text())["id"]
    ran = points.traced.run("ack", "--json", asked, inject=inject, session=S1)
    if KILL not in inject:
        named(points, ran, inject)
    opened = store()
    delivery = opened.mail.find(Slug("bb"), [parse_id(asked)])[0].delivery
    opened.close()
    assert delivery.acked_at is not None or not ran.out or "error" in json.loads(ran.out), f"undone: {inject}"
    points.shell.inside(S1).json("ack", asked)


def showing(points: Points, inject: str) -> None:
    text = points.text()
    points.shell.json("send", "--as", "aa", "bb", text)
    told = {"session_id": S1, "hook_event_name": "UserPromptSubmit", "cwd": str(points.shell.home)}
    ran = points.traced.run("hook", "claude", "UserPromptSubmit", inject=inject, session=S1, stdin=json.dumps(told))
    if KILL not in inject:
        assert (ran.code, "Traceback" in ran.err) == (0, False), (inject, ran)
        assert "a defect of SOS" not in ran.out, (inject, ran)
    opened = store()
    entry = next(each for each in opened.mail.entries(Slug("bb"), "recent", 100_000) if each.message.text == text)
    opened.close()
    assert text in ran.out or not entry.delivery.shown, f"hidden: {inject}"
    quiet = points.shell.root / "run" / "quiet-bb"
    assert text in ran.out or not quiet.exists(), f"quiet: {inject}"
    if not entry.delivery.shown:
        again = points.shell.event("UserPromptSubmit", S1) or ""
        assert text in again or "bus unreachable" in again, f"hidden: {inject}"
        points.shell.event("UserPromptSubmit", S1)


def joining(points: Points, inject: str) -> None:
    name = f"new-{next(points.numbers)}"
    words = ("join", "--json", "--name", name, "--role", "builder", "--project", "other")
    ran = points.traced.run(*words, inject=inject)
    if KILL not in inject:
        named(points, ran, inject)
    again = points.shell.json(words[0], *words[2:])
    assert all(step["ok"] for step in again["steps"]), inject
    assert len(points.shell.json("token", "list", "--as", name)["tokens"]) == 3, inject


Act = Callable[[Points, str], None]
ALL: list[Act] = [sending, acknowledging, showing, joining]


def injections(calls: list[Call]) -> Iterator[str]:
    """For each call a kill, and each error that it can have."""
    for call in calls:
        yield f"{call.name}:signal={KILL}:when={call.number}"
        for error in (*ERRORS, *(("EMFILE",) if call.name == "openat" else ())):
            if error != "EINTR" or call.name in {"openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate"}:
                yield f"{call.name}:error={error}:when={call.number}"


@pytest.mark.promise("INBOX-001", "INBOX-002", "INBOX-010", "JOIN-002", "CLI-009")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("few", [pytest.param(True, id="few"), pytest.param(False, id="all", marks=pytest.mark.full)])
@pytest.mark.parametrize("act", ALL, ids=lambda act: str(act.__name__))
def test_a_command_hurt_at_a_system_call_is_whole_or_not_begun(points: Points, act: Act, few: bool, record: Recording) -> None:
    act(points, "")
    chosen = list(injections(points.traced.calls()))
    if few:
        chosen = chosen[:: max(len(chosen) // 14, 1)]
    broken: list[str] = []
    for inject in chosen:
        try:
            act(points, inject)
        except AssertionError as error:
            if points.traced.elsewhere():
                continue
            broken.append(f"{inject}: {error}"[:1500])
    assert not broken, "\n\n".join(broken)
    opened = store()
    assert opened._database.read("PRAGMA integrity_check") == [("ok",)]
    opened.close()
    killed = sum(KILL in inject for inject in chosen)
    record("kill -9 at a system call", trials=killed)
    record("an error of a system call", trials=len(chosen) - killed, note=str(dict(points.seen)))
    assert len(chosen) > 10


def commit_of(calls: list[Call]) -> Call:
    """The sync that a receipt rests on: the last one of the store's log."""
    return [call for call in calls if call.name == "fdatasync" and call.what == "sos.db-wal"][-1]


@pytest.mark.promise("FAULT-004")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_no_receipt_rests_on_a_page_whose_sync_has_failed(points: Points, error: str, record: Recording) -> None:
    """After a failed sync Linux calls the page clean: it is read back from memory, and the next sync does not write it."""
    # Nobody opens the store in between: closing the last connection would put the log into the file and take it away.
    for _ in range(2):
        points.traced.run("send", "--as", "aa", "--json", "bb", points.text())
    commit = commit_of(points.traced.calls())
    text = points.text()
    ran = points.traced.run("send", "--as", "aa", "--json", "bb", text, inject=f"fdatasync:error={error}:when={commit.number}")
    assert ran.code == 75, ran
    assert json.loads(ran.out).get("queued") or json.loads(ran.out)["error"] == "storage_full", ran
    again = points.traced.run("outbox", "--as", "aa")
    assert again.code == 0
    log = [call for call in points.traced.calls() if call.what == "sos.db-wal" or call.what.startswith("agents/aa/outbox/")]
    removed = next(place for place, call in enumerate(log) if call.name == "unlink")
    before = [call.name for call in log[:removed] if call.what == "sos.db-wal" and call.name != "openat"]
    assert "pwrite64" in before, "the message is called stored, and was not written again"
    assert before[-1] == "fdatasync", before
    assert inbox().count(text) == 1
    record("a failed sync, then the send again", trials=1)
