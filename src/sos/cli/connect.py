"""Connect a runtime: write its plugin (own files only) and bind a directory, or every session, to an agent."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos connect claude --as mumega-codecheck --dir ~/code/parser"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos connect`."""
    parser.add_argument("runtime", choices=["claude"])
    parser.add_argument("--dir", metavar="PATH", help="sessions in this directory are this agent (default: here)")
    parser.add_argument("--everywhere", action="store_true", help="every session that nothing else binds is this agent")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")


def run(command: Command) -> int:
    """Connect."""
    from sos.wiring import connecting

    given = command.arguments
    made = connecting.connect_claude(
        command.settings, given.as_agent, place=given.dir, everywhere=given.everywhere, dry_run=given.dry_run
    )
    where = "every session" if made.place == "*" else f"sessions in {made.place}"
    lines = [f"{'would write' if made.planned else 'wrote'} {path}" for path in made.written]
    lines.append(f"{where}: {made.slug}. Start Claude Code there; sos disconnect claude takes it back")
    command.out("\n".join(lines), {"id": made.slug, "place": made.place, "written": list(made.written), "planned": made.planned})
    return 0
