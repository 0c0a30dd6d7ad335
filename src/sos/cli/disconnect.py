"""Remove what connect wrote, exactly: for all agents here, or with --as for one, while what others need stays.

`--all`: of every runtime; one that refuses does not stop the others.
"""

from __future__ import annotations

from sos.runtimes import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos disconnect claude"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos disconnect`."""
    parser.add_argument("runtime", nargs="?", choices=NAMES)
    parser.add_argument("--all", action="store_true", dest="every_runtime", help="all runtimes")
    parser.add_argument("--marketplace", metavar="DIR", help="remove the plugin that was written there")
    parser.add_argument(
        "--agents-md", metavar="PATH", nargs="?", const="", help="take our block out of an AGENTS.md (default: here)"
    )


def run(command: Command) -> int:
    """Disconnect."""
    from sos.cli import runtimes

    chosen = runtimes.chosen(command, "disconnect")
    if chosen == "agents-md":
        from sos.wiring import agentsmd

        path = agentsmd.path_of(command.arguments.agents_md, "sos disconnect")
        removed = agentsmd.take(command.settings.home, path)
        command.out(f"{'took our block out of' if removed else 'no block of ours in'} {path}", {"path": path, "removed": removed})
        return 0
    if chosen == "marketplace":
        from sos.wiring import connecting

        path, removed = connecting.without_marketplace(command.arguments.marketplace)
        command.out(f"{'removed' if removed else 'nothing of ours in'} {path}", {"path": path, "removed": removed})
        return 0
    if chosen == "all":
        return runtimes.each(command, NAMES, lambda name: _one(command, name))
    text, value = _one(command, command.arguments.runtime)
    command.out(text, value)
    return 0


def _one(command: Command, runtime: str) -> tuple[str, dict[str, object]]:
    from sos.runtimes.connector import connector_of
    from sos.wiring import connecting

    made = connecting.disconnect(command.settings, runtime, command.arguments.as_agent)
    title = connector_of(runtime).TITLE
    lines = ["removed what connect wrote" if made.removed else "there was nothing of ours" if not made.stays_for else ""]
    if made.agents:
        lines.append(f"no session of {title} that starts from now on hears for {', '.join(made.agents)}")
    if made.unbound:
        lines.append(f"nobody's now: {', '.join('every session' if place == '*' else place for place in made.unbound)}")
    if made.stays_for:
        lines.append(f"{title} stays connected for {', '.join(made.stays_for)}")
    value = {"id": runtime, "removed": made.removed, "agents": [*made.agents], "stays_for": [*made.stays_for]}
    return "\n".join(filter(None, lines)), {**value, "unbound": [*made.unbound]}
