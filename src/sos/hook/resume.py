"""The resume packet: what an agent must know at a session's start, after compaction and after clear. At most 600 tokens."""

from __future__ import annotations

import os

from sos.core import readiness
from sos.core.rendering import escape, sender
from sos.homes import undone
from sos.model.agents import BEATING
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.agents import Agent, Body
    from sos.ports import Store
    from sos.ports.connection import Connection
    from sos.settings import Settings

MAX_TOKENS = 560
"""Of 600, by an estimate that is a little high for prose and paths, and a little low for times."""
LISTED = 3
MAX_ANSWER = 110
MAX_REASON = 160
MAX_NOTED = 600
"""Characters of the handover note."""
MAX_PLACE = 64
"""Characters of another session's directory: its end tells it from others."""


def unfinished(settings: Settings, connect: Callable[[], Connection], home: str) -> list[str]:
    """What its join left undone and what this run could not do either, a line each."""
    if not os.path.lexists(undone.path_of(home)):
        return []
    from sos.wiring import resuming

    left = resuming.resume(settings, connect(), home)
    return [f"- Left undone by your join ({each.step}): {escape(each.what)[:MAX_ANSWER]} → {each.next_step}" for each in left]


def packet(store: Store, agent: Agent, why: str, holder: Body | None, left: list[str], guide: str | None) -> str:
    """The four answers, unread, the handover note, open requests in both directions. The same for the same state."""
    found = readiness.answers(store, agent, guide)
    lines = [f"[sos] You are {agent.slug}, because of {_short(why, MAX_REASON)}."]
    for each in found:
        answer = each.answer if each.answer == guide else each.answer[:MAX_ANSWER]  # a path helps only whole
        lines.append(f"- {each.question} {answer}" + ("" if each.good else f" → {each.next_step}"))
    if holder is not None and holder.runtime in BEATING:
        lines.append(
            f"- A program of yours ({holder.runtime}, process {holder.pid}) receives from this inbox and answers: messages are "
            "not shown here. You may list them (sos inbox --view recent); they come here when it has ended"
        )
    elif holder is not None:
        lines.append(
            f"- Another live session ({holder.session}, in {_short(holder.cwd, MAX_PLACE)}) holds this inbox: messages are "
            "shown there. You may list them (sos inbox); to take over: sos take"
        )
    lines.append(f"- Unread: {store.mail.count(agent.slug, 'unread')} (shown with your next prompt; list: sos inbox)")
    lines += left
    lines += _note(store, agent)
    lines += _open(store, agent)
    kept, room = [], MAX_TOKENS
    for line in lines:  # whole lines: half an id helps nobody
        if (tokens := _tokens(line)) <= room:
            kept.append(line)
            room -= tokens
    return "\n".join(kept)


def _note(store: Store, agent: Agent) -> list[str]:
    note = store.agents.note(agent.slug)
    if note is None:
        return []
    shown = escape(note.text.replace("\n", " ⏎ "))  # one line of the packet, whatever it says
    cut = f"{shown[:MAX_NOTED]}… (whole: sos note)" if len(shown) > MAX_NOTED else shown
    return [f"- Your own note of {iso(note.at)}: {cut}"]


def _tokens(line: str) -> int:
    """About how many a model makes of it: four letters each in a word, two bytes each in a path, an id, a time."""
    return sum(-(-len(word) // 4) if word.isalpha() else -(-len(word.encode()) // 2) for word in line.split())


def _open(store: Store, agent: Agent) -> list[str]:
    """Open requests, to it and by it: how many more, and the first of each. What counts stands first: the list's end may drop."""
    asked = store.mail.entries(agent.slug, "open", LISTED)
    waiting = store.mail.asked(agent.slug, LISTED + 1)
    lines = []
    more = store.mail.count(agent.slug, "open") - len(asked)
    if more > 0:
        lines.append(f"- +{more} open requests: sos inbox --view open")
    if len(waiting) > LISTED:
        lines.append(f"- You wait for more than {LISTED} answers: sos sent")
    lines += [f"- Open request {entry.message.id} from {sender(entry)}, sent {iso(entry.message.sent_at)}" for entry in asked]
    lines += [f"- You wait for {entry.delivery.recipient} on your request {entry.message.id}" for entry in waiting[:LISTED]]
    return lines


def _short(words: str, most: int) -> str:
    """A reason or a directory in at most so many characters, its middle left out where it is longer."""
    shown = escape(words)
    return shown if len(shown) <= most else f"{shown[:15]}…{shown[16 - most :]}"
