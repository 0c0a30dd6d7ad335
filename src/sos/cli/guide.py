"""What to do when stuck. Works with no store, no token, a broken store and a full disk."""

from __future__ import annotations

from sos.model.errors import GuideTampered, SosError
from sos.recovery import guide

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos guide"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command has."""


def run(command: Command) -> int:
    """Print it, filled with what can be known without any service."""
    facts = _facts(command)
    try:
        text = guide.fill(facts)
    except GuideTampered as error:
        command.remark(f"sos: {error.message}; this is the short form")
        text = guide.SHORT
    command.out(text, {"id": facts.get("slug", ""), "guide": text})
    return 0


def _facts(command: Command) -> dict[str, str]:
    from sos.homes import home as homes
    from sos.wiring.local import store_path, who_am_i

    known: dict[str, str] = {}
    try:
        known["store"] = store_path(command.settings)
        who = who_am_i(command.settings, command.arguments.as_agent)
        home = homes.load(command.settings.home, who.slug)
        if home is not None:
            known |= {"slug": home.slug, "name": home.name, "project": home.project, "home": home.path, "store": home.store}
    except SosError as error:
        command.remark(f"sos: {error.message}")  # the guide is for the day when this fails
    except OSError as error:
        command.remark(f"sos: {error.strerror}")  # as in a working directory that is gone
    return known
