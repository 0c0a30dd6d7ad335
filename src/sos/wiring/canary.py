"""The canary of a join: one test message through the bus and back, and through the installed hook. It is sent once.

Its id and nonce stand in the home before the store has it, so that a join which was killed goes on with the same one.
"""

from __future__ import annotations

import os

from sos import files
from sos.core.sending import address_of
from sos.homes import home as homes
from sos.model import names
from sos.model.errors import StoreDamaged, UnknownMessage
from sos.model.ids import MessageId, is_id, new_id
from sos.model.messages import Draft
from sos.model.parcels import Parcel
from sos.model.record import Record
from sos.model.times import iso
from sos.model.transitions import Ack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent
    from sos.model.deliveries import Entry
    from sos.ports import Clock, Store
    from sos.settings import Settings

FILE = "canary"


class Canary(Record):
    """A test message: its id, and a text that nobody else knows."""

    id: MessageId
    nonce: str


def came_back(settings: Settings, store: Store, agent: Agent, clock: Clock) -> tuple[Canary, str]:
    """Send it unless it came through before, read it back, acknowledge it; it and how that went.

    Raises what keeps this agent from being reached: store errors, StoreDamaged for a canary that came back changed.
    """
    home, begun = homes.path_of(settings.home, agent.slug), clock.now()
    known = _load(home)
    entry = None if known is None else _found(store, agent, known)
    if known is not None and entry is not None and agent.canary_at is not None:
        return known, f"came through at {iso(agent.canary_at)}"
    if known is None or (entry is not None and entry.delivery.answered):
        known = _fresh(home, clock)
    entry = _sent(settings, store, agent, known, clock)
    if entry is None:  # the id is that of another agent, which had this home before
        known = _fresh(home, clock)
        entry = _sent(settings, store, agent, known, clock)
    if entry is None or entry.damaged or known.nonce not in entry.message.text:
        raise StoreDamaged("the test message of this join came back changed", next_step="sos backup list, then: sos guide")
    now = clock.now()
    store.mail.apply(agent.slug, [(entry.message.seq, Ack(at=now, body=""))])
    store.agents.prove(agent.slug, "canary", now)
    return known, f"through {entry.message.address} at {iso(now)}, {now - begun} ms"


def _sent(settings: Settings, store: Store, agent: Agent, canary: Canary, clock: Clock) -> Entry | None:
    draft = Draft(id=canary.id, to=agent.slug, text=f"canary {canary.nonce}", kind="system")
    address = address_of(agent, settings.global_stream)
    parcel = Parcel(draft=draft, sender=names.SYSTEM, recipients=(agent.slug,), project=agent.project, address=address,
                    assurance="same-user", sent_at=clock.now())  # fmt: skip
    store.mail.post([parcel])
    return _found(store, agent, canary)


def _found(store: Store, agent: Agent, canary: Canary) -> Entry | None:
    try:
        return next(entry for entry in store.mail.find(agent.slug, [canary.id]) if entry.message.kind == "system")
    except (UnknownMessage, StopIteration):
        return None


def _fresh(home: str, clock: Clock) -> Canary:
    made = Canary(id=new_id(clock.now()), nonce=os.urandom(8).hex())
    files.write(os.path.join(home, FILE), f"{made.id} {made.nonce}\n".encode())
    return made


def _load(home: str) -> Canary | None:
    data = files.read(os.path.join(home, FILE), limit=4096) or b""
    identifier, _, nonce = data.decode("ascii", "replace").strip().partition(" ")
    return Canary(id=MessageId(identifier), nonce=nonce) if is_id(identifier) and nonce.isalnum() else None
