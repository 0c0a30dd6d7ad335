"""The examples pass the strictest type check, and the echo of the first one is heard."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shell import Shell

EXAMPLES = Path(__file__).parents[2] / "examples"


PLAIN = [path for path in sorted(EXAMPLES.glob("*.py")) if path.name != "grapher.py"]
"""What loads no framework, whose types take the checker ten seconds."""


@pytest.mark.promise("SDK-011")
@pytest.mark.parametrize(
    "files", [PLAIN, pytest.param([EXAMPLES / "grapher.py"], marks=pytest.mark.full)], ids=["plain", "graph"]
)
def test_a_users_file_passes_the_strictest_type_check(tmp_path: Path, files: list[Path]) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from sos.sdk import Agent\nagent = Agent(name=1)\nagent.send('aa')\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file", "/dev/null"]
    good = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout
    bad = subprocess.run([*command, str(wrong)], capture_output=True, text=True, check=False)
    assert bad.stdout.count(": error:") == 2, bad.stdout


@pytest.mark.promise("SDK-001")
def test_the_examples_run(home: Path) -> None:
    shell = Shell(home)
    for name in ("echo", "asker", "reviewer"):
        shell.join(name)
    agents = [
        subprocess.Popen([sys.executable, str(EXAMPLES / f"{name}.py")], env=shell.environment, cwd=home)
        for name in ("echo", "reviewer")
    ]
    shell.json("send", "--as", "asker", "echo", "hello?")
    asked = subprocess.run(
        [sys.executable, str(EXAMPLES / "asker.py")], env=shell.environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert asked.stdout == "reviewer: Looks good to me.\n", asked
    ends = time.monotonic() + 10
    while not shell.json("inbox", "--as", "asker")["entries"] and time.monotonic() < ends:
        time.sleep(0.1)
    assert [entry["text"] for entry in shell.json("inbox", "--as", "asker")["entries"]] == ["hello?"]
    for agent in agents:
        agent.terminate()
        assert agent.wait(20) == 0
    assert len(list((home / "reviews").iterdir())) == 1


GRAPH = """
from sos.testing import Bus

bus = Bus()
with bus.installed():
    from grapher import agent

tester = bus.agent("tester")
asked = tester.request("grapher", "how do I get unstuck?")
assert agent.run_once() == 1
assert asked.wait(0).text == "Have you read the guide?"
print("answered")
"""


@pytest.mark.promise("SDK-012")
def test_the_agent_inside_a_graph_answers(home: Path) -> None:
    environment = {**Shell(home).environment, "PYTHONPATH": str(EXAMPLES)}
    ran = subprocess.run([sys.executable, "-c", GRAPH], env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert ran.stdout == "answered\n", ran
