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
from sos.model import wire
from sos.model.digests import sha256
from sos.model.errors import Conflict, NotFound, RuntimeConfigError, SosError
from sos.model.record import Record
from sos.recovery import dialects, jsonedit, masking, tomltext
from sos.recovery.directorylock import DirectoryLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sos.model.configs import Config, Merge, Put

LARGEST = 16 << 20
"""Bytes of a config that is changed."""
PATIENCE = 10.0
"""Seconds that the runtime's lock is waited for."""
REMARK = "# Written by sos connect; sos disconnect takes it out.\n"


class Change(Record):
    """What would be written into one config: its bytes before (None where it is not there) and after."""

    config: Config
    before: bytes | None
    after: bytes
    #: What it was before without what of ours stood in it already: to this, taking ours out leads back.
    rest: bytes | None

    @property
    def diff(self) -> str:
        """The lines that change, without secrets that stand near them."""
        before, after = ((data or b"").decode("utf-8", "replace") for data in (self.before, self.after))
        return masking.difference(before, after, self.config.dialect)


def plan(home: str, merge: Merge) -> Change:
    """What putting ours in would change; nothing is written. `home` is SOS_HOME.

    Raises RuntimeConfigError where the config does not parse, cannot be read, or has something else where ours would stand.
    """
    config = merge.config
    before = _bytes(config)
    text, value = _parsed(config, before)
    others = _others(home, merge, value)
    ours = before is not None and any(_holds_ours(home, value, put) for put in merge.puts)
    rest = _without(home, merge, before, created=False) if before is not None and ours else before
    for put in merge.puts:
        text = _put(home, config, text, value, put)
        value = _value(config, text)
    if _others(home, merge, value) != others:
        step = f"report it, with {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"ours cannot be put into {config.path} without a change to another key", next_step=step)
    after = text.encode("utf-8", "surrogateescape")
    return Change(config=config, before=before, after=after, rest=rest)


def apply(home: str, runtime: str, change: Change) -> bool:
    """Write what was planned; whether anything had to be. Raises Conflict, RuntimeConfigError, StoreUnreachable, StorageFull."""
    if change.before == change.after:
        return False
    config = change.config
    with ExitStack() as held:
        lock = _locked(held, home, config)
        if _bytes(config) != change.before:
            raise Conflict(f"{config.path} was changed meanwhile; nothing was written", next_step=f"sos connect {runtime}")
        _keep(home, runtime, change)
        if lock is not None:
            lock.still_ours()
        _write(config, change.after)
    return True


def undo(home: str, runtime: str, merge: Merge) -> bool:
    """Take ours out again; whether it was there. Raises as `apply`, and RuntimeConfigError where it does not parse any more."""
    config = merge.config
    with ExitStack() as held:
        lock = _locked(held, home, config) if os.path.exists(config.path) else None
        now = _bytes(config)
        known, before = _kept(home, runtime, config)
        if now is None:
            _forget(home, runtime, config)
            return False
        created = known is not None and before is None
        after = before if now == known else _without(home, merge, now, created=created)
        if lock is not None:
            lock.still_ours()
        if after is None:
            files.remove(os.path.realpath(config.path))
        elif after != now:
            _write(config, after)
        _forget(home, runtime, config)
        return after != now


def stands(home: str, merge: Merge) -> list[Put]:
    """What of ours is not in the config as it should be; all of it where the config cannot be read."""
    try:
        _, value = _parsed(merge.config, _bytes(merge.config))
    except SosError:
        return list(merge.puts)
    return [put for put in merge.puts if not _has(value, put)]


def parses(config: Config) -> bool:
    """Whether a config can be read as an object, or is not there, or empty: then ours can be put in."""
    try:
        _parsed(config, _bytes(config))
    except SosError:
        return False
    return True


def blocked(merge: Merge) -> str:
    """The first place above one of ours, in a config that parses, where something else than an object stands; empty: none."""
    _, value = _parsed(merge.config, _bytes(merge.config))
    for put in merge.puts:
        for depth in range(1, len(put.steps) + int(put.element)):
            found = jsonedit.value_at(value, put.steps[:depth])
            if found is not None and not isinstance(found, list if depth == len(put.steps) else dict):
                return ".".join(put.steps[:depth])
    return ""


def changed(home: str, config: Config, put: Put) -> bool:
    """Whether something of ours stands there, in a config that parses, in whatever form."""
    return _holds_ours(home, _parsed(config, _bytes(config))[1], put)


def _holds_ours(home: str, value: Any, put: Put) -> bool:
    found = jsonedit.value_at(value, put.steps)
    return any(_is_ours(home, each) for each in (found if put.element and isinstance(found, list) else [found]))


def _has(value: Any, put: Put) -> bool:
    found = jsonedit.value_at(value, put.steps)
    if put.element and isinstance(found, list):
        return put.value in found
    if isinstance(found, dict) and isinstance(put.value, dict):
        return all(key in found and found[key] == wanted for key, wanted in put.value.items())  # the user may say more of it
    return bool(found == put.value)


def _put(home: str, config: Config, text: str, value: Any, put: Put) -> str:
    if _has(value, put):
        return text
    found = jsonedit.value_at(value, put.steps)
    if not put.element and found is not None and not _is_ours(home, found):
        what = f"{config.path} has another {'.'.join(put.steps)}, which is not ours"
        raise RuntimeConfigError(what, next_step=f"look at it: {shlex.quote(config.path)}")
    if isinstance(found, dict) and isinstance(put.value, dict):
        put = put.replace(value={**found, **put.value})  # what the user says more of it stays
    try:
        if config.dialect == "toml":
            return _put_toml(text if found is None else _without_table(text, put), put)
        if put.element:
            text = jsonedit.take(text, put.steps, lambda each: _is_ours(home, each)) if isinstance(found, list) else text
            return jsonedit.append(text, put.steps, put.value)
        return jsonedit.put(text, put.steps, put.value)
    except ValueError as error:
        step = f"look at it: {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"{config.path}: {error}, so ours cannot stand there", next_step=step) from error


def _put_toml(text: str, put: Put) -> str:
    gap = "" if not text or text.endswith("\n") else "\n"
    return text + gap + REMARK + _table(put)


def _without_table(text: str, put: Put) -> str:
    """The text without the table of ours in whatever form, up to the next one that is not below it; comments stay."""
    name = tomltext.emit(put.value, put.steps).lstrip().split("\n", 1)[0]
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            inside = line.rstrip() == name or line.startswith(f"{name[:-1]}.")
        if line != REMARK and (not inside or line.lstrip()[:1] in {"", "#"}):
            kept.append(line)
    return "".join(kept)


def _table(put: Put) -> str:
    return f"{tomltext.emit(put.value, put.steps).lstrip()}\n"


def _without(home: str, merge: Merge, now: bytes, *, created: bool) -> bytes | None:
    """The config without what is ours; None where nothing else is in it and it was not there before."""
    config = merge.config
    text, before = _parsed(config, now)
    for put in merge.puts:
        found = jsonedit.value_at(before, put.steps)
        if config.dialect == "toml":
            # Not what stands between two marks: Codex writes tables of its own before a comment at the end.
            text = text.replace(REMARK + _table(put), "", 1).replace(_table(put), "", 1)
            if found is not None and jsonedit.value_at(_value(config, text), put.steps) is not None:
                text = _without_table(text, put)
        elif put.element and isinstance(found, list):
            text = jsonedit.take(text, put.steps, lambda each: _is_ours(home, each))
        elif found is not None and _is_ours(home, found):
            text = jsonedit.take(text, put.steps)
    value = _value(config, text)
    left = any(_holds_ours(home, value, put) for put in merge.puts)
    if left or _others(home, merge, value) != _others(home, merge, before):
        names = ", ".join(".".join(put.steps) for put in merge.puts)
        step = f"take {names} out of {shlex.quote(config.path)}"
        raise RuntimeConfigError(
            f"{config.path} has ours in another form than it was written; nothing was written", next_step=step
        )
    return None if created and not value else text.encode("utf-8", "surrogateescape")


def _others(home: str, merge: Merge, value: Any) -> Any:
    """The value without what is ours, and without what only held that."""
    for put in merge.puts:
        value = _pruned(value, put.steps, partial(_left, home, put))
    return value


def _left(home: str, put: Put, value: Any) -> Any:
    if put.element and isinstance(value, list):
        return [each for each in value if not _is_ours(home, each)]
    return None if _is_ours(home, value) else value


def _pruned(value: Any, steps: tuple[str, ...], left: Callable[[Any], Any]) -> Any:
    if not isinstance(value, dict) or steps[0] not in value:
        return value
    known = value[steps[0]]
    inner = left(known) if len(steps) == 1 else _pruned(known, steps[1:], left)
    if inner == known and inner not in ({}, []):  # what is empty holds as much as what is not there
        return value
    rest = {key: each for key, each in value.items() if key != steps[0]}
    return {key: inner if key == steps[0] else each for key, each in value.items()} if inner else rest


def _is_ours(home: str, value: Any) -> bool:
    """Whether a value starts one of our launchers."""
    return f"{os.path.join(home, 'bin')}/sos-" in wire.dumps(value).replace('\\"', '"')


def _parsed(config: Config, data: bytes | None) -> tuple[str, Any]:
    """Its text and value; of one that is not there or empty, those of an empty one. Raises RuntimeConfigError."""
    if data is None or not data.strip():
        return ("", {}) if config.dialect == "toml" else ("{}\n", {})
    text = data.decode("utf-8", "surrogateescape")
    return text, _value(config, text)


def _value(config: Config, text: str) -> Any:
    try:
        value = dialects.strict(text.encode("utf-8", "surrogateescape"), config.dialect, bom=config.bom)
    except dialects.Unreadable as error:
        step = f"sos repair {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"{config.path} does not parse ({error}); nothing was written", next_step=step) from error
    if not isinstance(value, dict):
        step = f"look at it: {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"{config.path} is no object; nothing was written", next_step=step)
    return value


def _bytes(config: Config) -> bytes | None:
    """None where it is not there. Raises RuntimeConfigError, NotFound for a link that leads nowhere."""
    target = os.path.realpath(config.path)
    try:
        data = files.peek(target, LARGEST + 1)
    except FileNotFoundError as error:
        if os.path.islink(config.path):
            step = f"ls -la {shlex.quote(config.path)}; put a file there, or remove the link"
            raise NotFound(f"{config.path} is a link to {target}, which is not there", next_step=step) from error
        return None
    except OSError as error:
        step = f"ls -la {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"{config.path}: {error.strerror}; nothing was written", next_step=step) from error
    if len(data) > LARGEST:
        step = f"look at it: ls -la {shlex.quote(config.path)}"
        raise RuntimeConfigError(f"{config.path} is larger than {LARGEST >> 20} MiB; nothing was written", next_step=step)
    return data


def _locked(held: ExitStack, home: str, config: Config) -> DirectoryLock | None:
    run = files.private_directory(os.path.join(home, "run"))
    held.enter_context(files.Lock(os.path.join(run, "repair.lock"), PATIENCE))
    if config.lock is None:
        return None
    return held.enter_context(DirectoryLock(config.lock, PATIENCE, lambda _said: None))


def _write(config: Config, data: bytes) -> None:
    target = os.path.realpath(config.path)
    try:
        like = os.stat(target) if os.path.exists(target) else None
        if like is None:
            files.make_directories(os.path.dirname(target), 0o755)
        files.write(target, data, mode=0o644, like=like)
    except OSError as error:
        raise files.translated(error, target) from error


def written(home: str, runtime: str, config: Config) -> str:
    """Where a copy of what was written last stands, if anything was: for a repair it is a backup."""
    return os.path.join(_folder(home, runtime, config), "after")


# --- what it was before -----------------------------------------------------------------------------------------------


def _folder(home: str, runtime: str, config: Config) -> str:
    return os.path.join(home, "connected", runtime, sha256(os.fsencode(os.path.realpath(config.path))).hex()[:32])


def _keep(home: str, runtime: str, change: Change) -> None:
    """Keep what it was before ours came, once: connecting again must not take ours for the user's."""
    folder = _folder(home, runtime, change.config)
    known, before = _kept(home, runtime, change.config)
    if known is None or known != change.before:
        before = change.rest
    for place in (home, os.path.join(home, "connected"), os.path.dirname(folder), folder):
        files.private_directory(place)
    if before is None:
        files.remove(os.path.join(folder, "before"))
    else:
        files.write(os.path.join(folder, "before"), before)
    files.write(os.path.join(folder, "after"), change.after)


def _kept(home: str, runtime: str, config: Config) -> tuple[bytes | None, bytes | None]:
    """What was written last, and what had been there before; None for neither."""
    folder = _folder(home, runtime, config)
    after, before = (files.read(os.path.join(folder, name), limit=LARGEST) for name in ("after", "before"))
    return after, before


def _forget(home: str, runtime: str, config: Config) -> None:
    folder = _folder(home, runtime, config)
    for name in ("after", "before"):
        files.remove(os.path.join(folder, name))
    if os.path.isdir(folder):
        os.rmdir(folder)
