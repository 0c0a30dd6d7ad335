"""An agent of the SDK as a process, answering each message once a gate is open: `python -m tests.faults.consumer FOLDER NAME`.

In FOLDER the test says what time it is (`clock`: milliseconds off the machine's) and whether handlers may end (`gate`), and NAME
writes what happens: `begun TEXT`, `refused CODE` for an end that was not taken, `told CODE` for what `on_error` was told. FOLDER
must lie where nothing is broken.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from sos.model.errors import SosError
from sos.model.messages import Receipt
from sos.model.times import Millis
from sos.model.work import Sending
from sos.sdk import Agent, Message, loop
from sos.wiring import local

GATE_SECONDS = 60


class Folder:
    """What a test and its consumers tell each other."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *words: str) -> None:
        os.write(self._log, (" ".join(words) + "\n").encode())

    def now(self) -> Millis:
        try:
            off = int((self.folder / "clock").read_text() or 0)
        except FileNotFoundError:
            off = 0
        return Millis(time.time_ns() // 1_000_000 + off)

    def wait_for_gate(self) -> None:
        ends = time.monotonic() + GATE_SECONDS
        while not (self.folder / "gate").exists():
            if time.monotonic() > ends:
                raise TimeoutError("the gate stayed shut")
            time.sleep(0.01)


def main(folder: Folder) -> None:
    """Until a signal."""
    pytest.MonkeyPatch().setattr(local.SystemClock, "now", lambda _: folder.now())
    loop.FIRST_REST, loop.FIRST_AWAY, loop.LONGEST_AWAY = 0.0, 0.01, 0.1
    agent = Agent(name="bb", concurrency=4)

    def on_error(error: Exception, message: Message | None) -> None:
        folder.say("told", error.code if isinstance(error, SosError) else repr(error))

    conclude = agent._connection.conclude

    def noted(number: int, fence: int, sends: Sequence[Sending]) -> list[Receipt]:
        try:
            return conclude(number, fence, sends)
        except SosError as error:
            folder.say("refused", error.code)
            raise

    agent.on_error = on_error  # type: ignore[method-assign]
    agent._connection.conclude = noted  # type: ignore[method-assign]

    @agent.on_message
    def handle(message: Message) -> None:
        folder.say("begun", message.text)
        folder.wait_for_gate()
        agent.reply(message, f"re: {message.text}")

    agent.start()


if __name__ == "__main__":
    main(Folder(Path(sys.argv[1]), sys.argv[2]))
