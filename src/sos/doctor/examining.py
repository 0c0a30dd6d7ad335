"""Climbing the ladder: rung by rung, for the machine and for each agent, down to the first one that is broken."""

from __future__ import annotations

import os

from sos.doctor import identity, inbox, machine, runtime
from sos.doctor.trouble import Looked, found, raised
from sos.homes import home as homes
from sos.model.errors import SosError
from sos.model.names import OPERATOR
from sos.model.record import Record
from sos.recovery.ladder import LADDER
from sos.wiring import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sos.doctor.inbox import Watching
    from sos.doctor.patient import Patient
    from sos.doctor.trouble import Trouble
    from sos.model.times import Millis
    from sos.settings import Settings

AFTER_BROKEN = "a rung above is broken, and explains what is broken here: sos doctor --all"


class Mended(Record):
    """What `mend` did about one finding, or why it could not."""

    code: str
    agent: str
    done: str = ""
    failed: str = ""


def climb(
    settings: Settings, patients: Sequence[Patient], watching: Watching, now: Millis, *, everything: bool, deep: bool
) -> Iterator[Looked]:
    """Each rung as it was looked at: the machine's once, then those of each agent. `everything`: also below a broken one."""
    first = machine.look(settings, now)
    bound = tuple(identity.bindings(settings)) if patients else tuple(_nobody(settings))
    yield first.replace(troubles=(*first.troubles, *bound))
    for patient in patients:
        if patient.has_left():
            yield from (Looked(rung=name, agent=patient.slug, skipped="it has left") for name in ("runtime", "inbox"))
            yield identity.left(patient)
            continue
        looks: tuple[Callable[[], Looked], ...] = (
            lambda patient=patient: runtime.look(patient, now, deep=deep),  # type: ignore[misc]
            lambda patient=patient: inbox.look(patient, watching, now, deep=deep),  # type: ignore[misc]
            lambda patient=patient: identity.look(patient, now),  # type: ignore[misc]
        )
        broken = first.broken
        for rung, look in zip(LADDER[1:4], looks, strict=True):
            if broken and not everything:
                yield Looked(rung=rung.name, agent=patient.slug, skipped=AFTER_BROKEN)
                continue
            looked = look()
            broken = broken or looked.broken
            yield looked


def _nobody(settings: Settings) -> Iterator[Trouble]:
    try:
        elsewhere = _served(settings) if not homes.slugs(settings.home) else 0
        if elsewhere:
            yield found(
                "note",
                "homes_elsewhere",
                f"this machine keeps the store of {elsewhere} agents, whose homes are elsewhere",
                "What keeps an agent from its mail is seen where its sessions run.",
                "sos peers   (here); sos doctor, where each of them runs",
            )
        elif not homes.slugs(settings.home):
            yield found(
                "warning",
                "nobody_here",
                f"no agent has joined here ({settings.home})",
                "There is no inbox to look at.",
                "sos join --name NAME --role ROLE",
            )
    except SosError as error:
        yield raised(error, "No agent here can be found.")


def _served(settings: Settings) -> int:
    """Agents of the store here, where there is one and its operator is at home. Raises StoreDamaged, StoreUnreachable, …"""
    if settings.redis is not None or settings.url is not None or not os.path.exists(homes.path_of(settings.home, OPERATOR)):
        return 0
    store = local.open_store(settings)
    try:
        return sum(agent.status == "open" and agent.slug != OPERATOR for agent in store.agents.agents())
    finally:
        store.close()


def mend(looked: Sequence[Looked]) -> list[Mended]:
    """Mend what is safe to mend without asking; what was done, and what could not be."""
    made = []
    for each in looked:
        for trouble in each.troubles:
            if trouble.mend is None:
                continue
            code = trouble.finding.code
            try:
                made.append(Mended(code=code, agent=each.agent, done=trouble.mend()))
            except SosError as error:
                made.append(Mended(code=code, agent=each.agent, failed=f"{error.message}; next: {error.next_step}"))
    return made
