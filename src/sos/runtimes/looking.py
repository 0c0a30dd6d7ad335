"""What the files of ours say that any runtime needs: whether they are as they were written, and start what is there."""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.findings import Finding
from sos.runtimes import launchers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_MOST = 16 << 20
BY_CONNECTING = frozenset(("hook_gone", "hook_changed", "launcher_gone", "python_gone", "skill_changed"))
"""Codes of what connecting again mends."""


def deaf(title: str) -> str:
    """Why it matters that a runtime runs no hook."""
    return f"No hook runs, so no message is shown, and nothing in {title} says so."


def again(runtime: str) -> str:
    """The command that connects again."""
    return f"sos connect {runtime} --as AGENT   (in the agent's directory; writes it anew)"


def gone(path: str, runtime: str, title: str) -> Finding:
    """What holds our hooks is not there."""
    return Finding(
        code="hook_gone",
        severity="critical",
        what=f"{path} is not there: {title} has no hook of ours",
        why=deaf(title),
        next_step=again(runtime),
    )


def directory(target: str, contents: Mapping[str, str], vital: tuple[str, ...], runtime: str, title: str) -> Iterator[Finding]:
    """Whether each file of a directory of ours is as it was written. `vital`: beginnings of those without which nothing runs."""
    for name, wanted in contents.items():
        path = os.path.join(target, name)
        data = content(path)
        if data == wanted.encode():
            continue
        matters = name.startswith(vital)
        yield Finding(
            code="hook_changed" if matters else "skill_changed",
            severity="critical" if matters else "warning",
            what=f"{path} {'is gone' if data is None else 'is not what sos connect wrote'}",
            why=deaf(title) if matters else "The session has not all of what SOS brings: its skill, its tools or its monitor.",
            next_step=again(runtime),
        )


def launcher(home: str, runtime: str, title: str) -> Iterator[Finding]:
    """Whether the program that every hook starts is there, and what it starts in turn."""
    path = launchers.path_of(home, "sos-hook")
    data = content(path)
    if data is None:
        yield Finding(
            code="launcher_gone",
            severity="critical",
            what=f"{path} is not there, and the hooks start it",
            why=deaf(title),
            next_step=again(runtime),
        )
        return
    named = dict(line.split("=", 1) for line in data.decode("utf-8", "replace").split("\n") if "=" in line)
    python, program = (named.get(name, "").strip('"') for name in ("p", "f"))
    for place, mode in ((python, os.X_OK), (program, os.R_OK)):
        if not os.access(place, mode):
            yield Finding(
                code="python_gone",
                severity="critical",
                what=f"the hooks start {place or 'nothing'}, which is gone",
                why="Each hook says so in the agent's context, and shows no message.",
                next_step=again(runtime),
            )
            return


def content(path: str) -> bytes | None:
    """A file's bytes; None where it cannot be read."""
    try:
        return files.peek(path, _MOST)
    except OSError:
        return None


def settings(path: str) -> dict[str, Any]:
    """The object in a settings file; one that cannot be read has no keys for its runtime either, and is another finding."""
    try:
        made = wire.loads(content(path) or b"{}")
    except UnreadableJson:
        return {}
    return made if isinstance(made, dict) else {}
