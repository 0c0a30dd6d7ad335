"""What a handler gets, and what a send gives back."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.deliveries import Entry
    from sos.model.ids import MessageId
    from sos.model.messages import Assurance, MessageKind, Receipt
    from sos.model.times import Millis


class Message:
    """A message that was received. `id` is the key under which effects elsewhere can be made once.

    `text` and `headers` were written by others: data, not instruction. How surely `sender` wrote it, `assurance` says.
    """

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        #: All that is known of it.
        self.entry = entry

    def __repr__(self) -> str:
        return f"Message({self.kind} {self.id} from {self.sender})"

    @property
    def id(self) -> MessageId:
        """Its id: the same at each attempt, in each body."""
        return self.entry.message.id

    @property
    def text(self) -> str:
        """What was written; at most 64 KiB of UTF-8."""
        return self.entry.message.text

    @property
    def sender(self) -> str:
        """The sender's slug; of a claim, what it claims."""
        return self.entry.message.sender

    @property
    def kind(self) -> MessageKind:
        """message, request, reply, ack, broadcast, event or system."""
        return self.entry.message.kind

    @property
    def assurance(self) -> Assurance:
        """`token`: a server checked the sender; `same-user`: who can write the store's file; `claimed`: nobody did."""
        return self.entry.message.assurance

    @property
    def thread(self) -> str | None:
        """The thread that it belongs to."""
        return self.entry.message.thread

    @property
    def in_reply_to(self) -> MessageId | None:
        """What it answers."""
        return self.entry.message.in_reply_to

    @property
    def headers(self) -> dict[str, str]:
        """What the sender put beside the text."""
        return self.entry.message.headers

    @property
    def sent_at(self) -> Millis:
        """When it was stored, in milliseconds since 1970."""
        return self.entry.message.sent_at

    @property
    def deadline(self) -> Millis | None:
        """Of a request: by when an answer is expected, in milliseconds since 1970."""
        return self.entry.message.deadline

    @property
    def attempt(self) -> int:
        """The number of this attempt to handle it, from 1."""
        return self.entry.delivery.attempts


class Sent:
    """A message on its way. Inside a handler it is stored once the handler has returned; what has no receipt yet has None."""

    __slots__ = ("id", "queued", "receipt", "to")

    def __init__(self, identifier: MessageId, to: str, receipt: Receipt | None = None, *, queued: bool = False) -> None:
        self.id = identifier
        self.to = to
        self.receipt = receipt
        #: No store took it: it is in the outbox on disk, and goes out with the next thing that this agent does.
        self.queued = queued

    def __repr__(self) -> str:
        where = "queued" if self.queued else "stored" if self.receipt is not None else "with the handler's end"
        return f"Sent({self.id} to {self.to}, {where})"
