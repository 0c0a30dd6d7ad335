"""Send a test message over an agent's real path, and say how long each hop took, or which one is broken.

The hops: the sender's token, the store, the agent's inbox (every stream that it reads), the hook that is installed, the context
that the hook prints, the acknowledgement. It is tried where the agent has its home. Nothing else of its mail is shown or marked.
Ends with 0 where all is well, and with 1 at the first hop that is broken.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.wiring.hops import Hop, Walked

EXAMPLE = "sos probe mumega-codecheck"
_SIGNS = {"well": "✔", "broken": "✘", "not connected": "·", "not reached": "·"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos probe`."""
    parser.add_argument("agent", metavar="AGENT", help="the agent whose path is tried")


def run(command: Command) -> int:
    """Try it. No launcher is made anew first, as other commands do: what is probed must be as it is."""
    from sos.wiring import hops

    walked = hops.walk(command.settings, command.arguments.as_agent, command.arguments.agent)
    command.out("\n".join(_lines(walked)), _form(walked))
    return 0 if walked.broken is None else 1


def _lines(walked: Walked) -> list[str]:
    if walked.broken is not None:
        return [f"broken at: {walked.broken}", *map(_line, walked.hops), f"next: {walked.next_step}"]
    ends = "" if all(hop.state == "well" for hop in walked.hops) else f"; no runtime is connected to {walked.agent}"
    return [f"all well: {walked.sender} to {walked.agent} in {_total(walked):.0f} ms{ends}", *map(_line, walked.hops)]


def _line(hop: Hop) -> str:
    took = "" if hop.took is None else f"{hop.took:.1f} ms"
    said = hop.state if hop.state in {"not connected", "not reached"} else hop.said
    return f"{_SIGNS[hop.state]} {hop.name:<8} {took:>10}  {said}"


def _total(walked: Walked) -> float:
    return round(sum(hop.took for hop in walked.hops if hop.took is not None), 1)


def _form(walked: Walked) -> dict[str, object]:
    return {
        "id": walked.canary,
        "agent": walked.agent,
        "sender": walked.sender,
        "well": walked.broken is None,
        "broken": walked.broken,
        "code": walked.code or None,
        "next": walked.next_step or None,
        "milliseconds": _total(walked),
        "addresses": list(walked.addresses),
        "hops": [{"hop": hop.name, "state": hop.state, "milliseconds": hop.took, "said": hop.said} for hop in walked.hops],
    }
