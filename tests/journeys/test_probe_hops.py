"""`sos probe`: a canary over an agent's whole path; with any one hop broken, the answer names that hop and no other."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving import Serving, shell_at
from tests.shell import Json, Shell

HOPS = ["token", "store", "inbox", "hook", "context", "ack"]
SESSION = "5a12d4d5-0000-4000-8000-000000000001"

pytestmark = pytest.mark.promise("PROBE-001")


class Line:
    """`aa` and `bb`, of which `bb` is connected to a runtime, embedded or over a server; broken on purpose."""

    def __init__(self, folder: Path, serving: Serving | None = None) -> None:
        self.shell = shell_at(folder)
        self.serving = serving
        for name in ("aa", "bb"):
            words = ["--role", "qa", "--project", "pp"]
            if serving is not None:
                words = ["--url", serving.url, "--invite", serving.invitation(name)]
            self.shell.json("join", "--name", name, *words)
        self.shell.connect("bb")
        self.processes: list[subprocess.Popen[str]] = []

    @property
    def store(self) -> Path:
        return (self.shell if self.serving is None else self.serving.shell).root / "sos.db"

    @property
    def launcher(self) -> Path:
        return self.shell.root / "bin" / "sos-hook"

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.store) as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    def hook(self, body: str) -> None:
        self.launcher.write_text(f"#!/bin/sh\n{body}\n")

    def line(self, command: str) -> None:
        """Put another command in the place of the hook's line."""
        path = self.shell.home / ".claude/skills/sos/hooks/hooks.json"
        hooks = json.loads(path.read_text())
        hooks["hooks"]["UserPromptSubmit"][0]["hooks"][0]["command"] = command
        path.write_text(json.dumps(hooks))

    def hold(self) -> None:
        """Another process has the store's lock, and keeps it."""
        code = (
            "import fcntl, glob, sys, time\n"
            "found = [open(path) for path in glob.glob(sys.argv[1] + '*lock*')]\n"
            "assert found\n"
            "for file in found: fcntl.flock(file, fcntl.LOCK_EX)\n"
            "print('held', flush=True); time.sleep(600)"
        )
        made = subprocess.Popen([sys.executable, "-c", code, str(self.store)], stdout=subprocess.PIPE, text=True)
        self.processes.append(made)
        assert made.stdout is not None
        assert made.stdout.readline() == "held\n"

    def probe(self, *words: str) -> Json:
        ran = self.shell.run("probe", "--json", *(words or ("--as", "aa")), "bb")
        assert ran.code in {0, 1}, ran
        made: Json = ran.json
        assert "well" in made, made
        assert made["well"] is (ran.code == 0)
        return made

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        if self.serving is not None and self.serving.process.poll() is None:
            self.serving.stop(signal.SIGKILL)


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.full)])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path / "home", Serving(tmp_path / "server") if request.param == "server" else None)
    yield made
    made.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path / "home")
    yield made
    made.close()


def state(probed: Json) -> dict[str, str]:
    return {hop["hop"]: hop["state"] for hop in probed["hops"]}


def test_each_hop_is_gone_and_has_its_time(line: Line) -> None:
    line.shell.event("SessionStart", SESSION, source="startup")
    waiting = line.shell.json("send", "--as", "aa", "bb", "waits")["id"]
    before = line.shell.json("inbox", "--as", "bb")
    probed = line.probe()
    assert state(probed) == dict.fromkeys(HOPS, "well")
    assert all(hop["milliseconds"] > 0 for hop in probed["hops"] if hop["hop"] != "context")
    assert (probed["agent"], probed["sender"], probed["broken"]) == ("bb", "aa", None)
    facts = [fact["kind"] for fact in line.shell.json("trace", "--as", "aa", probed["id"])["deliveries"][0]["facts"]]
    assert [kind for kind in facts if kind in {"accepted", "surfaced", "acked"}] == ["accepted", "surfaced", "acked"]
    # Of the agent's own mail nothing was shown or marked, and nobody was told of the canary.
    assert line.shell.json("inbox", "--as", "bb") == before
    assert "surfaced" not in line.shell.run("trace", "--as", "bb", waiting).out
    assert line.shell.json("inbox", "--as", "aa")["entries"] == []
    shown = line.shell.event("UserPromptSubmit", SESSION) or ""
    assert "| waits" in shown
    assert "canary" not in shown
    plain = line.shell.run("probe", "--as", "aa", "bb")
    first, *rest = plain.out.splitlines()
    assert first.startswith("all well: aa to bb in ")
    assert [each.split()[1] for each in rest] == HOPS


def test_whoever_acts_sends_and_a_terminal_that_is_nobodys_has_the_agent_send_to_itself(line: Line) -> None:
    assert line.probe("--as", "bb")["sender"] == "bb"
    probed = Shell(line.shell.home, line.shell.extra).run("probe", "--json", "bb").json
    assert (probed["well"], probed["sender"]) == (True, "operator" if line.serving is None else "bb")


def test_without_a_runtime_that_is_said_and_it_is_no_failure(line: Line) -> None:
    probed = line.shell.run("probe", "--json", "--as", "bb", "aa").json
    assert (state(probed)["hook"], state(probed)["context"], state(probed)["ack"]) == ("not connected", "not connected", "well")
    assert probed["well"]
    plain = line.shell.run("probe", "--as", "bb", "aa")
    assert (plain.code, plain.out.splitlines()[0].endswith("; no runtime is connected to aa")) == (0, True)
    assert "·" in next(each for each in plain.out.splitlines() if " hook" in each)


def test_what_cannot_be_probed_is_refused_and_no_hop_is_blamed(line: Line) -> None:
    ran = line.shell.run("probe", "--json", "--as", "aa", "nobody")
    assert (ran.code, ran.json["error"]) == (1, "unknown_agent")
    assert line.shell.run("probe", "--json", "--as", "nobody", "bb").json["error"] == "unknown_agent"


# --- broken on purpose ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Break:
    """One hop, broken: how, the hop that must be named, and the code beside it."""

    name: str
    hop: str
    code: str
    do: Callable[[Line], object]
    faces: tuple[str, ...] = ("embedded", "server")


def token(line: Line, name: str = "aa") -> Path:
    return line.shell.root / "agents" / name / "token.bus"


def record(line: Line, name: str, change: str) -> None:
    line.sql(f"UPDATE token SET {change} WHERE agent = '{name}' AND service = 'bus'")


def missing(line: Line) -> None:
    for path in line.store.parent.glob("sos.db*"):
        path.unlink()


def damaged(line: Line) -> None:
    line.store.write_bytes(b"\0" * 8192)
    for path in line.store.parent.glob("sos.db-*"):
        path.unlink()


def unread(line: Line) -> None:
    """What is accepted goes to nobody."""
    line.sql("CREATE TRIGGER lost AFTER INSERT ON delivery BEGIN DELETE FROM delivery WHERE message = NEW.message; END")


def astray(line: Line) -> None:
    """What is accepted for bb goes to aa."""
    line.sql(
        "CREATE TRIGGER astray AFTER INSERT ON delivery BEGIN UPDATE delivery SET recipient = "
        "(SELECT id FROM agent WHERE slug = 'aa') WHERE message = NEW.message; END"
    )


def torn(line: Line) -> None:
    """What is accepted is changed by another hand."""
    line.sql("CREATE TRIGGER torn AFTER INSERT ON message BEGIN UPDATE message SET text = 'torn' WHERE seq = NEW.seq; END")


def unacked(line: Line) -> None:
    line.sql(
        "CREATE TRIGGER refused BEFORE UPDATE ON delivery WHEN NEW.acked_at IS NOT NULL BEGIN SELECT raise(ABORT, 'no'); END"
    )


def forgotten(line: Line) -> None:
    """The acknowledgement is taken, and another hand takes it back."""
    line.sql(
        "CREATE TRIGGER forgotten AFTER UPDATE ON delivery WHEN NEW.acked_at IS NOT NULL BEGIN UPDATE delivery SET acked_at = "
        "NULL WHERE message = NEW.message; END"
    )


def says(text: str) -> str:
    return f"cat > /dev/null; printf '%s' '{text}'"


OTHER = '{"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": "something else"}}'
ELSEWHERE = '{"hookSpecificOutput": {"hookEventName": "Stop", "additionalContext": "something else"}}'
BREAKS = [
    Break("the sender's token is gone", "token", "token_refused", lambda line: token(line).unlink()),
    Break("the sender's token is cut", "token", "token_damaged", lambda line: token(line).write_text("sos_bus_1")),
    Break("the sender's token has expired", "token", "token_expired", lambda line: record(line, "aa", "expires_at = 1000")),
    Break("the sender's token was revoked", "token", "token_revoked", lambda line: record(line, "aa", "revoked_at = 1000")),
    Break("the sender's token may not send", "token", "scope_missing", lambda line: record(line, "aa", "scopes = 'inbox:self'")),
    Break("the sender's home is open to others", "token", "home_not_private", lambda line: token(line).chmod(0o644)),
    Break("another process holds the store", "store", "store_unreachable", Line.hold),
    Break("the store is gone", "store", "store_missing", missing, ("embedded",)),
    Break("the store is damaged", "store", "store_damaged", damaged, ("embedded",)),
    Break("the store takes nothing", "store", "store_unreachable", lambda line: line.sql(
        "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT raise(ABORT, 'no'); END")),
    Break("the server has ended", "store", "store_unreachable", lambda line: line.serving and line.serving.stop(), ("server",)),
    Break("no stream holds it", "inbox", "unknown_message", unread),
    Break("it is in a stream that is not read", "inbox", "unknown_message", astray),
    Break("it is changed on the way", "inbox", "store_damaged", torn),
    Break("the agent's token is gone", "inbox", "token_refused", lambda line: token(line, "bb").unlink()),
    Break("the agent's token has expired", "inbox", "token_expired", lambda line: record(line, "bb", "expires_at = 1000")),
    Break("the agent reads another bus", "inbox", "store_missing", lambda line: (edit := line.shell.root / "agents/bb/agent.toml")
          .write_text(edit.read_text().replace("sos.db", "other.db")), ("embedded",)),
    Break("the launcher is gone", "hook", "runtime_config", lambda line: line.launcher.unlink()),
    Break("the launcher may not be run", "hook", "runtime_config", lambda line: line.launcher.chmod(0o600)),
    Break("the hook is slow", "hook", "runtime_config", lambda line: line.hook("sleep 300")),
    Break("the hook prints nothing", "hook", "runtime_config", lambda line: line.hook("exit 0")),
    Break("the hook shows it and ends with 2", "hook", "runtime_config", lambda line: line.line(
        f'"{line.launcher}" claude UserPromptSubmit; exit 2')),
    Break("the hook ends with 2", "hook", "runtime_config", lambda line: line.line("exit 2")),
    Break("the hook's line cannot be read", "hook", "runtime_config", lambda line: (
        line.shell.home / ".claude/skills/sos/hooks/hooks.json").write_text("{")),
    Break("the hook is not installed", "hook", "runtime_config", lambda line: subprocess.run(
        ["rm", "-r", str(line.shell.home / ".claude/skills/sos")], check=True)),
    Break("the hook prints something else", "context", "runtime_config", lambda line: line.hook(says("hello"))),
    Break("the hook prints other JSON", "context", "runtime_config", lambda line: line.hook(says('{"systemMessage": "canary"}'))),
    Break("the hook shows something else", "context", "runtime_config", lambda line: line.hook(says(OTHER))),
    Break("the hook answers another event", "context", "runtime_config", lambda line: line.hook(says(ELSEWHERE))),
    Break("the acknowledgement is refused", "ack", "store_unreachable", unacked),
    Break("the acknowledgement is lost", "ack", "store_damaged", forgotten),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        pytest.param(face, each, id=f"{each.name}, {face}", marks=[pytest.mark.full] if face != each.faces[0] else [])
        for each in BREAKS
        for face in each.faces
    ],
    indirect=["line"],
)
def test_the_broken_hop_is_named(line: Line, broken: Break) -> None:
    assert line.probe()["well"]
    broken.do(line)
    begun = time.monotonic()
    probed = line.probe()
    assert time.monotonic() - begun < 30
    assert (probed["broken"], probed["code"]) == (broken.hop, broken.code), probed
    place = HOPS.index(broken.hop)
    assert [state(probed)[hop] for hop in HOPS[place:]] == ["broken", *["not reached"] * (len(HOPS) - place - 1)]
    assert {state(probed)[hop] for hop in HOPS[: max(place - 1, 0)]} <= {"well"}
    assert probed["next"]
    plain = line.shell.run("probe", "--as", "aa", "bb")
    first, *_, last = plain.out.splitlines()
    assert (plain.code, first, last[:6]) == (1, f"broken at: {broken.hop}", "next: ")


def test_a_canary_that_did_not_come_through_waits_for_nobody_and_proves_nothing(line: Line) -> None:
    before = line.shell.json("whoami", "--as", "bb")["canary_at"]
    line.hook("exit 0")
    probed = line.probe()
    assert probed["broken"] == "hook"
    assert line.shell.json("inbox", "--as", "bb")["entries"] == []
    assert line.shell.json("whoami", "--as", "bb")["canary_at"] == before
    (facts,) = (each["facts"] for each in line.shell.json("trace", "--as", "aa", probed["id"])["deliveries"])
    assert "surfaced" not in [fact["kind"] for fact in facts]


@pytest.mark.parametrize("lost", ["token", "home", "store"])
def test_a_canary_that_broke_at_the_inbox_is_shown_to_nobody_and_stands_in_no_list(line: Line, lost: str) -> None:
    kept = line.shell.json("send", "--as", "aa", "bb", "kept")["id"]
    path = token(line, "bb") if lost == "token" else line.shell.root / "agents/bb/agent.toml"
    before = path.read_text()
    if lost == "token":
        path.unlink()
    elif lost == "home":
        path.write_text("{")
    else:
        path.write_text(before.replace('store = "', 'store = "http://127.0.0.1:1'))
    for _ in range(3):
        assert line.probe()["broken"] == "inbox"
    path.write_text(before)
    path.chmod(0o600)
    assert [entry["id"] for entry in line.shell.json("inbox", "--as", "bb")["entries"]] == [kept]
    assert "event from" not in (line.shell.event("SessionStart", SESSION, source="startup") or "")
    assert "event from" not in (line.shell.event("UserPromptSubmit", SESSION) or "")
    assert [each["id"] for each in line.shell.json("sent", "--as", "aa", "--limit", "1")["sent"]] == [kept]


def test_a_hook_that_is_slow_is_ended_with_all_that_it_started(embedded: Line) -> None:
    child = embedded.shell.home / "child"
    embedded.hook(f"sleep 300 & echo $! > {child}; wait")
    assert embedded.probe()["broken"] == "hook"
    place = Path(f"/proc/{child.read_text().strip()}/stat")
    assert not place.exists() or place.read_text().split()[2] == "Z"


@pytest.mark.promise("SENTINEL-001")
def test_a_message_that_only_looks_like_a_canary_is_none(embedded: Line) -> None:
    """What says in its text that it is a canary is mail, whoever runs the hook for it."""
    identifier = embedded.shell.json("send", "--as", "aa", "bb", "canary 0123456789abcdef")["id"]
    session = f"sos-probe-{identifier}"
    embedded.shell.event("SessionStart", SESSION, source="startup")
    (embedded.shell.root / "run" / f"session-{session}").write_text("bb\na probe\n")
    os.chmod(embedded.shell.root / "run" / f"session-{session}", 0o600)
    assert "| canary" not in (embedded.shell.event("UserPromptSubmit", session) or "")
    assert [entry["id"] for entry in embedded.shell.json("inbox", "--as", "bb")["entries"]] == [identifier]
