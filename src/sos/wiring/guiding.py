"""The recovery guide: installed in an agent's home, and given at any time, filled with what is known without any service."""

from __future__ import annotations

from sos.homes import home as homes
from sos.model.errors import GuideTampered, SosError
from sos.recovery import guide, rescue
from sos.wiring.local import facts, store_path, who_am_i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.agents import Agent
    from sos.settings import Settings


def install(settings: Settings, agent: Agent) -> str:
    """Write the guide into an agent's home, and the rescue program beside the launchers; the guide's path.

    Raises GuideTampered, StorageFull, StoreUnreachable, HomeDamaged, HomeNotPrivate.
    """
    path = guide.install(homes.path_of(settings.home, agent.slug), facts(settings, agent))
    rescue.install(settings.home)
    return path


def text(load: Callable[[], Settings], named: str | None) -> tuple[str, str, list[str]]:
    """The guide, whose it is (empty where that cannot be said), and what went wrong on the way.

    `load` may raise SosError: settings that cannot be keep no guide closed.
    """
    known, remarks = _facts(load, named)
    try:
        made = guide.fill(known)
    except GuideTampered as error:
        remarks.append(f"{error.message}; this is the short form")
        made = guide.SHORT
    return made, known.get("slug", ""), remarks


def _facts(load: Callable[[], Settings], named: str | None) -> tuple[dict[str, str], list[str]]:
    known: dict[str, str] = {}
    remarks = []
    try:
        settings = load()
        known |= {"store": settings.url or store_path(settings), "rescue": rescue.path_of(settings.home)}
        who = who_am_i(settings, named)
        home = homes.load(settings.home, who.slug)
        if home is not None:
            known |= {"slug": home.slug, "name": home.name, "project": home.project, "home": home.path, "store": home.store}
    except SosError as error:
        remarks.append(error.message)  # the guide is for the day when this fails
    except OSError as error:
        remarks.append(str(error.strerror))  # as in a working directory that is gone
    return known, remarks
