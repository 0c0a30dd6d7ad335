"""The canary of a join: one test message through the bus and back, and through the installed hook. It is sent once.

Its id and nonce stand in the home before the store has it, so that a join which was killed goes on with the same one.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.model.errors import StoreDamaged
from sos.model.ids import MessageId, is_id, new_id
from sos.model.record import Record
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.ports import Clock
    from sos.ports.connection import Connection
    from sos.settings import Settings

FILE = "canary"


class Canary(Record):
    """A test message: its id, and a text that nobody else knows."""

    id: MessageId
    nonce: str


def came_back(settings: Settings, connection: Connection, *, anew: bool = False) -> tuple[Canary, str]:
    """Send it unless it came through before, or `anew`; read it back, acknowledge it; it and how that went.

    Raises what keeps this agent from being reached: store errors, StoreDamaged for a canary that came back changed.
    """
    agent, clock = connection.myself().agent, connection.clock
    home, begun = homes.path_of(settings.home, agent.slug), clock.now()
    known = None if anew else _load(home)
    entry = None if known is None else connection.canary(known.id)
    if known is not None and entry is not None and agent.canary_at is not None:
        return known, f"came through at {iso(agent.canary_at)}"
    if known is None or (entry is not None and entry.delivery.answered):
        known = _fresh(home, clock)
    entry = connection.canary(known.id, known.nonce)
    if entry is None:  # the id is that of another agent, which had this home before
        known = _fresh(home, clock)
        entry = connection.canary(known.id, known.nonce)
    if entry is None or entry.damaged or known.nonce not in entry.message.text:
        raise StoreDamaged("the test message of this join came back changed", next_step="sos backup list, then: sos guide")
    connection.canary_came_back(known.id)
    now = clock.now()
    return known, f"through {entry.message.address} at {iso(now)}, {now - begun} ms"


def _fresh(home: str, clock: Clock) -> Canary:
    made = Canary(id=new_id(clock.now()), nonce=os.urandom(8).hex())
    files.write(os.path.join(home, FILE), f"{made.id} {made.nonce}\n".encode())
    return made


def _load(home: str) -> Canary | None:
    data = files.read(os.path.join(home, FILE), limit=4096) or b""
    identifier, _, nonce = data.decode("ascii", "replace").strip().partition(" ")
    return Canary(id=MessageId(identifier), nonce=nonce) if is_id(identifier) and nonce.isalnum() else None
