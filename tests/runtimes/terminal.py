"""A terminal program under test: a pseudo-terminal whose output a thread paints on a screen in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pyte

ROWS, COLUMNS = 50, 160
KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "ctrl-c": "\x03",
    "ctrl-d": "\x04",
    "ctrl-u": "\x15",
}


class _Screen(pyte.Screen):
    def select_graphic_rendition(self, *attributes: int, **_private: Any) -> None:
        # pyte 0.8 raises TypeError on xterm's "CSI > 4 ; 2 m" (modifyOtherKeys), which Claude Code sends.
        if not _private:
            super().select_graphic_rendition(*attributes)


class Terminal:
    """Runs a program in a terminal of 50 rows by 160 columns; everything it draws is read at once."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._screen = _Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._painted = threading.Condition()
        self._ended = False
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0], list(command[1:]), cwd=str(folder), env=dict(environment), dimensions=(ROWS, COLUMNS)
        )
        self._child.delaybeforesend = None
        self._reader = threading.Thread(target=self._read, name="terminal-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        assert self._child.pid is not None
        return self._child.pid

    def type(self, text: str) -> None:
        """Send characters as a keyboard would, without Enter."""
        self._child.send(text)

    def press(self, key: str) -> None:
        """Press one key of KEYS."""
        self._child.send(KEYS[key])

    def screen(self) -> str:
        """What stands on the screen now, one line per row, without trailing blanks."""
        with self._painted:
            return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def wait_screen(self, substring: str, timeout: float = 30.0) -> str:
        """The screen once it holds `substring`; TimeoutError with the screen otherwise."""
        return self.wait_screen_for(lambda screen: substring in screen, f"{substring!r} on the screen", timeout)

    def wait_screen_for(self, predicate: Callable[[str], bool], what: str, timeout: float = 30.0) -> str:
        """The screen once the predicate holds for it; ends early when the program has ended."""
        with self._painted:
            self._painted.wait_for(lambda: self._ended or predicate(self.screen()), timeout)
            screen = self.screen()
        if not predicate(screen):
            raise TimeoutError(f"{what}: not within {timeout} s (ended: {self._ended})\n{screen}")
        return screen

    def wait_end(self, timeout: float = 10.0) -> None:
        """Return when the program has closed its terminal."""
        self._reader.join(timeout)
        if self._reader.is_alive():
            raise TimeoutError(f"still running after {timeout} s\n{self.screen()}")

    def kill(self) -> None:
        """End the program, the hard way if needed, and wait for it."""
        self._child.close(force=True)
        self._reader.join(5)

    def _read(self) -> None:
        while True:
            try:
                data = self._child.read_nonblocking(65536, timeout=None)
            except (pexpect.EOF, OSError, ValueError):  # ValueError: the file was closed by kill()
                break
            with self._painted:
                self._stream.feed(data)
                self._painted.notify_all()
        with self._painted:
            self._ended = True
            self._painted.notify_all()
