"""Consumers of one inbox as processes, their mail, and what became of it: each message must have had its one effect."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sos.model.names import Slug
from sos.ports import Store
from sos.stores.sqlite.store import SqliteStore
from tests.faults.consumer import Folder
from tests.parcels import parcel
from tests.shell import Shell

SENDERS = ("aa", "cc", "dd")
BB = Slug("bb")
MANY = 24
SECONDS = 40
REPOSITORY = Path(__file__).parent.parent.parent


class Consumers:
    """Processes of `bb` and the mail of three senders, over an embedded store; `folder` is where they talk with the test."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder
        self.clock = Folder(folder, "test")
        self.texts: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def join(self) -> None:
        for name in (BB, *SENDERS):
            self.shell.join(name)

    def store(self) -> Store:
        return SqliteStore(str(self.shell.root / "sos.db"), str(self.shell.root / "run"))

    def start(self, name: str) -> None:
        words = [sys.executable, "-m", "tests.faults.consumer", str(self.folder), name]
        environment = {**self.shell.environment, "PYTHONPATH": str(REPOSITORY)}
        self._processes.append(subprocess.Popen(words, env=environment, cwd=self.shell.home))

    def post(self, count: int) -> None:
        """Messages of all senders in turn, by the clock that the consumers go by."""
        made = [str(len(self.texts) + number) for number in range(count)]
        store = self.store()
        store.mail.post([
            parcel(BB, text).replace(sender=SENDERS[int(text) % len(SENDERS)], sent_at=self.clock.now()) for text in made
        ])  # fmt: skip
        store.close()
        self.texts += made

    def step_clock(self, milliseconds: int) -> None:
        (self.folder / "next").write_text(str(milliseconds))
        os.replace(self.folder / "next", self.folder / "clock")

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def lines(self, name: str = "*") -> list[str]:
        return [line for log in self.folder.glob(f"{name}.log") for line in log.read_text().splitlines()]

    def count(self, *words: str, name: str = "*") -> int:
        return sum(line.split()[: len(words)] == list(words) for line in self.lines(name))

    def until(self, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < ends, self.lines()
            assert all(process.poll() is None for process in self._processes), self.lines()
            time.sleep(0.02)

    def effects(self, store: Store) -> Counter[str]:
        """How often each message was answered."""
        replies = [entry.message for sender in SENDERS for entry in store.mail.entries(Slug(sender), "recent", 1000)]
        return Counter(message.text.removeprefix("re: ") for message in replies if message.kind == "reply")

    def found(self) -> dict[str, Any]:
        """Wait until everything is answered; what is lost or doubled, how much died, and what the operator was told."""
        store = self.store()
        try:
            self.until(lambda: set(self.effects(store)) >= set(self.texts) and not store.mail.count(BB, "unread"))
            return {
                "effects": dict(self.effects(store) - Counter(self.texts)),
                "dead": len(store.mail.entries(BB, "dead", 100)),
                "told": dict(Counter(line.removeprefix("told ") for line in self.lines() if line.startswith("told"))),
            }
        finally:
            store.close()

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)
