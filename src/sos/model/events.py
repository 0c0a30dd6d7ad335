"""What the mesh itself tells a sender: overdue, expired, undelivered. Events are never answered by events."""

from __future__ import annotations

from sos.model.addresses import inbox_address
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import SYSTEM, Slug
from sos.model.parcels import Parcel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.messages import Message
    from sos.model.times import Millis
    from sos.model.transitions import EventKind

_TEXTS: dict[EventKind, str] = {
    "overdue": "Your request to {recipient} has had no answer by its deadline.",
    "expired": "Your message to {recipient} expired before it was read.",
    "undelivered": "Your message to {recipient} was shown and never reached its context: {reason}.",
    "dead": "Your message to {recipient} was not delivered: {reason}.",
}


def event(kind: EventKind, message: Message, recipient: str, reason: str, at: Millis) -> Parcel | None:
    """The parcel that tells the sender of `message`, or None where nobody is to be told."""
    if message.kind in {"event", "system"} or message.assurance == "claimed" or message.sender == SYSTEM:
        return None
    text = _TEXTS[kind].format(recipient=recipient, reason=reason or kind) + f" See: sos trace {message.id}"
    return Parcel(
        draft=Draft(id=new_id(at), to=message.sender, text=text, kind="event", in_reply_to=message.id, headers={"event": kind}),
        sender=SYSTEM,
        recipients=(message.sender,),
        project=message.project,
        address=inbox_address(Slug(message.sender), message.project),
        assurance="same-user",
        sent_at=at,
    )
