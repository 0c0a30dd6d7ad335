"""How long what is over is kept. Nothing that somebody still has to see is ever removed to make room."""

from __future__ import annotations

from sos.model.times import DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.deliveries import Delivery
    from sos.model.messages import Message
    from sos.model.times import Millis

DONE_FOR = 30 * DAY
"""Milliseconds for which a message is kept whose deliveries are all over."""
DEAD_FOR = 14 * DAY
"""The same for a dead letter, from its death."""
ABANDONED_FOR = 30 * DAY
"""Milliseconds after an agent left at which its unread mail becomes dead letters, and their senders are told."""
BODY_FOR = 30 * DAY
"""Milliseconds for which a body that was not seen any more is kept."""
EVERY = 64
"""One message in this many brings a step of pruning with it."""
LOOKED_AT = 256
"""Messages that a step looks at, four times as many as come in between: a round through 30 days of them takes 8 days' sends."""


def is_past(message: Message, delivery: Delivery, now: Millis) -> bool:
    """Whether a delivery that is over has been kept long enough."""
    if delivery.ended == "dead":
        return (delivery.ended_at or 0) < now - DEAD_FOR
    return message.sent_at < now - DONE_FOR
