"""`sos move`: an embedded deployment goes to a server, whole, wherever it is killed and run again, and nothing is shown twice."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sos.homes import home as homes
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.work import Sending
from sos.remote.connection import HttpConnection
from sos.settings import load
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World
from sos.wiring import local, moving
from sos.wiring.local import SystemClock
from tests.faces.served import Served, served
from tests.serving import Serving, shell_at
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"
pytestmark = pytest.mark.promise("STORE-005")


class Killed(BaseException):
    """As kill -9 would: nothing of ours handles it."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with mail in every state, an open request that was shown, a task that is claimed, a squad and a skill."""
    made = shell_at(tmp_path_factory.mktemp("embedded") / "home")
    for name in ("aa", "bb"):
        made.json("join", "--name", name, "--role", "qa", "--project", "pp", "--skill", f"skill of {name}", "--squad", "team")
    made.json("join", "--name", "far", "--role", "lead", "--project", "qq")
    made.connect("bb")
    made.event("SessionStart", SESSION)
    made.json("send", "--as", "aa", "bb", "read long ago")
    made.json("send", "--as", "aa", "--request", "--deadline", "1h", "bb", "asked and shown")
    assert "| asked and shown" in (made.event("UserPromptSubmit", SESSION) or "")
    made.json("send", "--as", "aa", "--request", "--deadline", "1h", "bb", "asked and unread")
    made.json("send", "--as", "far", "bb", "from afar")
    made.json("broadcast", "--as", "aa", "to all")
    made.json("send", "--as", "bb", "aa", "an answer")
    given = made.json("task", "add", "--as", "aa", "look")
    made.inside(SESSION).json("task", "claim", given["id"], "--lease", "2h")
    made.json("task", "add", "--as", "aa", "later", "--after", given["id"])
    return made.home


def copied(embedded: Path, folder: Path) -> Shell:
    """The same deployment again. Its homes name the store by its path, so the copy stands in the original's place by name."""
    shutil.copytree(embedded, folder, symlinks=True)
    for file in folder.glob(".sos/**/agent.toml"):
        file.write_text(file.read_text().replace(str(embedded), str(folder)))
    shell = shell_at(folder / "unused")
    return Shell(folder, {name: value.replace("/unused", "") for name, value in shell.extra.items()})


def unread(server: Served, slug: str) -> list[str]:
    return sorted(entry.message.text for entry in server.world.store.mail.entries(Slug(slug), "unread", 50))


def check(server: Served) -> None:
    """What must be at the server, once."""
    store = server.world.store
    assert unread(server, "bb") == ["asked and unread", "from afar", "to all"]
    assert unread(server, "aa") == ["an answer"]
    asked = {entry.message.text: entry for entry in store.mail.entries(Slug("bb"), "open", 50)}
    assert sorted(asked) == ["asked and shown", "asked and unread"]
    shown = asked["asked and shown"]
    assert (shown.delivery.shown, shown.message.sender, shown.message.assurance) == (1, "aa", "same-user")
    assert shown.message.deadline == shown.message.sent_at + 3_600_000
    (task, later) = store.tasks.list("pp", live=True, limit=10)
    assert (task.title, task.owner, task.fence, task.body, later.blocked_by) == ("look", "bb", 1, SESSION, (task.id,))
    assert store.agents.squad("pp", "team") == ("aa", "bb")
    assert sorted(skill.id for skill in store.skills.list("pp")) == ["skill-of-aa", "skill-of-bb"]


@contextmanager
def fresh_server(folder: Path) -> Iterator[Served]:
    """A server over a store with the operator alone, by the machine's clock."""
    store = SqliteStore(str(folder / "server" / "sos.db"), str(folder / "run"), create=True)
    world = World.__new__(World)
    world.__dict__.update(store=store, clock=SystemClock())
    world.enrol("operator", project="default")
    with served(world) as made:
        yield made
    store.close()


def steps(monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None]) -> list[str]:
    """Call `before` with a number ahead of each thing that a move changes, and after it; the names of what was changed."""
    done: list[str] = []

    def counted(name: str, real: Any) -> Any:
        def call(*words: Any, **named: Any) -> Any:
            if name == "ask" and not words[1].startswith(("adopt", "canary")):
                return real(*words, **named)
            before(2 * len(done))
            done.append(f"{name} {words[1]}")
            result = real(*words, **named)
            before(2 * len(done) - 1)
            return result

        return call

    monkeypatch.setattr(HttpConnection, "_ask", counted("ask", HttpConnection._ask))
    monkeypatch.setattr(homes, "save", counted("save", homes.save))
    return done


def move(shell: Shell, server: Served, token: str) -> moving.Moved:
    settings = load({"HOME": str(shell.home), "SOS_HOME": str(shell.root)})
    with moving.Moving(settings, server.url, token, lambda _: None) as run:
        return run.run()


@pytest.mark.parametrize("apart", [pytest.param(9, id="short"), pytest.param(1, id="each", marks=pytest.mark.full)])
def test_killed_before_and_after_each_of_its_changes_and_run_again_it_is_whole(
    embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    monkeypatch.setattr(moving, "SETTLE_SECONDS", 0)
    with fresh_server(tmp_path / "first") as server, monkeypatch.context() as patch:
        done = steps(patch, lambda _: None)
        move(copied(embedded, tmp_path / "whole"), server, server.token("admin", "operator"))
        check(server)
    assert len(done) > 15
    for number in range(0, 2 * len(done), apart):
        folder = tmp_path / f"k{number}"
        shell = copied(embedded, folder / "home")

        def kill(place: int, at: int = number) -> None:
            if place == at:
                raise Killed

        with fresh_server(folder) as server:
            token = server.token("admin", "operator")
            with monkeypatch.context() as patch:
                steps(patch, kill)
                with pytest.raises(Killed):
                    move(shell, server, token)
            moved = move(shell, server, token)
            assert moved.remarks == ()
            check(server)
            found = map(partial(homes.load, str(shell.root)), ("aa", "bb", "far"))
            assert {home.store for home in found if home} == {server.url}
            assert move(shell, server, token).messages == 0
        shutil.rmtree(folder)


def test_after_a_move_the_agents_go_on_where_they_were(embedded: Path, tmp_path: Path) -> None:
    serving = Serving(tmp_path / "server")
    shell = copied(embedded, tmp_path / "home")
    shell.connect("bb")  # the copy's hook, not that of the original
    admin = str(serving.shell.root / "operator" / "token.adm")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "sos", "wait", "--as", "far", "--timeout", "30s"], env=shell.environment, cwd=shell.home
    )
    time.sleep(0.5)
    planned = shell.json("move", "--to", serving.url, "--dry-run")
    assert (planned["agents"], planned["messages"], planned["tasks"]) == (["aa", "bb", "far"], 5, 2)
    quiet = shell.root / "run" / "quiet-bb"
    quiet.touch()
    moved = shell.json("move", "--to", serving.url, "--token-file", admin)
    assert (moved["agents"], moved["messages"], moved["tasks"], moved["remarks"]) == (["aa", "bb", "far"], 5, 2, [])
    assert not quiet.exists()
    shown = shell.event("UserPromptSubmit", SESSION) or ""
    assert [text for text in ("asked and unread", "from afar", "to all") if f"| {text}" not in shown] == []
    assert "read long ago" not in shown
    # An open request comes back after a turn, as it would have here, and says that it does.
    assert "asked and shown" not in shown or "again (no. 2)" in shown
    inside = shell.inside(SESSION)
    (task, _) = inside.json("task", "list")["tasks"]
    assert inside.json("task", "done", task["id"], "moved and done")["status"] == "done"
    assert shell.json("whoami", "--as", "aa")["answers"][1]["good"] is True
    assert "bb has done your task" in shell.run("inbox", "--as", "aa").out
    # The old store and its operator are still here: what it would take, nobody reads, nor what waited in its outbox.
    settings = load({"HOME": str(shell.home), "SOS_HOME": str(shell.root)})
    late = Draft(id=new_id(SystemClock().now()), to="bb", text="queued before")
    local.queue(settings, None, Sending(draft=late))
    assert f"{late.id} to bb: bb is at {serving.url}" in shell.run("inbox").err
    for words in (["send", "bb", "lost?"], ["broadcast", "--everywhere", "lost?"]):
        refused = shell.run(*words, "--json")
        assert (refused.code, refused.json["error"], serving.url in refused.json["message"]) == (1, "bus_mismatch", True)
    # Who waited all the while hears of what comes at the server.
    assert shell.run("send", "--as", "aa", "far", "x").code == 1
    serving.shell.json("token", "grant", "aa")
    shell.json("send", "--as", "aa", "far", "to who waits")
    assert waiting.wait(30) == 0
    assert serving.stop() == 0


def test_what_is_wrong_is_said_before_anything_is_changed(embedded: Path, tmp_path: Path) -> None:
    serving = Serving(tmp_path / "server")
    shell = copied(embedded, tmp_path / "home")
    admin = str(serving.shell.root / "operator" / "token.adm")
    before = {path: path.read_bytes() for path in shell.root.glob("agents/*/agent.toml")}
    bus = str(shell.root / "agents" / "aa" / "token.bus")
    for words in (
        ["--to", serving.url],
        ["--to", "nowhere", "--token-file", admin],
        ["--to", serving.url, "--token-file", bus],
        ["--to", "http://127.0.0.1:1", "--token-file", admin],
        ["--to", serving.url, "--token-file", str(tmp_path / "none")],
    ):
        ran = shell.run("move", *words)
        assert (ran.code != 0, "next: " in ran.err) == (True, True), (words, ran)
    # A slug that is another agent's at the server stops the move before any home is switched.
    serving.shell.json("join", "--name", "b_b", "--role", "x", "--project", "pp")
    other = shell_at(tmp_path / "other")
    other.json("join", "--name", "BB", "--url", serving.url, "--invite", serving.invitation("BB"))
    ran = shell.run("move", "--to", serving.url, "--token-file", admin)
    assert (ran.code, "bb" in ran.err) == (1, True), ran
    assert {path: path.read_bytes() for path in before} == before
    serving.stop(signal.SIGKILL)
