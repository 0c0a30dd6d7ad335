"""Processes that can be killed at any moment, and what they had said by then.

A child is forked, not started: a trial costs a millisecond instead of a Python start. The parent therefore holds no store open
while it forks: SQLite forbids to carry a connection, and what it knows of its locks, over a fork.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

from sos.model import wire

PATIENCE = 60.0
"""Seconds after which a child that says nothing is a finding of its own."""

Say = Callable[..., None]


class Silent(Exception):
    """A child said nothing for too long."""


class Child:
    """A forked process that runs `act(say, *arguments)`. `say(kind, **facts)` is one write, whole or not at all."""

    def __init__(self, act: Callable[..., None], *arguments: Any) -> None:
        self._descriptor, writer = os.pipe()
        self._pending = b""
        self.said: list[dict[str, Any]] = []
        self._over = False
        self.number = os.fork()
        if self.number == 0:
            self._live(act, arguments, writer)
        os.close(writer)

    def _live(self, act: Callable[..., None], arguments: tuple[Any, ...], writer: int) -> None:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
            # The other children's pipes, or nobody would notice that the parent is gone and these are read no more.
            os.closerange(3, writer)
            os.closerange(writer + 1, 1024)

            def say(kind: str, **facts: Any) -> None:
                os.write(writer, wire.dumps({"kind": kind, **facts}).encode() + b"\n")  # below PIPE_BUF

            try:
                act(say, *arguments)
                code = 0
            except Exception as error:  # noqa: BLE001  # process entry: whatever it is, the parent must hear of it
                say("failed", error=f"{type(error).__name__}: {error}"[:2000])
        finally:
            os._exit(code)

    def hear(self, kind: str) -> dict[str, Any]:
        """Wait until the child says `kind`. Raises Silent."""
        ends = time.monotonic() + PATIENCE
        while True:
            for said in self.said:
                if said["kind"] in {kind, "failed"}:
                    return said
            if self._over or not select.select([self._descriptor], [], [], max(ends - time.monotonic(), 0))[0]:
                raise Silent(f"a process of this trial never said {kind!r}; it said {self.said[-3:]}")
            self._take()

    def _take(self) -> None:
        data = os.read(self._descriptor, 1 << 16)
        self._over = not data
        *lines, self._pending = (self._pending + data).split(b"\n")
        self.said += [wire.loads(line) for line in lines]

    def stands(self) -> None:
        """Wait until it was stopped."""
        os.waitpid(self.number, os.WUNTRACED)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.number, signal.SIGCONT)

    def end(self, *, kill: bool = False) -> list[dict[str, Any]]:
        """Kill it, or wait for its end; all that it said."""
        if kill:
            os.kill(self.number, signal.SIGKILL)
        while not self._over:
            self._take()
        os.close(self._descriptor)
        os.waitpid(self.number, 0)
        return self.said
