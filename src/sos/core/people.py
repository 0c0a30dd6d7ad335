"""Who else is there, and how they are."""

from __future__ import annotations

from sos.core import listening
from sos.model.agents import Peer, presence_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.core.sending import Sees
    from sos.model.agents import Agent
    from sos.model.times import Millis
    from sos.ports import Store


def peers(store: Store, me: Agent, sees: Sees, now: Millis) -> list[Peer]:
    """All agents but `me` that it may know of, those that have left as well."""
    found = []
    for agent in store.agents.agents():
        if agent.slug == me.slug or not sees(agent):
            continue
        bodies = store.agents.bodies(agent.slug)
        presence = "closed" if agent.status == "closed" else presence_of(bodies[0], now) if bodies else "unknown"
        skills = tuple(skill.id for skill in store.skills.list(agent.project, agent.slug) if skill.status == "active")
        found.append(Peer(agent=agent, presence=presence, hearing=listening.brief(store, agent.slug, now), skills=skills))
    return found
