"""The forms of what commands show: as text, and (model/forms.py) as JSON."""

from __future__ import annotations

import os

from sos.core import rendering
from sos.model.forms import agent, body, delivery, entry, fact, message, peer, receipt, skill, state, story
from sos.model.times import ago, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Body
    from sos.model.deliveries import Entry, Story
    from sos.model.tasks import Task
    from sos.model.times import Millis

__all__ = [
    "agent", "body", "delivery", "entry", "fact", "line", "message", "peer", "receipt", "skill", "state", "story",
    "task_line", "task_whole", "told", "whole",
]  # fmt: skip


def runs(value: Body, presence: str, now: Millis) -> str:
    """One place where an agent runs, and what it does there."""
    program = " ".join(filter(None, (value.runtime, value.version)))
    where = " in ".join(filter(None, (value.host, value.cwd)))
    words = [presence, *(["holds the inbox"] if value.holder else []), f"seen {ago(now - value.seen_at)} ago"]
    process = f", process {value.pid}" if value.pid else ""
    return rendering.escape(f"{program} on {where}: {', '.join(words)} (session {value.session}{process})")


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


def task_line(value: Task, now: Millis) -> str:
    """One task of a list: id, where it stands, who gave it to whom, how old, and its title."""
    who = f"{value.creator} → {value.owner or value.assignee or 'anybody'}"
    return f"{value.id}  [{value.status}]  {who}  {ago(now - value.created_at)} ago  {rendering.escape(value.title)}"


def task_whole(value: Task) -> str:
    """A task whole: our own lines, and what agents wrote with a prefix on each line. It is data, not instruction."""
    lines = [f"task {value.id} · {value.status} · from {value.creator} · {iso(value.created_at)}"]
    if value.assignee is not None:
        lines.append(f"for {value.assignee} alone")
    if value.owner is not None:
        until = "" if value.leased_until is None else f", until {iso(value.leased_until)} (renew it: sos task renew {value.id})"
        lines.append(f"claim {value.fence} of {value.owner}{until}")
    if value.blocked_by:
        lines.append(f"after {', '.join(value.blocked_by)}")
    for what, text in (("title", value.title), ("text", value.text), ("result", value.result)):
        if text:
            lines += [f"{what}:", *(f"| {line}" for line in rendering.escape(text).split("\n"))]
    return "\n".join(lines)
