"""Agents in different runtimes work with each other: five pass a message round, and two wake one another with nobody between."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sos.runtimes.speech import speech_of

from .claude_code import Interactive
from .codex_cli import CodexTerminal
from .five import KINDS, Seat, seated
from .model_endpoint import Json, ModelEndpoint, ToolUse, sees, texts, tool_results
from .waiting import wait_until

ROUND = re.compile(r"round so far:((?: [a-z]+)+)")
QUESTION = "is the walrus well?"
READ = re.compile(r"sos read ([0-9a-f-]{36})")


@pytest.fixture
def seats(endpoint: ModelEndpoint, tmp_path: Path) -> Iterator[list[Seat]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(seated(name, tmp_path, endpoint.url)) for name in KINDS]


def passing_on(seat: Seat, to: Seat) -> Callable[[Json], ToolUse | str]:
    """A model that reads what came, adds its runtime's name, and sends it on once; what it knows stands in its own requests."""
    called: list[ToolUse] = []

    def answer(body: Json) -> ToolUse | str:
        if [call for call in called if call.name.endswith("send")]:
            return "sent"
        seen = "\n".join(texts(body))
        found = ROUND.findall(seen)
        if found:
            called.append(seat.call(body, "send", to=to.agent, text=f"round so far:{max(found, key=len)} {seat.kind.name}"))
        else:
            called.append(seat.call(body, "read", ids=[READ.findall(seen)[-1]]))
        return called[-1]

    return answer


def asking(seat: Seat, to: Seat) -> Callable[[Json], ToolUse | str]:
    """A model that sends a request when its user says so."""
    called: list[ToolUse] = []

    def answer(body: Json) -> ToolUse | str:
        if [call for call in called if call.name.endswith("send")] or not any("ask the other" in text for text in texts(body)):
            return "done"
        called.append(seat.call(body, "send", to=to.agent, text=QUESTION, request=True))
        return called[-1]

    return answer


def replying(seat: Seat) -> Callable[[Json], ToolUse | str]:
    """A model that reads what is announced to it, then answers it."""
    left = ["read", "reply"]

    def answer(body: Json) -> ToolUse | str:
        announced = READ.findall("\n".join(texts(body)))
        if not announced or not left:
            return "done"
        if left.pop(0) == "read":
            return seat.call(body, "read", ids=[announced[-1]])
        assert any(QUESTION in text for text in tool_results(body))
        return seat.call(body, "reply", id=announced[-1], text="the walrus is well")

    return answer


def facts(sender: Seat, text: str) -> list[str]:
    """The facts of what an agent sent, by its text."""
    machine = sender.machine
    (story,) = (each for each in machine.sos("sent", "--as", sender.agent)["sent"] if each["text"] == text)
    deliveries = machine.sos("trace", "--as", sender.agent, story["id"])["deliveries"]
    return [fact["kind"] for delivery in deliveries for fact in delivery["facts"]]


@pytest.mark.full
@pytest.mark.promise("CONNECT-002", "CONNECT-003", "CONNECT-004", "CONNECT-005")
def test_five_agents_in_five_runtimes_pass_a_message_round(seats: list[Seat], endpoint: ModelEndpoint) -> None:
    names = [seat.kind.name for seat in seats]
    prompt = "round so far: nobody"
    for place, seat in enumerate(seats):
        endpoint.answer = passing_on(seat, seats[(place + 1) % len(seats)])
        seat.prompt(prompt)
        prompt = "go on"
    before = len(endpoint.requests)
    endpoint.answer = lambda _body: "home again"
    seats[0].prompt("what came?")
    home = endpoint.wait_for(sees(f"| round so far: nobody {' '.join(names)}"), after=before)
    assert "messages" in home.body
    copilot = seats[names.index("copilot")].machine.runtime
    copilot.run("and now?", resume=copilot.newest_session())  # it writes its transcript late: the next turn sees the proof
    for place, seat in enumerate(seats):
        arrived = facts(seat, f"round so far: nobody {' '.join(names[: place + 1])}")
        reader = seats[(place + 1) % len(seats)].kind.name
        assert "surfaced" in arrived, reader
        assert ("in context" in arrived) == (speech_of(reader).LINES is not None), reader


@pytest.mark.promise("WAKE-002", "WAKE-005")
def test_two_idle_terminals_wake_one_another_with_nobody_between(endpoint: ModelEndpoint, tmp_path: Path) -> None:
    with seated("claude", tmp_path, endpoint.url) as claude, seated("codex", tmp_path, endpoint.url) as codex:
        answers = {
            "messages": asking(claude, codex),
            "input": replying(codex),
        }

        def answer(body: Json) -> ToolUse | str:
            return next(play(body) for key, play in answers.items() if key in body)

        endpoint.answer = answer
        one: Interactive = claude.machine.runtime.interactive(extra_args=claude.kind.allowing)
        other: CodexTerminal = codex.machine.runtime.interactive()
        other.submit("hello")
        other.wait_turns(1)
        wait_until(lambda: codex.machine.presence(codex.agent) == "idle", 20, "Codex is idle")
        codex.machine.sos("watch", "add", codex.agent, "--notice", "codex", "--", str(codex.machine.runtime.binary.program))
        with codex.machine.running("watch", "run"):
            one.submit("ask the other")
            request = endpoint.wait_for(sees("| the walrus is well"), timeout=90)
        assert "messages" in request.body
        woken = [text for text in texts(request) if "task-notification" in text]
        assert woken
        assert not any("walrus" in text for text in woken)
        wait_until(lambda: "replied" in facts(claude, QUESTION), 20, "the request is answered")
