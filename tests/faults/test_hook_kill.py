"""kill -9 of the hook at any moment: every message is shown at least once, and what is shown again says so."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Recording
from tests.shell import Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"


def killed(shell: Shell, line: str, after: float) -> str:
    """What the hook printed that was killed `after` seconds."""
    environment = {**shell.environment, "CLAUDE_CODE_SESSION_ID": S1, "CLAUDE_PID": str(os.getpid())}
    hook = subprocess.Popen(
        ["/bin/sh", "-c", line], env=environment, cwd=shell.home, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert hook.stdin is not None
    told = {"session_id": S1, "hook_event_name": "UserPromptSubmit", "cwd": str(shell.home), "transcript_path": ""}
    hook.stdin.write(json.dumps(told).encode())
    hook.stdin.close()
    time.sleep(after)  # the moment of the kill is the test's input, not a wait for something
    os.killpg(hook.pid, signal.SIGKILL)
    hook.wait()
    assert hook.stdout is not None
    assert hook.stderr is not None
    out = hook.stdout.read()
    hook.stdout.close()
    hook.stderr.close()
    return str(json.loads(out)["hookSpecificOutput"]["additionalContext"]) if out.endswith(b"}") else ""


@pytest.mark.promise("INBOX-002")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rounds", [pytest.param(25, id="short"), pytest.param(300, id="long", marks=pytest.mark.full)])
def test_no_kill_of_the_hook_hides_a_message(home: Path, rounds: int, record: Recording) -> None:
    shell = Shell(home)
    shell.join("bb")
    shell.connect("bb")
    shell.event("SessionStart", S1, source="startup")
    line = json.loads((home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]["UserPromptSubmit"][0]["hooks"][0][
        "command"
    ]
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    sent, shown = [], []
    for number in range(rounds):
        sent.append(shell.json("send", "bb", f"number {number}.")["id"])
        shown.append(killed(shell, line, chance.random() * 0.12))
    while (text := shell.event("UserPromptSubmit", S1)) is not None:
        shown.append(text)
    assert shell.json("inbox", "--as", "bb")["unread"] == 0
    for number, identifier in enumerate(sent):
        times = [text for text in shown if f"| number {number}.\n" in text]
        assert times, f"seed {seed}: {identifier} was marked and never shown"
        marked = [
            f"{identifier}] message" in text and "again (no." in text.split(identifier, 1)[1].split("\n", 1)[0] for text in times
        ]
        facts = [fact["kind"] for fact in shell.json("trace", identifier)["deliveries"][0]["facts"]]
        assert marked.count(True) == facts.count("surfaced") - 1, f"seed {seed}"
    record("kill -9 of the installed hook", trials=rounds, note=f"seed {seed}")


@pytest.mark.promise("INBOX-002", "INBOX-010")
@pytest.mark.parametrize("lost", ["/dev/full", "closed"])
def test_what_the_hook_could_not_write_comes_again(home: Path, lost: str) -> None:
    shell = Shell(home)
    shell.join("bb")
    shell.connect("bb")
    shell.event("SessionStart", S1, source="startup")
    shell.json("send", "bb", "hello")
    line = json.loads((home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]["UserPromptSubmit"][0]["hooks"][0][
        "command"
    ]
    told = {"session_id": S1, "hook_event_name": "UserPromptSubmit", "cwd": str(home), "transcript_path": ""}
    where = ">&-" if lost == "closed" else f"> {lost}"
    environment = {**shell.environment, "CLAUDE_CODE_SESSION_ID": S1}
    words = ["/bin/sh", "-c", f"{{ {line}; }} {where}"]
    subprocess.run(words, env=environment, input=json.dumps(told).encode(), capture_output=True, check=False)
    assert shell.json("inbox", "--as", "bb")["unread"] == 1
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "| hello" in shown
