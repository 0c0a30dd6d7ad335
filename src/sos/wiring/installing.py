"""Writes what one runtime needs from us, and takes it back: what its connector declares, files of ours first, merges last.

Everything is looked at before anything is written, so that a config that refuses leaves all as it was.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import connected
from sos.homes import home as homes
from sos.model import wire
from sos.model.errors import UnreadableJson
from sos.model.findings import Finding
from sos.runtimes import NAMES, launchers, looking, owned
from sos.runtimes.connector import connector_of
from sos.wiring import merging, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sos.model.configs import Merge, Places
    from sos.settings import Settings


def planned(settings: Settings, runtime: str, places: Places) -> tuple[list[str], str]:
    """The paths that connecting would write, and what it would change in files that are not ours.

    Raises EphemeralInterpreter, RuntimeConfigError, NotFound.
    """
    connector = connector_of(runtime)
    launchers.check(settings.home)
    paths = [path for own in connector.owned(settings.home, places, "") for path in owned.paths(own)]
    changes = [merging.plan(settings.home, merge) for merge in connector.merges(settings.home, places)]
    changed = [each for each in changes if each.before != each.after]
    shown = "".join(f"--- {each.config.path}\n{each.diff}\n" for each in changed)
    return [*paths, *(each.config.path for each in changed)], shown


def install(settings: Settings, runtime: str, places: Places, guide: str) -> list[str]:
    """Write launchers, files of ours and merges; the paths.

    Raises EphemeralInterpreter, RuntimeConfigError, Conflict, StoreUnreachable, StorageFull.
    """
    connector, home = connector_of(runtime), settings.home
    launchers.check(home)
    merges = connector.merges(home, places)
    changes = [merging.plan(home, merge) for merge in merges]
    own = connector.owned(home, places, guide)
    missing = _missing([*(each.path for each in own), *(os.path.realpath(each.config.path) for each in changes)])
    _remember(home, list(dict.fromkeys((*_remembered(home), *missing))))
    written = launchers.write(home)
    for each in own:
        written += owned.write(each)
    for merge in merges:
        if merging.apply(home, runtime, merge):
            written.append(merge.config.path)
    return written


def uninstall(settings: Settings, runtime: str, places: Places) -> bool:
    """Take it all back; whether there was any. Raises RuntimeConfigError where a config does not parse any more."""
    connector, home = connector_of(runtime), settings.home
    removed = [merging.undo(home, runtime, merge) for merge in connector.merges(home, places)]
    needed = {own.path for each in _others(settings, runtime) for own in connector_of(each).owned(home, places, "")}
    for own in connector.owned(home, places, ""):
        if not (own.shared and own.path in needed):
            removed.append(owned.remove(own))
    left: list[str] = []
    for path in reversed(_remembered(home)):
        if os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)
        elif os.path.isdir(path):
            left.insert(0, path)  # another runtime has something in it, or its user
    _remember(home, left)
    return any(removed)


def _others(settings: Settings, runtime: str) -> set[str]:
    """The other runtimes that an agent here is connected in."""
    return {each for each in connected_here(settings) if each in NAMES and each != runtime}


def connected_here(settings: Settings) -> set[str]:
    """The runtimes that any agent here is connected in, by its record. Raises HomeNotPrivate, HomeDamaged."""
    return {each for slug in homes.slugs(settings.home) for each in connected.runtimes(settings.home, slug)}


def installed(settings: Settings, runtime: str, places: Places) -> bool:
    """Whether anything of what connecting writes is there that could run a hook or offer tools."""
    connector = connector_of(runtime)
    if any(owned.exists(own) for own in connector.owned(settings.home, places, "") if own.vital):
        return True
    merges = connector.merges(settings.home, places)
    return any(len(standing.missing(merge)) < len(merge.puts) for merge in merges)


def look(settings: Settings, runtime: str, projects: Sequence[str]) -> list[Finding]:
    """What in files keeps our hooks from running in a runtime's sessions in these directories. Nothing is started."""
    connector, home, places = connector_of(runtime), settings.home, settings.places("")
    found: list[Finding] = []
    for own in connector.owned(home, places, ""):
        if not owned.exists(own):
            found.append(looking.lacking(own, runtime, connector.TITLE))
        else:
            found += looking.contents(own, runtime, connector.TITLE)
    for merge in connector.merges(home, places):
        found += _merged(home, merge, runtime, connector.TITLE)
    starts = looking.launcher(home, runtime, connector.TITLE) if connector.EVENTS else ()
    return [*found, *starts, *connector.look(home, places, projects)]


def _merged(home: str, merge: Merge, runtime: str, title: str) -> Iterator[Finding]:
    """What of ours does not stand in a config as it should. One that does not parse is another finding, and the cause of this."""
    if not standing.parses(merge):
        return
    blocked = standing.blocked(merge)
    if blocked:
        yield looking.no_object(merge.config, blocked, title)
        return
    for put in standing.missing(merge):
        yield looking.taken_out(merge.config.path, put, runtime, title, changed=standing.changed(home, merge, put))


# --- directories that were not there before ---------------------------------------------------------------------------


def _missing(paths: list[str]) -> list[str]:
    """The directories above these paths that are not there, the outermost first."""
    missing: list[str] = []
    for path in paths:
        above = os.path.dirname(path)
        chain = []
        while above and not os.path.exists(above):
            chain.append(above)
            above = os.path.dirname(above)
        missing += [each for each in reversed(chain) if each not in missing]
    return missing


def _memory(home: str) -> str:
    return os.path.join(home, "connected", "directories.json")


def _remember(home: str, made: list[str]) -> None:
    """Keep which directories are ours to remove; of all runtimes together: several of them share one."""
    path = _memory(home)
    if not made:
        files.remove(path)
        return
    for place in (home, os.path.dirname(path)):
        files.private_directory(place)
    files.write(path, wire.dumps(made, indent=1).encode())


def _remembered(home: str) -> list[str]:
    data = files.read(_memory(home))
    try:
        made = wire.loads(data or b"[]")
    except UnreadableJson:
        return []  # what is lost of it are empty directories that stay
    return [each for each in made if isinstance(each, str)] if isinstance(made, list) else []
