"""The programs that a runtime starts: `sos-hook` at its events, `sos-wait` beside a session, `sos-mcp` for its model.

Each is a few lines of `sh` in `$SOS_HOME/bin` that name home and interpreter absolutely: a runtime's PATH is not a terminal's.
"""

from __future__ import annotations

import os
import sys

from sos import files
from sos.model.errors import EphemeralInterpreter, RuntimeConfigError

_EPHEMERAL = ("/uv/archive-v", "/.cache/uv/", "/pipx/.cache/", "pip-build-env-", "/builds-v0/")

NAMES = ("sos-hook", "sos-wait", "sos-mcp")

_HOOK = """#!/bin/sh
# Written by `sos connect`. Never blocks a prompt: whatever goes wrong, it says so in the runtime's own JSON and ends with 0.
p={python}
f={boot}
export SOS_HOME={home}
[ -x "$p" ] && [ -r "$f" ] && "$p" -I -S "$f" "$@" && exit 0
text="[sos] SOS cannot start (the Python that it was connected with is gone or broken): messages are not being shown. Ask your \
user to run: sos connect $1 (sos is gone too? install it again, or see: python3 '$SOS_HOME/bin/sos.pyz' doctor)"
case "$1 $2" in
  "copilot "*) printf '%s' '{{"additionalContext": "'"$text"'"}}' ;;
  "cursor sessionStart" | "cursor postToolUse") printf '%s' '{{"additional_context": "'"$text"'"}}' ;;
  "opencode "*) printf '%s' '{{"text": "'"$text"'"}}' ;;
  "claude "* | *" SessionStart" | *" UserPromptSubmit" | *" BeforeAgent")
    printf '%s' '{{"hookSpecificOutput": {{"hookEventName": "'"$2"'", "additionalContext": "'"$text"'"}}}}' ;;
esac
exit 0
"""
_WAIT = """#!/bin/sh
# Written by `sos connect`: prints a line without any peer text when mail comes, for Claude Code's plugin monitor.
export SOS_HOME={home}
exec {python} -I -m sos wait --line
"""
_MCP = """#!/bin/sh
# Written by `sos connect`: the agent's tools over MCP. In a session that is nobody's it offers none.
export SOS_HOME={home}
exec {python} -I -m sos mcp
"""


def path_of(home: str, name: str) -> str:
    """Where a launcher stands. `home` is SOS_HOME, absolute."""
    return os.path.join(home, "bin", name)


def check(home: str, python: str = sys.executable) -> None:
    """Raises EphemeralInterpreter, RuntimeConfigError where no launcher could start this program again."""
    if is_ephemeral(python):
        raise EphemeralInterpreter(f"{python} is a temporary environment")
    if files.in_archive():
        raise EphemeralInterpreter("this is the program in one file, which no hook can start")
    elsewhere = "export SOS_HOME=/a/path/without/them, then: sos join --name NAME   (who has joined here stays behind)"
    for path, step in ((home, elsewhere), (python, "install sos-lifeline at another path")):
        wrong = [each for each in dict.fromkeys(path) if not each.isprintable() or each in "\"'$`\\"]
        if wrong:
            named = " ".join(each if each.isprintable() else ascii(each)[1:-1] for each in wrong)
            raise RuntimeConfigError(f"{path} has characters that a shell line cannot carry: {named}", next_step=step)


def is_ephemeral(python: str) -> bool:
    """Whether this interpreter belongs to an environment that will be gone."""
    return any(part in python for part in _EPHEMERAL)


def _may_stay(path: str) -> bool:
    """Whether a file is there whose mode lets its user run it, and nobody else read it."""
    return os.access(path, os.X_OK) and not os.stat(path).st_mode & 0o077


def write(home: str, python: str = sys.executable) -> list[str]:
    """Write the launchers if they are not as they should be; the paths written. Raises StorageFull."""
    boot = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "hook", "boot.py")
    files.private_directory(os.path.join(home, "bin"))
    written = []
    for name, text in zip(NAMES, (_HOOK, _WAIT, _MCP), strict=True):
        path = path_of(home, name)
        made = text.format(python=f'"{python}"', boot=f'"{boot}"', home=f'"{home}"').encode()
        if not _may_stay(path) or files.read(path) != made:
            files.write(path, made, mode=0o700)
            written.append(path)
    return written
