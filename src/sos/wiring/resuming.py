"""What a join left undone, tried again at a session's start; what is still left is said."""

from __future__ import annotations

from sos.homes import undone
from sos.model.errors import SosError
from sos.model.skills import declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.homes.undone import Undone
    from sos.model.agents import Agent
    from sos.ports import Store
    from sos.settings import Settings


def resume(settings: Settings, store: Store, agent: Agent, home: str) -> list[Undone]:
    """Try each step again; what is left. A hook that runs this is the proof that runtime and hook are connected."""
    before = undone.load(home)
    left = [each for each in before if each.step not in {"runtime", "hook"} and not _done(settings, store, agent, home, each)]
    if left != before:
        undone.save(home, left)
    return left


def _done(settings: Settings, store: Store, agent: Agent, home: str, step: Undone) -> bool:
    try:
        if step.step == "skills":
            store.skills.put([declared(name, agent.slug, agent.project) for name in step.values])
        else:
            from sos.recovery import guide
            from sos.wiring.local import facts

            guide.install(home, facts(settings, agent))
    except SosError:
        return False
    return True
