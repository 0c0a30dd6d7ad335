"""The store as a hook run over a wire sees it: one look, taken at its beginning, and what it will say at its end.

It answers what hook/session.py asks of a store, and nothing else: a question that the look has no answer to is a defect.
"""

from __future__ import annotations

from sos.model.errors import StoreUnreachable
from sos.model.transitions import Kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from sos.model.agents import Agent, Body, Note
    from sos.model.deliveries import Entry, View
    from sos.model.findings import Notice
    from sos.model.ids import MessageId
    from sos.model.names import Slug
    from sos.model.skills import Skill
    from sos.model.times import Millis
    from sos.model.transitions import Action
    from sos.model.turns import Look, Mark
    from sos.remote.connection import HttpConnection

    MarkOf = Callable[[int, Action], Mark]


class TurnStore:
    """What stands in for the store: it is its own mailbox, directory and skills. `mark_of`: core.turns.mark_of."""

    def __init__(self, connection: HttpConnection, look: Look, mark_of: MarkOf) -> None:
        self.mail = self.agents = self.skills = self
        self.epoch = look.epoch
        self._connection = connection
        self._look = look
        self._mark_of = mark_of
        self._told: Millis | None = None
        self._proven: str | None = None
        self._lost = False

    # --- mail -----------------------------------------------------------------------------------------------------------

    def tick(self, now: Millis) -> int:
        """The server watches the time."""
        return 0

    def head(self) -> int:
        """The newest number."""
        return self._look.head

    def entries(self, agent: Slug, view: View, limit: int, turn: int | None = None) -> list[Entry]:
        """A view of the inbox."""
        look = self._look
        if view == "unread":
            return [entry for entry in look.due if entry.delivery.unread][:limit]
        if view == "due" and turn != look.turn:
            raise StoreUnreachable(f"the server looked at turn {look.turn}, and it is turn {turn}")
        found = {"due": look.due, "pending": look.pending, "open": look.open}
        return list(found[view][:limit])

    def count(self, agent: Slug, view: View, turn: int | None = None) -> int:
        """How many entries a view holds."""
        return {"due": self._look.due_count, "unread": self._look.unread, "open": self._look.open_count}[view]

    def asked(self, agent: Slug, limit: int) -> list[Entry]:
        """Open requests of the agent's own."""
        return list(self._look.asked[:limit])

    def apply(self, agent: Slug, changes: Sequence[tuple[MessageId | int, Action]]) -> None:
        """End damaged messages at once."""
        ended = [number for number, action in changes if isinstance(number, int) and isinstance(action, Kill)]
        self._connection.mark([], ended)

    def lost(self, agent: Slug) -> list[int]:
        """What another hand took away."""
        return list(self._look.lost)

    def forget_lost(self, agent: Slug) -> None:
        """It was said."""
        self._lost = True

    def settle(self, body: Body, turn: int, changes: Sequence[tuple[MessageId | int, Action]], *, takes: bool) -> bool:
        """End the run."""
        marks = [self._mark_of(number, action) for number, action in changes if isinstance(number, int)]
        return self._connection.settle(body, turn, marks, self._told, self._proven, lost=self._lost, takes=takes)

    # --- agents and skills ------------------------------------------------------------------------------------------------

    def body(self, session: str) -> Body | None:
        """The body of this session."""
        return self._look.body

    def bodies(self, agent: Slug) -> list[Body]:
        """All bodies, the newest first."""
        return list(self._look.bodies)

    def notices(self, agent: Slug) -> list[Notice]:
        """What was not told yet."""
        return list(self._look.notices)

    def note(self, slug: Slug) -> Note | None:
        """What the agent left for its next self."""
        return self._look.note

    def told(self, agent: Slug, up_to: Millis) -> None:
        """They were told, by the server's own times."""
        self._told = max((notice.at for notice in self._look.notices), default=None)

    def prove(self, slug: Slug, field: Literal["proven"], at: Millis, by: str) -> None:
        """A message was proven to stand in the context."""
        self._proven = by

    def list(self, project: str, owner: Slug) -> list[Skill]:
        """The agent's own skills."""
        return list(self._look.skills)

    @property
    def agent(self) -> Agent:
        """The agent as the server knows it."""
        return self._look.agent
