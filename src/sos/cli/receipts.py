"""What a sender is told: the receipt, or that a message is queued and not sent."""

from __future__ import annotations

import time

from sos.model.names import OPERATOR
from sos.model.times import left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.cli.command import Command
    from sos.model.errors import StoreUnreachable
    from sos.model.messages import Receipt
    from sos.model.work import Sending

QUEUED = 75
"""The exit code of `queued, not sent` (EX_TEMPFAIL of sysexits.h)."""


def queue(command: Command, given: Sending, error: StoreUnreachable) -> int:
    """Keep the message on disk; say that it was not sent. Raises NotQueued where not even that was possible."""
    from sos.model.errors import NotQueued, StorageFull
    from sos.wiring.local import queue

    try:
        sender = queue(command.settings, command.arguments.as_agent, given)
    except StorageFull as full:
        step = "sos watchdog --once   (where it went; then send it again; the operator can be written to even now)"
        raise NotQueued(f"not sent and not queued: {full.message}", next_step=step) from full
    if isinstance(error, StorageFull):
        from sos.cli import room

        room.look()
    draft = given.draft
    command.out(
        f"queued, not sent: {draft.id} ({error.message}). The next command of {sender} sends it; list: sos outbox",
        {"id": draft.id, "to": given.whom, "queued": True, "error": error.code, "message": error.message},
    )
    return QUEUED


def _shown(slug: str) -> str:
    return "it stands in: sos inbox" if slug == OPERATOR else "it will be shown at its next turn"


def said(receipt: Receipt) -> str:
    """A receipt for people."""
    lines = [f"stored on {receipt.durability}: {receipt.id} to {', '.join(receipt.recipients)}"]
    if receipt.duplicate:
        lines[0] += " (already sent: the same receipt)"
    for slug, state in receipt.hearing.items():
        if state == "deaf":
            lines.append(f"  {slug}: deaf (mail waits, and no hook of its shows it); why: sos doctor --as {slug}")
        elif state != "hearing":
            lines.append(f"  {slug}: {state} (no hook run of it lately; {_shown(slug)})")
    if receipt.deadline is not None:
        span = left(receipt.deadline - time.time_ns() // 1_000_000)
        how = ", where something of yours waits for mail" if receipt.told == "within a second" else ""
        lines.append(f"  an answer is due within {span}; if none comes, you are told {receipt.told}{how}")
    lines.append(f"  follow it: sos trace {receipt.id}")
    return "\n".join(lines)
