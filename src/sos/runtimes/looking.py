"""What the files of ours say that any runtime needs: whether they are as they were written, and start what is there."""

from __future__ import annotations

import os
import re

from sos import files
from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.findings import Finding
from sos.model.shell import shell_word
from sos.runtimes import launchers, owned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sos.model.configs import Config, Own, Put
    from sos.model.findings import Severity

_MOST = 16 << 20
_COMMENT = re.compile(rb'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
LESS = "The session has not all of what SOS brings: its skill, its tools or its monitor."
BY_CONNECTING = frozenset(("hook_gone", "hook_changed", "launcher_gone", "launcher_changed", "python_gone", "skill_changed"))
"""Codes of what connecting again mends."""


def deaf(title: str) -> str:
    """Why it matters that a runtime runs no hook."""
    return f"No hook runs, so no message is shown, and nothing in {title} says so."


def again(runtime: str) -> str:
    """The command that connects again."""
    return f"sos connect {runtime} --as AGENT   (in the agent's directory; writes it anew)"


def lacking(own: Own, runtime: str, title: str) -> Finding:
    """Why something of ours is not there: its place is closed, somebody else's, it has lost its mark, or it is gone."""
    why = deaf(title) if own.vital else LESS
    severity: Severity = "critical" if own.vital else "warning"
    closed = _closed_above(own.path)
    if closed:
        what = f"{closed} may not be looked into, and {own.path} is to stand in it"
        return Finding(code="hook_closed", severity=severity, what=what, why=why, next_step=f"chmod u+rwx {shell_word(closed)}")
    if not os.path.lexists(own.path):
        return gone(own, runtime, title)
    if owned.is_whole(own):
        what = f"{own.path} is as we wrote it, but for its mark {owned.MARK}"
        code = "hook_changed" if own.vital else "skill_changed"
        return Finding(code=code, severity=severity, what=what, why=why, next_step=again(runtime))
    if owned.is_ours(own):
        return gone(own, runtime, title)
    what = f"{own.path} is there, and does not say that it is ours"
    step = f"look at it, then: mv {own.path} {own.path}.aside && {again(runtime)}"
    return Finding(code="hook_foreign", severity=severity, what=what, why=why, next_step=step)


def _closed_above(path: str) -> str:
    """The directory above a path that may not be looked into; empty where there is none."""
    above = os.path.dirname(path)
    while not os.path.lexists(above) and os.path.dirname(above) != above:
        above = os.path.dirname(above)
    return "" if os.access(above, os.X_OK) else above


def gone(own: Own, runtime: str, title: str) -> Finding:
    """Something of ours is not there."""
    return Finding(
        code="hook_gone" if own.vital else "skill_changed",
        severity="critical" if own.vital else "warning",
        what=f"{own.path} is not there" + (f": {title} has no hook of ours" if own.vital else ""),
        why=deaf(title) if own.vital else LESS,
        next_step=again(runtime),
    )


def taken_out(path: str, put: Put, runtime: str, title: str, *, changed: bool) -> Finding:
    """Something of ours does not stand in a file of the runtime's, or (`changed`) not as it was put there."""
    place = ".".join(put.steps)
    return Finding(
        code=("hook_changed" if changed else "hook_gone") if put.element else "skill_changed",
        severity="critical" if put.element else "warning",
        what=f"{path} has ours changed at {place}" if changed else f"{path} has not what sos connect put there, below {place}",
        why=deaf(title) if put.element else LESS,
        next_step=again(runtime),
    )


def no_object(config: Config, place: str, title: str) -> Finding:
    """Where ours would stand in a file of the runtime's is something that can hold nothing."""
    closed = config.broken == "closed"
    return Finding(
        code=f"config_{config.broken}",
        severity="critical",
        what=f"{config.path} has something else than an object at {place}",
        why=f"{title} does not open." if closed else f"{title} ignores it, and ours cannot stand there.",
        next_step=f"look at it, and mend or take out {place}: {config.path}",
    )


def contents(own: Own, runtime: str, title: str) -> Iterator[Finding]:
    """Whether each file of ours is as it was written. The guide names where each agent's facts are: it may be any."""
    for name, wanted in own.contents.items():
        path = os.path.join(own.path, name) if name else own.path
        data = content(path)
        if data == wanted.encode() or (data and not wanted):
            continue
        matters = bool(own.vital) and (not name or name.startswith(own.vital))
        yield Finding(
            code="hook_changed" if matters else "skill_changed",
            severity="critical" if matters else "warning",
            what=f"{path} {'is gone' if data is None else 'is not what sos connect wrote'}",
            why=deaf(title) if matters else LESS,
            next_step=again(runtime),
        )


def disabled(path: str, key: str, title: str) -> Finding:
    """A key in a settings file switches all hooks off."""
    return Finding(
        code="hooks_disabled",
        severity="critical",
        what=f"{path} says {key}",
        why=deaf(title),
        next_step=f'take "{key}" out of {path}, then start a new session',
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
    if not python or not program:
        yield Finding(
            code="launcher_changed",
            severity="critical",
            what=f"{path} is not what sos connect wrote, and the hooks start it",
            why=deaf(title),
            next_step=again(runtime),
        )
        return
    for place, mode in ((python, os.X_OK), (program, os.R_OK)):
        if not os.access(place, mode):
            yield Finding(
                code="python_gone",
                severity="critical",
                what=f"the hooks start {place}, which is gone",
                why="Each hook says so in the agent's context, and shows no message.",
                next_step=again(runtime),
            )
            return
    yield from _runnable(home, runtime, title)


def _runnable(home: str, runtime: str, title: str) -> Iterator[Finding]:
    """Whether the launchers that are there may be run: a shell that may not only says so where nobody looks."""
    for name in launchers.NAMES:
        path, vital = launchers.path_of(home, name), name == "sos-hook"
        if os.path.exists(path) and not os.access(path, os.X_OK):
            yield Finding(
                code="launcher_changed",
                severity="critical" if vital else "warning",
                what=f"{path} may not be run" + (", and the hooks start it" if vital else ""),
                why=deaf(title) if vital else LESS,
                next_step=again(runtime),
            )


def content(path: str) -> bytes | None:
    """A file's bytes; None where it cannot be read."""
    try:
        return files.peek(path, _MOST)
    except OSError:
        return None


def settings(path: str, *, comments: bool = False) -> dict[str, Any]:
    """The object in a settings file; one that cannot be read has no keys for its runtime either, and is another finding."""
    data = content(path) or b"{}"
    if comments:
        data = _COMMENT.sub(lambda found: found[1] or b"", data)
    try:
        made = wire.loads(data)
    except UnreadableJson:
        return {}
    return made if isinstance(made, dict) else {}


def toml(path: str) -> dict[str, Any] | None:
    """The same of a file in TOML; None where it does not parse."""
    import tomllib

    try:
        return tomllib.loads((content(path) or b"").decode("utf-8-sig"))
    except ValueError:
        return None


def listed(value: object, *steps: str) -> list[dict[str, Any]]:
    """The objects in the list at a place; none where there is no list."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
