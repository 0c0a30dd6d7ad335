"""The look of the disk watchdog as commands and the server take it: at which places, and who is told what has changed.

Told are the agents that have a home here and whose store is on this machine, each by a notice that its next prompt shows, and the
log of SOS_HOME. Agents that joined a server are not: their bus is elsewhere, and so is the disk that it lies on.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.homes import log
from sos.model.errors import SosError
from sos.model.findings import Notice
from sos.recovery import watchdog
from sos.recovery.disk import Place
from sos.wiring.local import SystemClock, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis
    from sos.recovery.watchdog import Look
    from sos.settings import Settings

RUNTIMES = {
    "codex": ".codex",
    "gemini": ".gemini",
    "copilot": ".copilot",
    "cursor": ".cursor",
    "opencode": ".local/share/opencode",
}
"""Where the runtimes keep their files below the user's home. (Claude Code's place is a setting.)"""
LOCK_SECONDS = 1.0
"""How long a store may be locked that a notice is put into. What cannot be told now is told after the next look."""


def places(settings: Settings) -> list[Place]:
    """The directories whose file systems matter here."""
    made = [Place(name="home", path=settings.home)]
    if settings.store is not None:
        made.append(Place(name="store", path=os.path.dirname(settings.store)))
    elif settings.redis is None and settings.url is None:
        made.append(Place(name="store", path=settings.home))
    made += [
        Place(name="backups", path=os.path.join(settings.home, "backups"), optional=True),
        Place(name="temporary", path=settings.temporary),
        Place(name="claude", path=settings.claude_home, optional=True),
    ]
    return made + [
        Place(name=name, path=os.path.join(settings.user_home, folder), optional=True) for name, folder in RUNTIMES.items()
    ]


def closed(settings: Settings) -> list[str]:
    """What of ours may not be written here, by its mode or its mount: a disk with room does not help then."""
    ours = [settings.home, os.path.join(settings.home, "run"), settings.store or os.path.join(settings.home, "sos.db")]
    return [path for path in ours if os.path.exists(path) and not os.access(path, os.W_OK)]


def look(settings: Settings, *, after_failure: bool = False) -> Look:
    """Look, remember, and tell. `after_failure`: because a write found no room.

    Never fails for what is wrong with a disk: what could not be done is among the remarks.
    """
    remarks = []
    lock = watchdog.lock_of(settings.home)
    try:
        files.private_directory(os.path.join(settings.home, "run"))
        if not lock.acquire():
            remarks.append("another look has not ended; an alert may come twice")
    except SosError as error:
        # As on a file system that takes no new file. A look beside another may ring twice; none at all would be silence.
        remarks.append(f"whether another look runs cannot be seen: {error.message}")
    try:
        found = watchdog.look(settings.home, places(settings), SystemClock().now(), after_failure=after_failure)
        return _told(settings, found.replace(remarks=(*remarks, *found.remarks)))
    finally:
        lock.close()


def _told(settings: Settings, found: Look) -> Look:
    for alert in found.alerts:
        log.add(settings.home, found.at, alert)
    pending = [system.pending for system in found.systems if system.pending]
    if not pending:
        return found
    failures = _notify(settings, found.at, pending)
    if failures:
        return found.replace(remarks=(*found.remarks, *failures))
    return watchdog.remember(settings.home, found.replace(systems=tuple(system.replace(pending="") for system in found.systems)))


def _notify(settings: Settings, at: Millis, alerts: list[str]) -> list[str]:
    """Put the alerts into the stores of the agents here; what could not be done."""
    failures: list[str] = []
    for path, slugs in _stores(settings, failures).items():
        try:
            store = open_store(settings, path, lock_seconds=LOCK_SECONDS)
            try:
                for slug in slugs:
                    for text in alerts:
                        store.agents.notify(Notice(agent=slug, at=at, code="disk", text=text))
            finally:
                store.close()
        except SosError as error:
            failures.append(f"the agents of {path} are not told yet: {error.message}")
    return failures


def _stores(settings: Settings, failures: list[str]) -> dict[str, list[str]]:
    """The stores on this machine that homes here have joined, and whose homes."""
    found: dict[str, list[str]] = {}
    try:
        slugs = homes.slugs(settings.home)
    except SosError as error:
        failures.append(f"no agent is told yet: {error.message}")
        return found
    for slug in slugs:
        try:
            home = homes.load(settings.home, slug)
        except SosError as error:
            failures.append(f"{slug} is not told yet: {error.message}")
            continue
        if home is not None and not home.remote:
            found.setdefault(home.store, []).append(slug)
    return found
