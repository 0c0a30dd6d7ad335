"""Leave a note for your next self, in place of the last one: the next start of a session shows it, also after compaction.

Without a text it prints the note; `-` reads the text from standard input. At most 1,000 characters, and nobody else is shown it.
"""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.names import OPERATOR
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = 'sos note "parser rewrite: tests 1-9 done, next: unicode in names; ask cc before the merge"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos note`."""
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the note; none: print the one that is there")
    parser.add_argument("--clear", action="store_true", help="take the note away")


def run(command: Command) -> int:
    """Leave it, clear it, or print it."""
    given = command.arguments
    if given.clear and given.text:
        raise InvalidInput("a text or --clear, not both", next_step=EXAMPLE)
    text = "" if given.clear or not given.text else command.text(given.text)
    connection = command.connect()
    if given.clear or text:
        connection.leave_note(text)
    note = connection.note()
    value = {"id": connection.slug, "note": None if note is None else {"at": iso(note.at), "text": note.text}}
    if text:
        kept = "kept; it stands in: sos note" if connection.slug == OPERATOR else "kept for your next session"
        command.out(kept, value)
    else:
        command.out("no note" if note is None else note.text, value)
    return 0
