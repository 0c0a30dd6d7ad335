"""What a handler sends: kept until it returns, and stored together with the acknowledgement of what it handled."""

from __future__ import annotations

from sos.model.record import Record
from sos.model.times import DAY, MINUTE, SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.ids import MessageId
    from sos.model.messages import Draft

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
