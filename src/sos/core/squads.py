"""Squads: who is in one, and putting agents in or out."""

from __future__ import annotations

from sos.core.sending import unknown
from sos.model.errors import InvalidInput
from sos.model.names import address_name, label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.core.sending import Sees
    from sos.model.names import Slug
    from sos.ports import Store


def change(store: Store, project: str, squad: str, names: Sequence[str], *, member: bool, sees: Sees) -> list[Slug]:
    """Put agents of a project in or out, all or none of the known ones; the members then. Raises UnknownAgent, InvalidInput."""
    squad = label(squad, "squad")
    slugs = [address_name(name) for name in names]
    for name, slug in zip(names, slugs, strict=True):
        agent = store.agents.agent(slug)
        if agent is None or not sees(agent):
            raise unknown(store, name, sees=sees)
        if agent.project != project:
            step = f"sos squad {'add' if member else 'remove'} {squad} {slug} --project {agent.project}"
            raise InvalidInput(f"{slug} is in project {agent.project}, not {project}", next_step=step)
    for slug in slugs:
        store.agents.change_squad(project, squad, slug, member=member)
    return list(store.agents.squad(project, squad))
