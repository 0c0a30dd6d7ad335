"""The resume packet: what an agent must know at a session's start, after compaction and after clear. At most 600 tokens."""

from __future__ import annotations

import os

from sos.core import readiness
from sos.core.rendering import escape, sender
from sos.homes import undone
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.agents import Agent, Body
    from sos.ports import Store
    from sos.ports.connection import Connection
    from sos.settings import Settings

MAX_CHARACTERS = 1800
"""600 tokens: our lines are half prose, of four characters a token and more, and half ids and times, of two."""
LISTED = 3
MAX_PLACE = 160


def unfinished(settings: Settings, connect: Callable[[], Connection], home: str) -> list[str]:
    """What its join left undone and what this run could not do either, a line each."""
    if not os.path.lexists(undone.path_of(home)):
        return []
    from sos.wiring import resuming

    left = resuming.resume(settings, connect(), home)
    return [f"- Left undone by your join ({each.step}): {escape(each.what)[:MAX_PLACE]} → {each.next_step}" for each in left]


def packet(store: Store, agent: Agent, why: str, holder: Body | None, left: list[str], guide: str | None) -> str:
    """The four answers, unread, open requests in both directions, and where the guide is. The same for the same state."""
    found = readiness.answers(store, agent, guide)
    lines = [f"[sos] You are {agent.slug}, because of {escape(why)[:MAX_PLACE]}."]
    lines += [f"- {each.question} {each.answer[:MAX_PLACE]}" + ("" if each.good else f" → {each.next_step}") for each in found]
    if holder is not None:
        lines.append(
            f"- Another live session ({holder.session}, in {escape(holder.cwd)[-MAX_PLACE:]}) holds this inbox: messages are "
            "shown there. You may list them (sos inbox); to take over: sos take"
        )
    lines.append(f"- Unread: {store.mail.count(agent.slug, 'unread')} (shown with your next prompt; list: sos inbox)")
    lines += left
    lines += _open(store, agent)
    text = ""
    for line in lines:  # whole lines: half an id helps nobody
        if len(text) + len(line) <= MAX_CHARACTERS:
            text += line + "\n"
    return text.rstrip("\n")


def _open(store: Store, agent: Agent) -> list[str]:
    """Open requests, to it and by it: the first of each, and how many more."""
    lines = []
    asked = store.mail.entries(agent.slug, "open", LISTED)
    for entry in asked:
        lines.append(f"- Open request {entry.message.id} from {sender(entry)}, sent {iso(entry.message.sent_at)}")
    more = store.mail.count(agent.slug, "open") - len(asked)
    if more > 0:
        lines.append(f"- +{more} open requests: sos inbox --view open")
    waiting = store.mail.asked(agent.slug, 2 * LISTED)
    for entry in waiting[:LISTED]:
        lines.append(f"- You wait for {entry.delivery.recipient} on your request {entry.message.id}")
    if len(waiting) > LISTED:
        lines.append("- And on others: sos sent")
    return lines
