"""The other agents: who they are, what they can do, what they are doing, and whether they hear.

hearing: a hook of its ran in the last 15 minutes; late: none did; deaf: mail waits, and two hook runs have shown none of it, or
none has run for 15 minutes (30 at work); unknown: no hook run of a session that has not ended is known.
"""

from __future__ import annotations

from sos.cli import forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos peers --json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos peers`."""
    parser.add_argument("--all", action="store_true", help="agents that have left as well")


def run(command: Command) -> int:
    """List."""
    peers = [peer for peer in command.connect().peers() if command.arguments.all or peer.agent.status == "open"]
    values = [forms.peer(peer) for peer in peers]
    lines = [_line(value) for value in values]
    command.out("\n".join(lines) or "no other agents: sos join --name NAME --role ROLE", {"peers": values})
    return 0


def _line(value: dict[str, object]) -> str:
    skills = value["skills"]
    said = ", ".join(skills) if isinstance(skills, list) else ""
    left = " (has left)" if value["status"] == "closed" else ""
    columns = f"{value['slug']:<24} {value['role']:<12} {value['project']:<16} {value['presence']:<8} {value['hearing']:<8}"
    return f"{columns} {said}{left}".rstrip()
