"""The stable JSON forms and the text forms of what commands show."""

from __future__ import annotations

import os

from sos.core import rendering
from sos.model.times import ago, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent
    from sos.model.deliveries import Delivery, Entry, Fact, Story
    from sos.model.messages import Message
    from sos.model.times import Millis


def message(value: Message) -> dict[str, object]:
    """A message's envelope."""
    made = value.fields()
    for key in ("sent_at", "deadline", "expires"):
        made[key] = None if made[key] is None else iso(made[key])
    return made


def delivery(value: Delivery) -> dict[str, object]:
    """Where a message stands for one recipient, in a few words."""
    return {
        "recipient": value.recipient,
        "state": state(value),
        "shown": value.shown,
        "arrival": value.known_arrival,
        "acked_at": None if value.acked_at is None else iso(value.acked_at),
        "replied_at": None if value.replied_at is None else iso(value.replied_at),
        "reason": value.reason,
    }


def state(value: Delivery) -> str:
    """One word or two for where a delivery stands: the strongest thing that is known."""
    if value.ended is not None:
        return value.ended
    if value.replied_at is not None:
        return "replied"
    if value.acked_at is not None:
        return "acked"
    if value.shown == 0:
        return "leased" if value.leased_until is not None else "unread"
    words = {"proven": "in context", "absent": "did not arrive", "pending": "surfaced (no evidence yet)"}
    return words.get(value.arrival, "surfaced (no evidence)")


def entry(value: Entry) -> dict[str, object]:
    """A message together with where it stands."""
    return {**message(value.message), "delivery": delivery(value.delivery), "damaged": value.damaged}


def fact(value: Fact) -> dict[str, object]:
    """One fact of a delivery."""
    return {"kind": value.kind, "at": iso(value.at), "body": value.body, "evidence": value.evidence}


def story(value: Story) -> dict[str, object]:
    """A message and everything known of it."""
    deliveries = [{**delivery(where), "facts": [fact(each) for each in facts]} for where, facts in value.deliveries.values()]
    return {**message(value.message), "deliveries": deliveries}


def agent(value: Agent) -> dict[str, object]:
    """An agent's record."""
    made = value.fields()
    for key in ("joined_at", "closed_at", "canary_at", "proven_at"):
        made[key] = None if made[key] is None else iso(made[key])
    return {"id": value.slug, **made, "squads": list(value.squads)}


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
