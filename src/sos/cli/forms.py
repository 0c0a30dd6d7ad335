"""The forms of what commands show: as text, and (model/forms.py) as JSON."""

from __future__ import annotations

import os

from sos.core import rendering
from sos.model.forms import agent, delivery, entry, fact, message, peer, receipt, skill, state, story
from sos.model.times import ago, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent
    from sos.model.deliveries import Entry, Story
    from sos.model.times import Millis

__all__ = [
    "agent", "delivery", "entry", "fact", "line", "message", "peer", "receipt", "skill", "state", "story", "told", "whole",
]  # fmt: skip


def line(value: Entry, now: Millis) -> str:
    """One entry of a list: id, who, how old, where it stands, and the beginning of its text."""
    first = rendering.escape(value.message.text.split("\n", 1)[0])
    short = first if len(first) <= 60 else first[:59] + "…"
    asked = "REQUEST " if value.open_request else ""
    who = rendering.sender(value)
    return f"{value.message.id}  {who}  {ago(now - value.message.sent_at)} ago  {asked}[{state(value.delivery)}]  {short}"


def whole(value: Entry, reader: Agent, now: Millis) -> str:
    """A message whole, framed as in a context."""
    return rendering.fenced(value, reader, now, os.urandom(16).hex())


def told(value: Story) -> str:
    """A story as text: one line a fact, in order, with its evidence; where there is none, it says so."""
    found = value.message
    lines = [f"{found.kind} {found.id} from {rendering.escape(found.sender)} to {found.to} ({found.assurance}), {found.address}"]
    for recipient, (where, facts) in value.deliveries.items():
        lines.append(f"  {recipient}: {state(where)}")
        lines += [
            f"    {iso(each.at)}  {each.kind}"
            + (f"  in {each.body}" if each.body else "")
            + (f"  ({each.evidence})" if each.evidence else "")
            for each in facts
        ]
        if where.shown and where.known_arrival in {"pending", "no evidence"}:
            yet = " yet" if where.known_arrival == "pending" else ""
            lines.append(f"    no evidence{yet} that it stood in the context")
    return "\n".join(lines)
