"""Whether a store is still the one that an agent knew: a restore, a loss, and damage are noticed and said."""

from __future__ import annotations

import time

from sos.homes import cursor
from sos.homes import home as homes
from sos.model.findings import Notice
from sos.model.times import DAY, Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.homes.home import Home
    from sos.settings import Settings
    from sos.stores.sqlite.store import SqliteStore

_RESTORED = (
    "The store was restored or replaced (its history is now {epoch}): messages since its backup may be lost; "
    "ask your peers to send again."
)
_BEHIND = (
    "The store was put back to an older state: {count} numbers that you had seen are gone, and so is what was sent since; "
    "ask your peers to send again."
)


def compare(settings: Settings, store: SqliteStore, home: Home, now: Millis) -> None:
    """Notice a restore by its epoch, or by a newest number below what was seen; tell the agent once."""
    seen = cursor.load(home.path)  # first: what somebody saw before now stands in the store by now
    head, epoch = store.mail.head(), store.epoch
    if epoch != home.epoch:
        notice = Notice(agent=home.slug, at=now, code="store_restored", text=_RESTORED.format(epoch=epoch[:8]))
        store.agents.notify(notice)
        agent = store.agents.agent(home.slug)
        if agent is not None:
            homes.save(settings.home, agent, home.store, epoch)
    elif head < seen:
        text = _BEHIND.format(count=seen - head)
        store.agents.notify(Notice(agent=home.slug, at=now, code="store_behind", text=text))
    if head != seen:
        cursor.save(home.path, head)


def check_after_boot(store: SqliteStore) -> None:
    """Look through the store once after each start of the machine: what damages it is a cut of the power. Raises StoreDamaged."""
    store.check_once(_boot())


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return f"day {int(time.time()) // (DAY // 1000)}"  # no such file on macOS: once a day
