"""Foreign streams in memory: cursors, and what importing asks of the store."""

from __future__ import annotations

from sos.model.deliveries import CLAIMED, Delivery
from sos.model.foreign import Kept, names_of
from sos.stores.foreign import TakingStreams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sos.model.addresses import Address
    from sos.model.foreign import Foreign
    from sos.model.streams import Cursor
    from sos.ports import Directory, Mailbox
    from sos.stores.memory.store import State


class MemoryStreams(TakingStreams):
    """The port `Streams` over a `State`."""

    def __init__(self, state: State, mail: Mailbox, directory: Directory) -> None:
        super().__init__(mail, directory)
        self._state = state

    def _step(self) -> AbstractContextManager[object]:
        return self._state.step()

    def _cursors(self, agent: str) -> dict[Address, Cursor]:
        with self._state.lock:
            return {stream: cursor for (slug, stream), cursor in self._state.cursors.items() if slug == agent}

    def _heir_since(self, agent: str) -> int:
        with self._state.lock:
            former = [each for slug, each in self._state.agents.items() if slug.startswith(f"{agent}/")]
        return max((each.closed_at or 0 for each in former), default=0)

    def _save(self, agent: str, stream: Address, cursor: Cursor) -> None:
        self._state.cursors[agent, stream] = cursor

    def _depth(self, agent: str) -> int:
        return self._state.live.get(agent, 0)

    def _kept(self, entry: Foreign, agent: str) -> list[Kept]:
        ids, senders = names_of(entry, agent)
        numbers = [number for each in ids for sender in senders if (number := self._state.by_id.get((each, sender))) is not None]
        return [self._one(number, agent) for number in numbers]

    def _one(self, number: int, agent: str) -> Kept:
        message = self._state.messages[number]
        mine = (number, agent) in self._state.deliveries
        return Kept(number=number, id=message.id, sender=message.sender, text=message.text, address=message.address, mine=mine)

    def _share(self, number: int, agent: str) -> None:
        self._state.deliveries[number, agent] = Delivery(recipient=agent, rank=CLAIMED)
        self._state.live[agent] = self._state.live.get(agent, 0) + 1
        self._state.changed.add(agent)
