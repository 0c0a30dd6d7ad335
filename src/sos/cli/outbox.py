"""What could not be sent yet. Any command that reaches the store sends it; this one does, and lists what is left."""

from __future__ import annotations

from sos.core.rendering import escape
from sos.model.errors import NotFound, SosError
from sos.model.ids import parse_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos outbox --drop 01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos outbox`."""
    parser.add_argument("--drop", metavar="ID", help="give this one up")


def run(command: Command) -> int:
    """Send what can be sent, list the rest."""
    from sos.homes import home, outbox
    from sos.wiring.local import who_am_i

    who = who_am_i(command.settings, command.arguments.as_agent)
    place = home.path_of(command.settings.home, who.slug)
    if command.arguments.drop:
        given_up = parse_id(command.arguments.drop)
        if not outbox.holds(place, given_up):
            raise NotFound(f"{given_up} is not in the outbox of {who.slug}", next_step="sos outbox")
        outbox.remove(place, given_up)
    try:
        command.connect()
    except SosError as error:
        command.remark(f"sos: {error.message}")  # listing what waits must work while the store does not
    left = outbox.waiting(place)
    lines = [
        f"{each.given.draft.id}  to {each.given.whom}  {escape(each.given.draft.text)[:50]}  {each.refused}" for each in left
    ]
    values = [{"id": each.given.draft.id, "to": each.given.whom, "refused": each.refused} for each in left]
    kept = outbox.damaged(place)
    lines += [f"{path}  cannot be read: look at it, then remove it" for path in kept]
    command.out("\n".join(lines) or "the outbox is empty", {"agent": who.slug, "outbox": values, "damaged": kept})
    return 1 if left or kept else 0
