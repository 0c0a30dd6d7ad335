"""What a handler sends: kept until it returns, and stored together with the acknowledgement of what it handled."""

from __future__ import annotations

from sos.model.messages import EVERYWHERE
from sos.model.record import Record
from sos.model.times import DAY, MINUTE, SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from sos.model.ids import MessageId
    from sos.model.messages import Draft, Receipt

    class Sends(Protocol):
        """The part of a connection that sends."""

        def send(self, draft: Draft) -> Receipt:
            """To one agent."""
            ...

        def broadcast(self, draft: Draft, squad: str | None = None, project: str | None = None) -> Receipt:
            """To many."""
            ...

        def reply(self, answered: MessageId, draft: Draft, sender: str | None = None) -> Receipt:
            """To whoever sent a message."""
            ...


LEASE = 60 * SECOND
"""How long a message is a handler's before it must show that it goes on."""
LONGEST_LEASE = 15 * MINUTE
LONGEST_REST = DAY
"""Before a failed message may be tried again."""
MOST_LEASED = 100
MOST_SENT = 100
"""Messages that one handling may send."""


class Sending(Record):
    """One of them: to one agent; or, where it says so, an answer; or, by its kind, a broadcast."""

    draft: Draft
    answered: MessageId | None = None
    #: Whose message is answered, where several senders used one id.
    sender: str | None = None
    squad: str | None = None
    #: Of a broadcast: another project than the sender's own.
    project: str | None = None

    @property
    def whom(self) -> str:
        """To whom, in words."""
        if self.answered is not None:
            return f"{self.sender or 'the sender'} of {self.answered}"
        if self.draft.kind != "broadcast":
            return self.draft.to
        if self.squad == EVERYWHERE:
            return "everybody of all projects"
        whom = "everybody" if self.squad is None else f"squad {self.squad}"
        return whom if self.project is None else f"{whom} of project {self.project}"


def dispatch(given: Sending, connection: Sends) -> Receipt:
    """Send it now. Raises what the connection's call does."""
    if given.answered is not None:
        return connection.reply(given.answered, given.draft, given.sender)
    if given.draft.kind == "broadcast":
        return connection.broadcast(given.draft, given.squad, given.project)
    return connection.send(given.draft)
