"""Asks Codex itself about its hooks, over the JSON-RPC of `codex app-server` on standard input and output (seen with 0.169.0)."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress

from sos.model import wire
from sos.model.errors import RuntimeConfigError, UnreadableJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


def hooks(program: str, projects: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Every hook that it knows in these directories, each with `command`, `eventName`, `enabled` and `trustStatus`.

    `trustStatus` is untrusted, modified or trusted. Raises RuntimeConfigError where no answer comes within so many seconds.
    """
    asked: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"clientInfo": {"name": "sos", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "initialized"},
        {"jsonrpc": "2.0", "id": 1, "method": "hooks/list", "params": {"cwds": list(projects)}},
    ]
    lines = "".join(f"{wire.dumps(each)}\n" for each in asked).encode()
    try:
        answer = _answer([program, "app-server"], lines, seconds)
    except OSError as error:
        raise RuntimeConfigError(f"{program} app-server does not start: {error}", next_step="codex --version") from error
    try:
        return [dict(hook) for each in answer["result"]["data"] for hook in each["hooks"]]
    except (KeyError, TypeError, ValueError) as error:
        said = ascii(answer.get("error", "no answer in time"))[:200]
        raise RuntimeConfigError(f"{program} app-server does not list its hooks: {said}", next_step="codex --version") from error


def _answer(command: list[str], lines: bytes, seconds: float) -> dict[str, Any]:
    """Its answer with the id 1; none where it ends, or is ended, before. At the end of its input it answers no more."""
    pipe = subprocess.PIPE
    with (
        suppress(BrokenPipeError),  # it has ended without having read
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        late = threading.Timer(seconds, _end, [server.pid])
        late.start()
        try:
            server.stdin.write(lines)
            server.stdin.flush()
            return _first(server.stdout)
        finally:
            late.cancel()
            _end(server.pid)
    return {}


def _first(said: Iterable[bytes]) -> dict[str, Any]:
    for line in said:
        try:
            made = wire.loads(line)
        except UnreadableJson:
            continue  # a remark
        if isinstance(made, dict) and made.get("id") == 1:
            return made
    return {}


def _end(process: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
