"""The stable JSON forms of what faces show: commands with --json, and agent tools."""

from __future__ import annotations

from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Body, Peer
    from sos.model.deliveries import Delivery, Entry, Fact, Story
    from sos.model.messages import Message, Receipt
    from sos.model.skills import FoundSkill, Skill
    from sos.model.tasks import Task


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


def body(value: Body) -> dict[str, object]:
    """One place where an agent runs. `id`: its session."""
    names = ("runtime", "version", "host", "boot", "pid", "cwd", "holder", "hook_event", "hook_outcome")
    found = {name: getattr(value, name) for name in names}
    return {"id": value.session, "started_at": iso(value.started_at), "seen_at": iso(value.seen_at), **found}


def agent(value: Agent) -> dict[str, object]:
    """An agent's record."""
    made = value.fields()
    for key in ("joined_at", "closed_at", "canary_at", "proven_at"):
        made[key] = None if made[key] is None else iso(made[key])
    return {"id": value.slug, **made, "squads": list(value.squads)}


def peer(value: Peer) -> dict[str, object]:
    """An agent as others see it."""
    return {**agent(value.agent), "presence": value.presence, "hearing": value.hearing, "skills": list(value.skills)}


def skill(value: Skill) -> dict[str, object]:
    """A skill's full descriptor."""
    return {**value.fields(), "labels": list(value.labels), "keywords": list(value.keywords)}


def found_skill(value: FoundSkill) -> dict[str, object]:
    """A skill that was found, and how its owner is."""
    return {**skill(value.skill), "role": value.role, "presence": value.presence, "hearing": value.hearing}


def task(value: Task) -> dict[str, object]:
    """A task."""
    made = {**value.fields(), "blocked_by": list(value.blocked_by)}
    for key in ("created_at", "claimed_at", "leased_until", "changed_at"):
        made[key] = None if made[key] is None else iso(made[key])
    return made


def receipt(value: Receipt) -> dict[str, object]:
    """What a sender holds after a send."""
    made = value.fields()
    deadline = None if value.deadline is None else iso(value.deadline)
    return {**made, "queued": False, "recipients": list(value.recipients), "deadline": deadline}
