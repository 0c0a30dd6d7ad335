"""Stream addresses: the only place that spells one.

One agent, many spellings is the bug that this project exists to end: a sender wrote to one stream, its reader watched another,
and both looked healthy. We write one address per agent and read all that anybody has ever used.
"""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal, NewType

    from sos.model.names import Slug

    Address = NewType("Address", str)
    #: An address that stands for those of all agents: `{agent}` and `{project}` are put in.
    Convention = NewType("Convention", str)
    GlobalSpelling = Literal["agent", "global"]
else:
    Address = Convention = str

_GLOBAL: dict[GlobalSpelling, str] = {"agent": "sos:stream:agent:{agent}", "global": "sos:stream:global:agent:{agent}"}
_PROJECT = "sos:stream:project:{project}:agent:{agent}"
_LEGACY_PRIVATE = "sos:stream:sos:channel:private:agent:{agent}"
_BROADCASTS = (
    "sos:stream:project:{project}:broadcast",
    "sos:stream:global:broadcast",
    "sos:stream:global:agent:broadcast",
    "sos:stream:sos:channel:global",
)
_SQUAD = "sos:stream:project:{project}:squad:{squad}"

DEFAULT_PROJECT = "default"
PREFIX = "sos:stream:"
"""What all addresses begin with that anybody has used."""


def inbox_address(agent: Slug, project: str | None, spelling: GlobalSpelling = "agent") -> Address:
    """Where a message to `agent` is written: its project stream, or the global one where no project is known."""
    if project:
        return Address(_PROJECT.format(project=project, agent=agent))
    return Address(_GLOBAL[spelling].format(agent=agent))


def broadcast_address(project: str | None) -> Address:
    """Where a broadcast is written: to a project, or (None) to all."""
    return Address(_BROADCASTS[0].format(project=project) if project else _BROADCASTS[1])


def squad_address(project: str, squad: str) -> Address:
    """Where a message to a squad is written."""
    return Address(_SQUAD.format(project=project, squad=squad))


def parse_convention(text: str) -> Convention:
    """A further address that agents read, `{agent}` and `{project}` in it standing for theirs. Raises InvalidInput."""
    rest = text.replace("{agent}", "").replace("{project}", "")
    if not text or len(text) > 200 or not text.isprintable() or any(each in rest for each in "{} "):
        raise InvalidInput(
            f"{text[:60]!a} is no address of a stream",
            next_step="write it like team:{project}:inbox:{agent}, without spaces and other braces",
        )
    return Convention(text)


def read_addresses(
    agent: Slug, name: str, project: str, squads: tuple[str, ...] = (), conventions: Iterable[Convention] = ()
) -> tuple[Address, ...]:
    """Every address that reaches this agent, its own first, each once: by slug and by the name as joined.

    `conventions`: read besides those that everybody has used.
    """
    names = (agent,) if name == agent else (agent, name)
    own = [_PROJECT.format(project=project, agent=each) for each in names]
    for template in (_GLOBAL["agent"], _LEGACY_PRIVATE, _GLOBAL["global"]):
        own += [template.format(agent=each) for each in names]
    shared = [template.format(project=project) for template in _BROADCASTS]
    shared += [squad_address(project, squad) for squad in squads]
    # Not `format`: a name may hold braces.
    more = [each.replace("{project}", project).replace("{agent}", one) for each in conventions for one in names]
    return tuple(Address(address) for address in dict.fromkeys(own + shared + more))


class Target(Record):
    """What an address means: one agent, or everybody of a project, a squad, or all."""

    agent: str | None = None
    project: str | None = None
    squad: str | None = None


def parse_address(address: str) -> Target | None:
    """The meaning of an address in any of the spellings, or None where it is none of ours. A name as joined may hold `:`."""
    match address.split(":"):
        case ["sos", "stream", "project", project, "agent", *name] if project and any(name):
            return Target(agent=":".join(name), project=project)
        case ["sos", "stream", "project", project, "squad", squad] if project and squad:
            return Target(project=project, squad=squad)
        case ["sos", "stream", "project", project, "broadcast"] if project:
            return Target(project=project)
        case ["sos", "stream", "global", "broadcast"] | ["sos", "stream", "sos", "channel", "global"]:
            return Target()
        case ["sos", "stream", "global", "agent", "broadcast"]:
            return Target()
        case ["sos", "stream", "agent", *name] | ["sos", "stream", "global", "agent", *name] if any(name):
            return Target(agent=":".join(name))
        case ["sos", "stream", "sos", "channel", "private", "agent", *name] if any(name):
            return Target(agent=":".join(name))
        case _:
            return None


def is_direct(address: Address) -> bool:
    """Whether an address is one agent's own, and no broadcast's or squad's. One that we cannot read is taken for the agent's."""
    target = parse_address(address)
    return target is None or target.agent is not None
