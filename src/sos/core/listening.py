"""What a store knows of whether its agents hear: the facts to judge by (core/hearing.py), and the short answer for peers."""

from __future__ import annotations

import time

from sos.core import hearing
from sos.core.hearing import Facts
from sos.model.names import OPERATOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.core.hearing import Hearing
    from sos.model.addresses import Convention
    from sos.model.agents import Agent, Body
    from sos.model.deliveries import Entry
    from sos.model.names import Slug
    from sos.model.times import Millis
    from sos.ports import Store

PAGE = 64
"""Unread messages that the sentinel looks at: the oldest of these stands for all."""
AT_ONCE = 8
"""Of those, what a send looks at: 64 of them took a millisecond, which is several sends."""


def brief(store: Store, slug: Slug, now: Millis) -> Hearing:
    """How an agent is, for its peers and for the receipt of a send: one read where it hears, three at most."""
    bodies = store.agents.bodies(slug)
    here = hearing.present(bodies)
    facts = Facts(now=now, bodies=tuple(bodies), long_tool=hearing.LONG_TOOL)
    lately = any(body.hook_at is not None and now - body.hook_at <= hearing.SILENT for body in here)
    if not here or (lately and not hearing.opportunities(here)):
        return hearing.judge(facts).hearing  # what waits would change nothing
    agent = store.agents.agent(slug)
    return hearing.judge(facts if agent is None else _waiting(store, agent, facts, AT_ONCE)[0]).hearing


def facts(store: Store, agent: Agent, now: Millis, conventions: Sequence[Convention] = ()) -> Facts:
    """All that the store alone knows of an agent. Raises StoreUnreachable."""
    from sos.core import inbox
    from sos.model.addresses import read_addresses

    made, entries = _waiting(store, agent, Facts(now=now, bodies=tuple(store.agents.bodies(agent.slug))), PAGE)
    reads = read_addresses(agent.slug, agent.name, agent.project, agent.squads, conventions)
    known = [record for record in store.tokens.of(agent.slug) if record.service == "bus"]
    counts = [each for each in known if each.revoked_at is None and (each.expires_at is None or each.expires_at > now)]
    head = store.mail.head()
    return made.replace(
        ignored=inbox.waiting(store, agent),
        tokenless=not counts,
        ahead=any(body.offered > head for body in made.bodies),
        # The operator is of no project, and its mail stands in its own stream.
        astray=agent.slug != OPERATOR and any(entry.message.address not in reads for entry in entries),
    )


def _waiting(store: Store, agent: Agent, known: Facts, limit: int) -> tuple[Facts, list[Entry]]:
    entries = store.mail.entries(agent.slug, "unread", limit)
    if not entries:
        return known, entries
    oldest = min(entry.message.sent_at for entry in entries)
    alone = left_alone(agent, hearing.present(known.bodies), entries, known.now)
    return known.replace(unread=len(entries), oldest=oldest, left_alone=alone), entries


def left_alone(agent: Agent, here: list[Body], entries: list[Entry], now: Millis) -> bool:
    """Whether it is idle, and by its own rules nothing of what waits is to wake it now."""
    if any(body.presence == "working" for body in here):
        return False
    local = time.localtime(now / 1000)
    quiet = agent.attention.is_quiet(local.tm_hour * 60 + local.tm_min)
    return quiet or not any(agent.attention.wakes(entry.delivery.rank) for entry in entries)
