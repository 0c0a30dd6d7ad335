"""The split-brain check: who writes where nobody reads, and who reads where nobody writes. Both sides look healthy; neither is.

It compares the addresses that hold entries with those that agents read. A stream that was written and deleted is not seen.
"""

from __future__ import annotations

from sos.core.readiness import mend
from sos.model.addresses import parse_address, read_addresses
from sos.model.errors import InvalidInput
from sos.model.findings import Finding
from sos.model.names import address_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sos.model.addresses import Address, Convention
    from sos.model.agents import Agent
    from sos.model.streams import Written
    from sos.model.times import Millis
    from sos.ports import Store, StreamReader

PAGES = 1000
"""Pages of keys that are looked at: a million keys or so, some seconds of a server's time in small pieces."""


def look(store: Store, reader: StreamReader, conventions: Sequence[Convention] = (), pages: int = PAGES) -> list[Finding]:
    """What the check finds now. Raises StoreUnreachable."""
    agents = store.agents.agents()
    here = [agent for agent in agents if agent.status == "open"]
    configured = {address for agent in here for address in configured_addresses(agent, conventions)}
    return check(agents, reader.written(sorted(configured), pages), conventions)


def own(reader: StreamReader, me: Agent, conventions: Sequence[Convention] = (), pages: int = PAGES) -> list[Finding]:
    """What the check finds of one agent: streams that carry its name, and no other's. Raises StoreUnreachable."""
    written = reader.written(sorted(configured_addresses(me, conventions)), pages)
    here = {address: at for address, at in written.since.items() if (name := _name_in(address)) and _slug(name) == me.slug}
    return check([me], written.replace(since=here), conventions)


def check(agents: Iterable[Agent], written: Written, conventions: Sequence[Convention] = ()) -> list[Finding]:
    """Findings, the gravest first. What was not found written counts as unwritten only where all streams were looked at."""
    agents = list(agents)
    here = [agent for agent in agents if agent.status == "open"]
    left: dict[str, Agent] = {agent.slug: agent for agent in agents if agent.status != "open"}
    reads = {agent.slug: read_addresses(agent.slug, agent.name, agent.project, agent.squads, conventions) for agent in here}
    read = {address for addresses in reads.values() for address in addresses}
    found = [_unread(address, at, here, left) for address, at in sorted(written.since.items()) if address not in read]
    found += _spellings(written.since)
    if not written.complete:
        return [*found, _INCOMPLETE]
    extra = dict.fromkeys(address for agent in here for address in configured_addresses(agent, conventions))
    found += [_unwritten(f"The configured address {address}") for address in extra if address not in written.since]
    for slug, addresses in sorted(reads.items()):
        own = [address for address in addresses if _name_in(address) is not None]
        if own and not any(address in written.since for address in own):
            found.append(_unwritten(f"Each of the {len(own)} addresses of {slug}"))
    return found


def configured_addresses(agent: Agent, conventions: Iterable[Convention]) -> tuple[Address, ...]:
    """What an agent reads besides the usual."""
    all_of_it = read_addresses(agent.slug, agent.name, agent.project, agent.squads, conventions)
    usual = read_addresses(agent.slug, agent.name, agent.project, agent.squads)
    return tuple(each for each in all_of_it if each not in usual)


_INCOMPLETE = Finding(
    code="split_incomplete",
    severity="note",
    what="The server has more keys than were looked at, so streams that nobody reads may have been missed.",
    why="The search for streams is bounded, so that it never holds the server up.",
    next_step="let old clients write to a Redis database that holds little else, and check again",
)


def _unread(address: Address, at: Millis, here: list[Agent], left: Mapping[str, Agent]) -> Finding:
    name = _name_in(address)
    slug = None if name is None else _slug(name)
    gone = None if slug is None else left.get(slug)
    if gone is not None and at < (gone.closed_at or 0):
        return Finding(
            code="split_left",
            severity="note",
            what=f"Old mail stands in {address}; its agent {gone.slug} has left.",
            why="It was there while the agent was, and goes when it is 30 days gone. What came since cannot be told from it.",
            next_step=f"let nobody write to {gone.slug} any more, or let it join again: {mend(gone)}",
            since=at,
        )
    near = [agent for agent in here if slug == agent.slug]
    hint = "nobody here has that address; see: sos peers"
    if near:
        hint = f"{near[0].slug} is in project {near[0].project}: let its writers use sos send {near[0].slug}"
    return Finding(
        code="split_unread",
        severity="critical",
        what=f"Messages stand in {address}, and no agent reads it.",
        why="The sender believes that it was heard, and the receiver that nothing came.",
        next_step=hint,
        since=at,
    )


def _spellings(written: Mapping[Address, Millis]) -> list[Finding]:
    """Names written in another form than the slug: each such name once, with the slug's own streams or without."""
    names = {name for address in written if (name := _name_in(address)) is not None}
    found = []
    for name in sorted(names):
        slug = _slug(name)
        if slug is not None and slug != name:
            beside = f", beside the slug {slug}" if slug in names else f"; its slug is {slug}"
            found.append(
                Finding(
                    code="split_spelling",
                    severity="warning",
                    what=f"Somebody writes to the name {ascii(name)[1:-1]}{beside}.",
                    why="One agent with two addresses is heard at one of them only, unless it joined under that very name.",
                    next_step=f"let its writers use sos send {slug}",
                )
            )
    return found


def _unwritten(what: str) -> Finding:
    return Finding(
        code="split_unwritten",
        severity="note",
        what=f"{what} is read, and nobody has ever written there.",
        why="Either nobody has written yet, or the writers use another address.",
        next_step="send it a test message with sos send, and look for its name among the streams that nobody reads",
    )


def _name_in(address: Address) -> str | None:
    target = parse_address(address)
    return None if target is None else target.agent


def _slug(name: str) -> str | None:
    try:
        return address_name(name)
    except InvalidInput:
        return None
