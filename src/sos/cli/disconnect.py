"""Remove what connect wrote, exactly. `--all`: of every runtime; one that refuses does not stop the others."""

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
    from sos.wiring import connecting

    removed = connecting.disconnect(command.settings, runtime)
    return "removed what connect wrote" if removed else "there was nothing of ours", {"id": runtime, "removed": removed}
