"""A terminal whose screen passes over the private control sequences that pyte does not know."""

from __future__ import annotations

from typing import Any

import pyte

from .terminal import COLUMNS, ROWS, Terminal, _Screen


class _TolerantScreen(_Screen):
    # pyte 0.8 hands "private" to every method, and these do not take it: Copilot CLI asks "CSI ? 996 n" (dark or light?).
    def report_device_status(self, mode: int, **_private: Any) -> None:
        super().report_device_status(mode)

    def restore_cursor(self, *_parameters: Any, **_private: Any) -> None:
        if not _private and not _parameters:
            super().restore_cursor()


class TolerantTerminal(Terminal):
    """As Terminal, for the programs that draw with newer sequences."""

    def _read(self) -> None:
        # The reading thread alone feeds the screen, so it is replaced before the first byte.
        self._screen = _TolerantScreen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        super()._read()
