"""Agents of the SDK as processes of their own: embedded and over a server, killed, stopped, and without their bus."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import Serving, shell_at
from tests.shell import Shell

FIVE_LINES = """
from sos.sdk import Agent

agent = Agent(token="{token}", name="mumega-codecheck")

@agent.on_message
def handle(message):
    if message.text.startswith("review"):
        agent.reply(message, "I can take this.")

agent.start()
"""
WORKER = """
import sys, time
from sos.sdk import Agent

agent = Agent(name="bb", concurrency=4)

@agent.on_message
def handle(message):
    agent.reply(message, f"re: {message.text}")
    time.sleep(0.004)

agent.start()
"""


class Place:
    """A terminal where `aa` and `bb` have joined a bus, embedded or over a server."""

    def __init__(self, shell: Shell, serving: Serving | None) -> None:
        self.shell = shell
        self.serving = serving

    def join(self, name: str) -> None:
        words = ["join", "--name", name, "--role", "qa", "--project", "pp"]
        if self.serving is not None:
            words = ["join", "--name", name, "--url", self.serving.url, "--invite", self.serving.invitation(name)]
        self.shell.json(*words)

    def start(self, program: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program], env=self.shell.environment, cwd=self.shell.home)

    def texts(self, name: str) -> list[str]:
        return [entry["text"] for entry in self.shell.json("inbox", "--as", name, "--limit", "1000")["entries"]]

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends
            time.sleep(0.05)


@pytest.fixture(params=["embedded", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    serving = Serving(tmp_path / "server") if request.param == "server" else None
    made = Place(shell_at(tmp_path / "home"), serving)
    made.join("aa")
    made.join("bb")
    yield made
    if serving is not None and serving.process.poll() is None:
        serving.stop(signal.SIGKILL)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(20)


@pytest.mark.promise("SDK-001", "SDK-008", "PRESENCE-002")
def test_the_five_lines_run_as_printed_and_end_with_a_signal(place: Place) -> None:
    place.join("mumega.codecheck")
    token = (place.shell.root / "agents" / "mumega-codecheck" / "token.bus").read_text().strip()
    process = place.start(FIVE_LINES.format(token=token))
    sent = place.shell.json("send", "--as", "aa", "--request", "mumega-codecheck", "review the parser")
    place.until(lambda: place.texts("aa") == ["I can take this."])
    facts = [fact["kind"] for fact in place.shell.json("trace", "--as", "aa", sent["id"])["deliveries"][0]["facts"]]
    assert facts == ["accepted", "stored", "leased", "acked", "replied"]
    (peer,) = [each for each in place.shell.json("peers", "--as", "aa")["peers"] if each["slug"] == "mumega-codecheck"]
    assert peer["presence"] in {"idle", "working"}
    assert end(process, signal.SIGINT if place.serving is None else signal.SIGTERM) == 0
    (peer,) = [each for each in place.shell.json("peers", "--as", "aa")["peers"] if each["slug"] == "mumega-codecheck"]
    assert peer["presence"] == "closed"
    assert "its handler acknowledged a message" in place.shell.run("whoami", "--as", "mumega-codecheck").out


@pytest.mark.promise("SDK-005", "SDK-010", "LEASE-001")
@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", [40, 400])
def test_killed_again_and_again_every_message_has_its_one_answer(place: Place, count: int) -> None:
    sender = f"""
from sos.sdk import Agent
agent = Agent(name="aa")
for number in range({count}):
    agent.send("bb", str(number))
"""
    assert place.start(sender).wait(60) == 0
    for number in range(8):
        process = place.start(WORKER)
        time.sleep(0.25 + 0.05 * number)
        process.kill()
        process.wait()
    workers = [place.start(WORKER), place.start(WORKER)]
    wanted = sorted(f"re: {number}" for number in range(count))
    # What a killed one held comes back when its lease has run out.
    place.until(lambda: len(place.texts("aa")) >= count, seconds=90)
    assert [end(worker) for worker in workers] == [0, 0]
    assert sorted(place.texts("aa")) == wanted


@pytest.mark.promise("SDK-006")
def test_a_handler_that_blocks_for_ever_blocks_nobody_else(place: Place) -> None:
    blocked = place.start(
        "import time\nfrom sos.sdk import Agent\nagent = Agent(name='bb', concurrency=1)\n"
        "@agent.on_message\ndef handle(message):\n    agent.send('aa', 'never')\n    time.sleep(1000)\nagent.start()"
    )
    first = place.shell.json("send", "--as", "aa", "bb", "blocks")
    place.until(lambda: "leased" in str(place.shell.json("trace", "--as", "aa", first["id"])["deliveries"]))
    place.shell.json("send", "--as", "aa", "bb", "flows on")
    worker = place.start(WORKER)
    place.until(lambda: place.texts("aa") == ["re: flows on"])
    assert end(worker) == 0
    blocked.kill()
    blocked.wait()


@pytest.mark.promise("SDK-007", "SEND-004")
def test_without_its_bus_it_queues_and_sends_when_that_is_back(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "server")
    place = Place(shell_at(tmp_path / "home"), serving)
    place.join("aa")
    place.join("bb")
    program = """
import os, sys, time
from sos.sdk import Agent
agent = Agent(name="aa")
print("ready", flush=True)
sys.stdin.readline()
sent = agent.send("bb", "while it was away")
assert sent.queued and sent.receipt is None
assert open(agent.recovery_guide).read().startswith("# Recovery guide of aa")
print("queued", flush=True)
agent.start()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=place.shell.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    serving.stop(signal.SIGKILL)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "queued\n"
    serving.start()
    place.until(lambda: place.texts("bb") == ["while it was away"])
    assert end(process) == 0  # type: ignore[arg-type]
    process.stdin.close()
    process.stdout.close()
    serving.stop()


@pytest.mark.promise("SDK-007", "TOKEN-019")
def test_what_is_wrong_is_said_when_the_agent_is_made(place: Place) -> None:
    home = place.shell.root / "agents" / "aa"
    tokens = {service: (home / f"token.{service}").read_text().strip() for service in ("bus", "squad")}
    for words, said in (
        (f'token="{tokens["squad"]}"', "TokenWrongKind"),
        (f'token="{tokens["bus"]}", name="bb"', "WrongAgent"),
        (f'token="{tokens["bus"][:-1]}"', "TokenDamaged"),
        ('name="nobody"', "UnknownAgent"),
        ("", "NobodyHere"),
    ):
        program = f"from sos.sdk import Agent\nAgent({words})"
        done = subprocess.run(
            [sys.executable, "-c", program], env=place.shell.environment, cwd=place.shell.home, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        *_, last, step, _ = done.stderr.split("\n")
        assert (said in last, step.startswith("next: ")) == (True, True), done.stderr
        assert tokens["bus"] not in done.stderr
    # A token that is given counts before what stands in the environment.
    environment = {**place.shell.environment, "SOS_BUS_TOKEN": tokens["squad"]}
    program = f'from sos.sdk import Agent\nprint(Agent(token="{tokens["bus"]}").slug)'
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=place.shell.home, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "aa\n"), done.stderr
    os.chmod(home, 0o755)  # on purpose
    done = subprocess.run([sys.executable, "-c", 'from sos.sdk import Agent\nAgent(name="aa")'], env=place.shell.environment,
                          cwd=place.shell.home, capture_output=True, text=True, check=False)  # fmt: skip
    os.chmod(home, 0o700)
    assert "HomeNotPrivate" in done.stderr
