"""The split-brain check: who writes where nobody reads, and who reads where nobody writes. Both sides look healthy; neither is.

Pure: it compares the addresses that hold entries with those that agents read. A stream that was written and deleted is not seen.
"""

from __future__ import annotations

from sos.model.addresses import parse_address, read_addresses
from sos.model.errors import InvalidInput
from sos.model.findings import Finding
from sos.model.names import address_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sos.model.addresses import Address
    from sos.model.agents import Agent
    from sos.model.times import Millis


def check(agents: Iterable[Agent], written: Mapping[Address, Millis], configured: Iterable[Address] = ()) -> list[Finding]:
    """Findings, the gravest first. `written`: addresses that hold entries, since when. `configured`: read besides the usual."""
    here = [agent for agent in agents if agent.status == "open"]
    reads = {agent.slug: read_addresses(agent.slug, agent.name, agent.project, agent.squads) for agent in here}
    extra = tuple(configured)
    read = {address for addresses in reads.values() for address in addresses} | set(extra)
    found = [_unread(address, at, here) for address, at in sorted(written.items()) if address not in read]
    found += _spellings(written)
    found += [_unwritten(f"The configured address {address}") for address in extra if address not in written]
    for slug, addresses in sorted(reads.items()):
        own = [address for address in addresses if _name_in(address) is not None]
        if own and not any(address in written for address in own):
            found.append(_unwritten(f"Each of the {len(own)} addresses of {slug}"))
    return found


def _unread(address: Address, at: Millis, here: list[Agent]) -> Finding:
    name = _name_in(address)
    slug = None if name is None else _slug(name)
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
