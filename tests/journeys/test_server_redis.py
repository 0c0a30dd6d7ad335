"""`sos serve` over Redis or Valkey: several processes over one database, and older clients that write into it by raw XADD."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import BY_TURNS, CLUSTERED, KINDS, Clustered, RunningServer, Watched, started
from tests.serving import Serving, shell_at
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"
GLOBAL = "sos:stream:agent:bb"


@pytest.fixture(
    scope="module",
    params=[
        *BY_TURNS,
        *(pytest.param(f"{kind} {CLUSTERED}", marks=pytest.mark.full) for kind in KINDS),
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer | Watched | Clustered]:
    made = started(request.param)
    yield made
    made.remove()


class Deployment:
    """Two processes of `sos serve` over one database; `aa` joined through the one, `bb` through the other."""

    def __init__(self, server: RunningServer | Watched | Clustered, folder: Path) -> None:
        self.server = server
        self.database = server.fresh()
        settings = {"SOS_STORE": server.url(self.database), "SOS_CONVENTIONS": "team:{project}:inbox:{agent}"}
        self.first = Serving(folder / "first", **settings)
        # The administrator's token stands where the first process was started; a second one needs it as well to invite.
        self.second = Serving(folder / "second", **settings)
        self.aa, self.bb = shell_at(folder / "aa"), shell_at(folder / "bb")
        for shell, name, serving in ((self.aa, "aa", self.first), (self.bb, "bb", self.second)):
            shell.json("join", "--name", name, "--url", serving.url, "--invite", self.first.invitation(name))
        self.bb.connect("bb")

    def xadd(self, stream: str, text: str) -> None:
        """What an older client does."""
        client = self.server.client(self.database)
        client.xadd(stream, {"type": "chat", "source": "old", "text": text})
        client.close()

    def waiter(self, shell: Shell, name: str) -> subprocess.Popen[bytes]:
        """`sos wait`, running and parked."""
        made = subprocess.Popen([sys.executable, "-m", "sos", "wait", "--as", name, "--timeout", "20s"], env=shell.environment)
        time.sleep(1.0)
        assert made.poll() is None
        return made

    def close(self) -> None:
        for each in (self.first, self.second):
            if each.process.poll() is None:
                each.stop(signal.SIGKILL)


@pytest.fixture
def deployment(server: RunningServer | Watched | Clustered, tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(server, tmp_path)
    yield made
    made.close()


def texts(shell: Shell, name: str) -> list[str]:
    return [entry["text"] for entry in shell.json("inbox", "--as", name)["entries"]]


@pytest.mark.promise("SERVER-003", "REDIS-006", "TOKEN-010")
def test_several_processes_over_one_database_are_one_bus(deployment: Deployment) -> None:
    aa, bb = deployment.aa, deployment.bb
    waiting = deployment.waiter(bb, "bb")
    sent = aa.json("send", "--as", "aa", "--request", "bb", "please review")
    assert (sent["durability"], waiting.wait(20)) == ("disk", 0)
    assert "You are bb" in (bb.event("SessionStart", SESSION) or "")
    assert "| please review" in (bb.event("UserPromptSubmit", SESSION) or "")
    assert bb.inside(SESSION).json("reply", sent["id"], "I can take this.")["recipients"] == ["aa"]
    assert texts(aa, "aa") == ["I can take this."]
    # What one of them made, each of them knows: a load balancer may ask any.
    token = (aa.root / "agents" / "aa" / "token.bus").read_text().strip()
    for serving in (deployment.first, deployment.second):
        asked = urllib.request.Request(f"{serving.url}/v1/me", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert json.load(answer)["agent"]["slug"] == "aa"
    # A token revoked at one of them ends its streams at all of them.
    extra = aa.json("token", "mint", "bus", "--as", "aa")
    asked = urllib.request.Request(
        f"{deployment.second.url}/v1/inbox/events", headers={"Authorization": f"Bearer {extra['token']}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as stream:
        assert [stream.readline(), stream.readline()[:6], stream.readline()] == [b"event: mail\n", b"data: ", b"\n"]
        aa.json("token", "revoke", "--as", "aa", extra["id"])
        begun = time.monotonic()
        assert b"token_revoked" in stream.read()
        assert time.monotonic() - begun < 1
    # One of them is killed: its agents lose nothing, and the rest goes on.
    deployment.second.stop(signal.SIGKILL)
    assert aa.json("send", "--as", "aa", "bb", "while it is away")["durability"] == "disk"
    deployment.second.start()
    assert "| while it is away" in (bb.event("UserPromptSubmit", SESSION) or "")


@pytest.mark.promise("SERVER-001", "ADDRESS-004", "REDIS-004")
def test_what_older_clients_write_comes_to_commands_hooks_and_who_waits(deployment: Deployment) -> None:
    aa, bb = deployment.aa, deployment.bb
    deployment.xadd(GLOBAL, "before the first look")
    assert texts(bb, "bb") == ["before the first look"]
    deployment.xadd("team:pp:inbox:bb", "by the convention of a team")
    assert texts(bb, "bb") == ["before the first look", "by the convention of a team"]
    waiting = deployment.waiter(aa, "aa")
    deployment.xadd("sos:stream:agent:aa", "a ring that nobody hears")
    assert waiting.wait(20) == 0
    bb.event("SessionStart", SESSION)
    deployment.xadd("sos:stream:project:pp:broadcast", "to all")
    shown = bb.event("UserPromptSubmit", SESSION) or ""
    assert "claims to be old" in shown
    assert [line for line in ("before the first look", "by the convention of a team", "to all") if f"| {line}" not in shown] == []
    assert bb.event("UserPromptSubmit", SESSION) is None
    assert texts(aa, "aa") == ["a ring that nobody hears", "to all"]


COPYING = """
from sos.sdk import Agent
agent = Agent(name="bb")
@agent.on_message
def handle(message):
    agent.send("aa", f"{message.assurance}: {message.text}")
agent.start()
"""


@pytest.mark.promise("SDK-002")
def test_an_agent_of_the_sdk_handles_each_entry_of_all_its_streams_once(deployment: Deployment) -> None:
    aa, bb = deployment.aa, deployment.bb
    streams = (GLOBAL, "sos:stream:project:pp:agent:bb", "team:pp:inbox:bb", "sos:stream:project:pp:broadcast")
    wanted: list[str] = []

    def write(turn: int) -> None:
        for stream in streams:
            deployment.xadd(stream, f"{turn} {stream}")
            wanted.append(f"claimed: {turn} {stream}")
        aa.json("send", "--as", "aa", "bb", f"{turn} by itself")
        wanted.append(f"token: {turn} by itself")

    def handled() -> list[str]:
        found = [entry["text"] for entry in aa.json("inbox", "--as", "aa", "--limit", "100")["entries"]]
        return sorted(text for text in found if ": " in text)

    def until_handled() -> None:
        ends = time.monotonic() + 60
        while len(handled()) < len(wanted) and time.monotonic() < ends:
            time.sleep(0.1)
        assert handled() == sorted(wanted)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", COPYING], env=bb.environment)

    write(0)
    running = start()
    until_handled()
    write(1)  # while it waits
    until_handled()
    running.kill()
    running.wait()
    home = bb.root / "agents" / "bb"
    for path in home.glob("cursor*"):
        path.unlink()
    write(2)  # while it is away
    both = [start(), start()]
    until_handled()
    write(3)
    until_handled()
    for each in both:
        each.send_signal(signal.SIGTERM)
        assert each.wait(20) == 0
    assert handled() == sorted(wanted)


@pytest.mark.promise("DOCTOR-004", "ADDRESS-006")
def test_the_doctor_finds_where_others_write_and_the_agent_does_not_read(deployment: Deployment) -> None:
    def found() -> list[tuple[str, str]]:
        ran = deployment.bb.run("doctor", "--deep", "--json", "--as", "bb")
        (inbox,) = [rung for rung in ran.json["rungs"] if rung["rung"] == "inbox"]
        return [(each["severity"], each["what"]) for each in inbox["findings"] if each["code"].startswith("split")]

    before = found()
    assert not [each for each in before if each[0] == "critical"]
    deployment.xadd("sos:stream:project:other:agent:bb", "to the wrong project")
    deployment.xadd("sos:stream:project:other:agent:cc", "of another agent")
    fresh = [each for each in found() if each not in before]
    assert fresh == [("critical", "Messages stand in sos:stream:project:other:agent:bb, and no agent reads it.")]
