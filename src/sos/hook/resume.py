"""The resume packet: what an agent must know at a session's start, after compaction and after clear. At most 600 tokens."""

from __future__ import annotations

import os

from sos.core import readiness
from sos.core.rendering import escape, sender
from sos.model.times import ago

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Body
    from sos.model.times import Millis
    from sos.ports import Store

MAX_CHARACTERS = 2400
"""600 tokens of about four characters."""
LISTED = 5


def packet(store: Store, agent: Agent, why: str, home: str, holder: Body | None, now: Millis) -> str:
    """The four answers, unread, open requests in both directions, and where the guide is. Deterministic."""
    guide = os.path.join(home, "RECOVERY.md")
    found = readiness.answers(store, agent, guide if os.access(guide, os.R_OK) else None)
    lines = [f"[sos] You are {agent.slug}, because of {why}."]
    lines += [f"- {each.question} {each.answer}" + ("" if each.good else f" → {each.next_step}") for each in found]
    if holder is not None:
        lines.append(
            f"- Another live session ({holder.session}, in {escape(holder.cwd)}) holds this inbox: messages are shown there. "
            "You may list them (sos inbox); to take over: sos take"
        )
    lines.append(f"- Unread: {store.mail.count(agent.slug, 'unread')} (shown with your next prompt; list: sos inbox)")
    lines += _open(store, agent, now)
    return "\n".join(lines)[:MAX_CHARACTERS]


def _open(store: Store, agent: Agent, now: Millis) -> list[str]:
    lines = []
    asked = store.mail.entries(agent.slug, "open", LISTED)
    for entry in asked:
        lines.append(f"- Open request {entry.message.id} from {sender(entry)}, {ago(now - entry.message.sent_at)} ago")
    for story in store.mail.sent(agent.slug, 20):
        waiting = [slug for slug, (delivery, _) in story.deliveries.items() if not delivery.answered and not delivery.ended]
        if story.message.kind == "request" and waiting:
            lines.append(f"- You wait for {', '.join(waiting)} on your request {story.message.id}")
    return lines[: 2 * LISTED]
