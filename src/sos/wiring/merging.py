"""Puts what is ours into a runtime's own config, and takes it out again: comments, order and every other key stay.

Each change is made under the runtime's lock, as one step. What the file was before is kept below SOS_HOME, so that taking ours
out leaves it byte for byte as it was, unless somebody else has changed it since: then ours alone is taken out.
"""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from functools import partial

from sos import files
from sos.model.errors import RuntimeConfigError
from sos.model.record import Record
from sos.recovery import dialects, jsonedit, masking, tomledit
from sos.recovery.directorylock import DirectoryLock
from sos.recovery.jsontext import MAX_DEPTH
from sos.recovery.merging import dumps
from sos.wiring import foreignfiles, originals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sos.model.configs import Config, Merge, Put

PATIENCE = 10.0
"""Seconds that the runtime's lock is waited for."""
REMARK = "Written by sos connect; sos disconnect takes it out."


class Change(Record):
    """What would be written into one config: its bytes before (None where it is not there) and after."""

    config: Config
    before: bytes | None
    after: bytes

    @property
    def diff(self) -> str:
        """The lines that change, without secrets that stand near them."""
        before, after = ((data or b"").decode("utf-8", "replace") for data in (self.before, self.after))
        return masking.difference(before, after, self.config.dialect)


def plan(home: str, merge: Merge) -> Change:
    """What putting ours in would change; nothing is written. `home` is SOS_HOME.

    Raises RuntimeConfigError where the config does not parse, cannot be read or written, or has something else where ours would
    stand; NotFound for a link that leads nowhere.
    """
    config = merge.config
    before = foreignfiles.read(config.path)
    text, value = parsed(merge, before)
    rest = _others(home, merge, value)
    for put in merge.puts:
        text = _put(home, config, text, value, put)
        value = _made(config, text)
    if _others(home, merge, value) != rest:
        step = f"report it, with {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"ours cannot be put into {config.path} without a change to another key", next_step=step)
    if all(has(parsed(merge, before)[1], put) for put in merge.puts):
        return Change(config=config, before=before, after=before or b"")
    foreignfiles.check_writable(config.path)
    return Change(config=config, before=before, after=text.encode("utf-8", "surrogateescape"))


def apply(home: str, runtime: str, merge: Merge) -> bool:
    """Put ours in; whether anything had to be written. What others write meanwhile is read again, not written over.

    Raises as `plan`, and Conflict, StoreUnreachable, StorageFull.
    """
    config = merge.config
    with ExitStack() as held:
        lock = _locked(held, home, config)
        held.callback(foreignfiles.clear, home, config.path)
        for _ in range(foreignfiles.TRIES):
            change = plan(home, merge)
            if change.before == change.after:
                return False
            _remember(home, runtime, merge, change)
            if lock is not None:
                lock.still_ours()
            if foreignfiles.replace(home, config.path, change.before, change.after):
                return True
    raise foreignfiles.restless(config.path, f"sos connect {runtime}")


def undo(home: str, runtime: str, merge: Merge) -> bool:
    """Take ours out again; whether it was there. Raises as `apply`, and RuntimeConfigError where it does not parse any more."""
    config = merge.config
    with ExitStack() as held:
        lock = _locked(held, home, config) if os.path.exists(config.path) else None
        held.callback(foreignfiles.clear, home, config.path)
        for _ in range(foreignfiles.TRIES):
            now = foreignfiles.read(config.path)
            if now is None:
                originals.forget(home, runtime, config.path)
                return False
            after = _undone(home, runtime, merge, now)
            if lock is not None:
                lock.still_ours()
            if after == now or foreignfiles.replace(home, config.path, now, after):
                originals.forget(home, runtime, config.path)
                return after != now
    raise foreignfiles.restless(config.path, f"sos disconnect {runtime}")


def _undone(home: str, runtime: str, merge: Merge, now: bytes) -> bytes | None:
    """What is to stand there instead; None for no file."""
    marks, before = originals.kept(home, runtime, merge.config.path)
    if originals.mark(now) in marks:
        return before
    return _without(home, merge, now, before, created=bool(marks) and before is None)


def _remember(home: str, runtime: str, merge: Merge, change: Change) -> None:
    def bare(data: bytes, known: bytes | None) -> bytes | None:  # what is ours in it is not what was there before
        return _without(home, merge, data, known, created=False)

    originals.keep(home, runtime, change.config.path, change.before, change.after, bare)


def has(value: Any, put: Put) -> bool:
    """Whether ours stands in a value as it should; its user may say more of it."""
    found = jsonedit.value_at(value, put.steps)
    if put.element:
        return isinstance(found, list) and put.value in found
    if isinstance(found, dict) and isinstance(put.value, dict):
        return all(key in found and found[key] == wanted for key, wanted in put.value.items())
    return bool(found == put.value)


def _put(home: str, config: Config, text: str, value: Any, put: Put) -> str:
    if has(value, put):
        return text
    found = jsonedit.value_at(value, put.steps)
    if not put.element and jsonedit.stands(value, put.steps) and not is_ours(home, found):
        what = f"{config.path} has another {'.'.join(put.steps)}, which is not ours"
        step = f"look at it: {shlex.quote(config.path)}; rename it or take it out, then connect again"
        raise RuntimeConfigError(what, next_step=step)
    made = {**found, **put.value} if isinstance(found, dict) else put.value  # what its user, or the runtime, has added stays
    try:
        if config.dialect == "toml":
            return tomledit.put(tomledit.take(text, put.steps, REMARK), put.steps, made, REMARK)
        if put.element:
            text = jsonedit.take(text, put.steps, partial(is_ours, home), len(put.steps)) if isinstance(found, list) else text
            return jsonedit.append(text, put.steps, put.value)
        return jsonedit.put(text, put.steps, made)
    except ValueError as error:
        raise _no_room(config, str(error)) from error


def _no_room(config: Config, why: str) -> RuntimeConfigError:
    step = f"look at it: {shlex.quote(config.path)}; mend that by hand, then connect again"
    return RuntimeConfigError(f"{config.path}: {why}, so ours cannot stand there; nothing was written", next_step=step)


def _made(config: Config, text: str) -> Any:
    """The value of a text that we have changed: it parsed before. Raises RuntimeConfigError."""
    try:
        return _strict(config, text)
    except dialects.Unreadable as error:
        raise _no_room(config, f"with ours it would not parse ({error})") from error


def _without(home: str, merge: Merge, now: bytes, known: bytes | None, *, created: bool) -> bytes | None:
    """The config without what is ours; None where nothing else is in it and it was not there before.

    `known`: its bytes before ours came, where they are known: an empty object that stood there then, stays.
    """
    config = merge.config
    text, value = parsed(merge, now)
    rest = _others(home, merge, value)
    ours = [put for put in merge.puts if _stands(home, value, put)]
    if not ours:
        return now
    for put in ours:
        if config.dialect == "toml":
            text = tomledit.take(text, put.steps, REMARK)
        else:
            which = partial(is_ours, home) if put.element else None
            text = jsonedit.take(text, put.steps, which, _depth(merge, known, put))
    try:
        value = _strict(config, text)
    except dialects.Unreadable:
        value = None
    if value is None or _others(home, merge, value) != rest or any(_stands(home, value, put) for put in merge.puts):
        names = ", ".join(".".join(put.steps) for put in merge.puts)
        step = f"take {names} out of {shlex.quote(config.path)}, then: sos disconnect {config.runtime}"
        raise RuntimeConfigError(
            f"{config.path} has ours in another form than it was written; nothing was written", next_step=step
        )
    return None if created and rest in ({}, merge.base) else text.encode("utf-8", "surrogateescape")


def _depth(merge: Merge, known: bytes | None, put: Put) -> int:
    """How many levels of a place stood there before ours came."""
    if known is None:
        return 0
    try:
        value = parsed(merge, known)[1]
    except RuntimeConfigError:
        return 0  # a copy that is damaged says nothing
    levels = range(len(put.steps), 0, -1)
    return next((level for level in levels if jsonedit.stands(value, put.steps[:level])), 0)


def _stands(home: str, value: Any, put: Put) -> bool:
    """Whether anything of ours stands at a place, in whatever form."""
    found = jsonedit.value_at(value, put.steps)
    return any(is_ours(home, each) for each in found) if put.element and isinstance(found, list) else is_ours(home, found)


def _others(home: str, merge: Merge, value: Any) -> Any:
    """The value without what is ours, and without objects and lists on the way to it that hold nothing else."""
    for put in merge.puts:
        value = _pruned(value, put.steps, partial(_left, home, put))
    return value


def _left(home: str, put: Put, value: Any) -> Any:
    if put.element and isinstance(value, list):
        return [each for each in value if not is_ours(home, each)]
    return {} if is_ours(home, value) else value


def _pruned(value: Any, steps: tuple[str, ...], left: Callable[[Any], Any]) -> Any:
    if not isinstance(value, dict) or steps[0] not in value:
        return value
    known = value[steps[0]]
    inner = left(known) if len(steps) == 1 else _pruned(known, steps[1:], left)
    if isinstance(inner, dict | list) and not inner:
        return {key: each for key, each in value.items() if key != steps[0]}
    return {**value, steps[0]: inner}


def is_ours(home: str, value: Any) -> bool:
    """Whether a value starts one of our launchers."""
    launcher = f"{os.path.join(home, 'bin')}/sos-"
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str) and launcher in each:
            return True
        left += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
    return False


def parsed(merge: Merge, data: bytes | None) -> tuple[str, Any]:
    """Its text and value; of one that is not there or says nothing, those of a new one. Raises RuntimeConfigError."""
    config = merge.config
    if data is None or not data.strip():
        return ("", {}) if config.dialect == "toml" else (f"{dumps(merge.base, jsonedit.STEP)}\n", merge.base)
    text = data.decode("utf-8", "surrogateescape")
    try:
        value = _strict(config, text)
    except dialects.Unreadable as error:
        step = f"sos repair {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"{config.path} does not parse ({error}); nothing was written", next_step=step) from error
    if not isinstance(value, dict):
        step = f"look at it: {shlex.quote(config.path)}; it has to be an object"
        raise RuntimeConfigError(f"{config.path} is no object; nothing was written", next_step=step)
    return text, value


def _strict(config: Config, text: str) -> Any:
    """The value. Raises Unreadable, also where it is nested deeper than any config is: what walks it would end there."""
    value = dialects.strict(text.encode("utf-8", "surrogateescape"), config.dialect, bom=config.bom)
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise dialects.Unreadable("it is nested too deeply")
        inner = [each for each in level if isinstance(each, dict | list)]
        level = [below for each in inner for below in (each.values() if isinstance(each, dict) else each)]
    return value


def _locked(held: ExitStack, home: str, config: Config) -> DirectoryLock | None:
    run = files.private_directory(os.path.join(home, "run"))
    held.enter_context(files.Lock(os.path.join(run, "repair.lock"), PATIENCE))
    if config.lock is None:
        return None
    return held.enter_context(DirectoryLock(config.lock, PATIENCE, lambda _said: None))
