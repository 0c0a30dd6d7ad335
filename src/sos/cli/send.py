"""Send a message to an agent. It is on disk when the receipt is printed; `sos trace ID` says how far it came."""

from __future__ import annotations

import time

from sos.cli import forms
from sos.core.sending import deadline_for
from sos.model.ids import new_id, parse_id
from sos.model.messages import Draft
from sos.model.times import Millis, ago, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.messages import Receipt

EXAMPLE = 'sos send --request --deadline 5m kasra "is the build green?"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos send`."""
    parser.add_argument("--request", action="store_true", help="an answer is expected")
    parser.add_argument("--deadline", metavar="SPAN", help="critical (30 s), routine (60 s), or a duration like 5m")
    parser.add_argument("--expires", metavar="SPAN", help="not worth showing after this duration")
    parser.add_argument("--thread", metavar="ID", help="the conversation that it belongs to")
    parser.add_argument("--id", metavar="ID", help="your own message id (UUID), to send the same again safely")
    parser.add_argument("to", metavar="TO", help="the agent")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="the text; - reads standard input")


def run(command: Command) -> int:
    """Send, and print the receipt."""
    given = command.arguments
    now = Millis(time.time_ns() // 1_000_000)
    kind = "request" if given.request else "message"
    draft = Draft(
        id=parse_id(given.id) if given.id else new_id(now),
        to=given.to,
        text=command.text(given.text),
        kind="request" if given.request else "message",
        thread=given.thread,
        deadline_in=deadline_for(kind, given.deadline),
        expires_in=parse_duration(given.expires) if given.expires else None,
    )
    receipt = command.connect().send(draft)
    command.out(said(receipt), forms.receipt(receipt))
    return 0


def said(receipt: Receipt) -> str:
    """A receipt for people."""
    lines = [f"stored on {receipt.durability}: {receipt.id} to {', '.join(receipt.recipients)}"]
    if receipt.duplicate:
        lines[0] += " (already sent: the same receipt)"
    for slug, state in receipt.hearing.items():
        if state != "hearing":
            lines.append(f"  {slug}: {state} (no hook run of it lately; it will be shown at its next turn)")
    if receipt.deadline is not None:
        left = ago(receipt.deadline - time.time_ns() // 1_000_000)
        lines.append(f"  an answer is due within {left}; told at your next command, hook or sos wait")
    lines.append(f"  follow it: sos trace {receipt.id}")
    return "\n".join(lines)
