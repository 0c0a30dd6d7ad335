"""Connect a runtime: write its plugin (own files only) and bind a directory, or every session, to an agent."""

from __future__ import annotations

from sos.runtimes import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos connect claude --as mumega-codecheck --dir ~/code/parser"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos connect`."""
    parser.add_argument("runtime", choices=NAMES)
    parser.add_argument("--dir", metavar="PATH", help="sessions in this directory are this agent (default: here)")
    parser.add_argument("--everywhere", action="store_true", help="every session that nothing else binds is this agent")
    parser.add_argument("--wake", metavar="WHO", help="who may wake it when idle: peers (default), requests, operator, nobody")
    parser.add_argument("--every", metavar="SPAN", help="time between two wakes (default: 30s)")
    parser.add_argument("--quiet", metavar="HOURS", help="when nothing wakes it, local time: 22:00-07:00, or never (default)")
    parser.add_argument("--bodies", choices=["fenced", "headers"], help="show whole messages, or only who wrote and the id")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")


def run(command: Command) -> int:
    """Connect."""
    from sos.model.attention import Attention, attention_of
    from sos.runtimes.connector import connector_of
    from sos.wiring import connecting

    given = command.arguments
    attention_of(Attention(), given.wake, given.every, given.quiet)  # a wrong rule is refused before anything is written
    made = connecting.connect(
        command.settings, given.runtime, given.as_agent, place=given.dir, everywhere=given.everywhere, dry_run=given.dry_run
    )
    connector = connector_of(made.runtime)
    rules = None
    if not made.planned:
        rules = connecting.attend(
            command.settings, made.slug, wake=given.wake, every=given.every, quiet=given.quiet, bodies=given.bodies
        )
    where = "every session" if made.place == "*" else f"sessions in {made.place}"
    lines = [f"{'would write' if made.planned else 'wrote'} {path}" for path in made.written]
    if made.diff:
        lines += ["what would change in files that are not ours:", made.diff.rstrip("\n")]
    lines.append(f"{where}: {made.slug}. {connector.NEXT}; sos disconnect {made.runtime} takes it back")
    lines.append(f"{connector.TITLE}: {connector.WAKES}")
    value = {
        "runtime": made.runtime,
        "next": connector.NEXT,
        "wakes": connector.WAKES,
        "id": made.slug,
        "place": made.place,
        "written": list(made.written),
        "planned": made.planned,
        "diff": made.diff,
    }
    if rules is not None:
        span = f"every {rules.wake_every // 1000} s at most, quiet: {rules.quiet}"
        lines.append(f"woken at idle by {rules.wake}, {span}; messages stand {rules.bodies} in its context")
        value |= {"wake": rules.wake, "wake_every": rules.wake_every, "quiet": rules.quiet, "bodies": rules.bodies}
    command.out("\n".join(lines), value)
    return 0
