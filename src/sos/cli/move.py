"""Take an embedded deployment to a server: its agents with their tokens, skills, unread mail, open requests and tasks.

It can be run again wherever it was stopped, and shows nothing twice. The store here stays as it is: `sos backup` copies it."""

from __future__ import annotations

from sos.homes.home import is_url
from sos.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.wiring.moving import Moved

EXAMPLE = "sos move --to https://sos.example.org --token-file token.adm"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos move`."""
    parser.add_argument("--to", metavar="URL", required=True, help="the server, as agents will ask it")
    parser.add_argument(
        "--token-file", metavar="PATH", help="the server's administrator token (operator/token.adm there); - reads it"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be moved")


def run(command: Command) -> int:
    """Do it."""
    from sos.wiring.moving import Moving

    given = command.arguments
    place, given.token_file = given.token_file, None
    if not is_url(given.to):
        raise InvalidInput(f"{given.to!a} is no URL", next_step=EXAMPLE)
    if place is None and not given.dry_run:
        raise InvalidInput("a move needs the server's administrator token", next_step=EXAMPLE)
    token = "" if place is None else command.token_in(place, "admin")
    with Moving(command.settings, given.to.rstrip("/"), token, command.remark) as moving:
        moved = moving.planned() if given.dry_run else moving.run()
    command.out(_said(moved, given.to, dry=given.dry_run), {**_form(moved), "to": given.to, "dry_run": given.dry_run})
    return 1 if moved.remarks else 0


def _said(moved: Moved, url: str, *, dry: bool) -> str:
    what = f"{', '.join(moved.agents) or 'no agent'}; {moved.messages} messages that wait, {moved.tasks} tasks"
    lines = [f"{'would move' if dry else 'moved'} to {url}: {what}"]
    if moved.elsewhere:
        lines.append(f"not moved, since their homes are elsewhere: {', '.join(moved.elsewhere)}")
    if moved.left:
        lines.append(f"{moved.left} unread messages of the operator stay here: sos inbox")
    if moved.agents and not dry:
        lines.append(
            f"from now on: export SOS_URL={url} for new agents. To other projects nobody sends until: sos token grant AGENT"
        )
    return "\n".join([*lines, *moved.remarks])


def _form(moved: Moved) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in moved.fields().items()}
