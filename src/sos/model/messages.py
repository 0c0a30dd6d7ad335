"""Messages: what a sender writes (Draft), what is stored and shown (Message), and their limits."""

from __future__ import annotations

from sos.model import wire
from sos.model.digests import sha256
from sos.model.errors import InvalidInput, TextTooLong, TooManyHops
from sos.model.ids import parse_id
from sos.model.record import Record
from sos.model.times import MAX_DURATION, SECOND, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from sos.model.addresses import Address
    from sos.model.ids import MessageId
    from sos.model.times import Millis

    MessageKind = Literal["message", "request", "reply", "ack", "broadcast", "event", "system"]
    Assurance = Literal["token", "same-user", "claimed"]
    Told = Literal["within a second", "at the next command or hook"]
    Durability = Literal["disk", "fsync≤1s", "memory"]

KINDS: tuple[MessageKind, ...] = ("message", "request", "reply", "ack", "broadcast", "event", "system")
ASSURANCES: tuple[Assurance, ...] = ("token", "same-user", "claimed")

EVERYWHERE = "*"
"""In the place of a squad, which cannot be called so: all projects."""
FROM_PROJECT = "from-project"
"""The header that names the project of a sender from another one. What a sender writes there is removed."""
MAX_TEXT = 64 * 1024
"""Bytes of UTF-8 in one body (DESIGN.md §6). Larger things belong into a file whose path is sent."""
MAX_HOPS = 8
MAX_HEADERS = 16
MAX_HEADER_TEXT = 1024
MAX_PRIORITY = 9
MAX_TO = 128
MAX_CONTENT_TYPE = 64
MAX_THREAD = 64
DEADLINES = {"critical": 30 * SECOND, "routine": 60 * SECOND}
"""Classes of requests and how long they wait for an answer: the ack protocol of older deployments (30 s and 60 s)."""


class Draft(Record):
    """What a sender writes. The store adds who sent it, when, and to which address."""

    id: MessageId
    to: str
    text: str
    kind: MessageKind = "message"
    content_type: str = "text/plain"
    thread: str | None = None
    in_reply_to: MessageId | None = None
    priority: int = 0
    #: Milliseconds from sending until an answer is overdue (requests only).
    deadline_in: int | None = None
    #: Milliseconds from sending until the message is not worth showing any more.
    expires_in: int | None = None
    hops: int = 0
    headers: dict[str, str] = {}  # a Record's default is never changed


class Message(Record):
    """One stored message: the envelope. Times are milliseconds since 1970 in UTC."""

    id: MessageId
    #: The store's order. Grows with every message; 0 before it is stored.
    seq: int = 0
    kind: MessageKind
    sender: str
    to: str
    project: str
    address: Address
    text: str
    content_type: str = "text/plain"
    thread: str | None = None
    in_reply_to: MessageId | None = None
    priority: int = 0
    deadline: Millis | None = None
    expires: Millis | None = None
    hops: int = 0
    sent_at: Millis
    headers: dict[str, str] = {}
    assurance: Assurance
    #: SHA-256 over the fields that the sender set, hexadecimal.
    sha256: str

    @property
    def deadline_in(self) -> int | None:
        """Milliseconds from sending until an answer was to be overdue: what its sender wrote."""
        return None if self.deadline is None else self.deadline - self.sent_at

    @property
    def expires_in(self) -> int | None:
        """Milliseconds from sending until it was not to be shown any more: what its sender wrote."""
        return None if self.expires is None else self.expires - self.sent_at


class Receipt(Record):
    """What a sender holds after a send: where the message is, and how its recipients are."""

    id: MessageId
    to: str
    duplicate: bool
    durability: Durability
    recipients: tuple[str, ...]
    #: Unread messages in the recipient's inbox after this one; the largest, for several recipients.
    inbox_depth: int
    #: hearing, late, deaf or unknown, per recipient.
    hearing: dict[str, str]
    deadline: Millis | None = None
    #: How soon its sender is told that an answer is overdue; None for what is no request.
    told: Told | None = None


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "to", "text", "kind", "content_type"), (str,)),
    **dict.fromkeys(("thread", "in_reply_to"), (str, type(None))),
    **dict.fromkeys(("priority", "hops"), (int,)),
    **dict.fromkeys(("deadline_in", "expires_in"), (int, type(None))),
    "headers": (dict,),
}


def drafted(fields: dict[str, Any]) -> Draft:
    """A draft from fields that came from outside. Raises InvalidInput for an unknown or a missing field, or a wrong type."""
    try:
        draft = Draft(**fields)
    except TypeError as error:
        raise InvalidInput(f"this is no message: {error}", next_step=f"a message has {', '.join(_TYPES)}") from error
    return _typed(draft)


def _typed(draft: Draft) -> Draft:
    for name, kinds in _TYPES.items():
        value = getattr(draft, name)
        if type(value) not in kinds:  # True is no number here, and no subclass of a text is one
            wanted = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in kinds)
            raise InvalidInput(f"a message's {name} is {wanted}, not {type(value).__name__}")
    if not all(type(text) is str for pair in draft.headers.items() for text in pair):
        raise InvalidInput("a message's headers are texts by name")
    return draft


def checked(draft: Draft) -> Draft:
    """The same draft, or InvalidInput / TextTooLong / TooManyHops where a field is out of its limits. Writing is strict."""
    _typed(draft)
    size = len(_utf8(draft.text))
    if size > MAX_TEXT:
        raise TextTooLong(f"the text has {size:,} bytes; a message holds at most {MAX_TEXT:,}")
    parse_id(draft.id)
    if draft.kind not in KINDS:
        raise InvalidInput(f"{draft.kind!r} is not a kind of message", next_step=f"use one of {', '.join(KINDS)}")
    if draft.hops > MAX_HOPS:
        raise TooManyHops(f"this is answer number {draft.hops} to an answer; {MAX_HOPS} is the limit")
    if draft.hops < 0:
        raise InvalidInput("hops count from 0")
    if not 0 <= draft.priority <= MAX_PRIORITY:
        raise InvalidInput(f"a priority is 0 to {MAX_PRIORITY}")
    if draft.in_reply_to is not None:
        parse_id(draft.in_reply_to)
    for what, value, most in (("recipient", draft.to, MAX_TO), ("content type", draft.content_type, MAX_CONTENT_TYPE)):
        _check_line(what, value, most)
    if draft.thread is not None:
        _check_line("thread id", draft.thread, MAX_THREAD)
    for what, span in (("deadline", draft.deadline_in), ("expiry", draft.expires_in)):
        if span is not None and not 0 < span <= MAX_DURATION:
            raise InvalidInput(f"a {what} of {span:,} ms is out of range", next_step="use more than 0 and at most 366d")
    _check_headers(draft.headers)
    return draft


def _check_line(what: str, value: str, most: int) -> None:
    if not (0 < len(value) <= most and value.isascii() and value.isprintable()):
        raise InvalidInput(f"a {what} is 1 to {most} printable ASCII characters")


def _check_headers(headers: dict[str, str]) -> None:
    if len(headers) > MAX_HEADERS:
        raise InvalidInput(f"a message holds at most {MAX_HEADERS} headers")
    for key, value in headers.items():
        _check_line("header's name", key, 64)
        if len(_utf8(value)) > MAX_HEADER_TEXT:
            raise InvalidInput(f"the header {key} has more than {MAX_HEADER_TEXT} bytes")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        step = "put it into a file and send its path"
        raise InvalidInput(f"the text is not UTF-8 at character {error.start}", next_step=step) from error


def digest(content: Draft | Message) -> bytes:
    """SHA-256 over what the sender set, each field with its length, so that no two drafts share one form."""
    fields = (
        content.to,
        content.kind,
        content.text,
        content.content_type,
        content.thread or "",
        content.in_reply_to or "",
        str(content.priority),
        "" if content.deadline_in is None else str(content.deadline_in),
        "" if content.expires_in is None else str(content.expires_in),
        str(content.hops),
        wire.dumps(dict(sorted(content.headers.items()))) if content.headers else "{}",
    )
    text = "".join([f"{len(field)}:{field}" for field in fields])
    if text.isascii():  # then characters are bytes: nearly always so, and three times as fast
        return sha256(text.encode())
    return sha256(b"".join(b"%d:%b" % (len(raw), raw) for raw in map(_utf8, fields)))


def parse_deadline(text: str) -> int:
    """Milliseconds of `critical`, `routine` or a duration. Raises InvalidInput."""
    return DEADLINES.get(text) or parse_duration(text)


def request_id_in(text: str) -> str | None:
    """The id in a `[request_id:<uuid>]` of older agents, or None."""
    return _between(text, "[request_id:", "]")


def ack_for_in(text: str) -> str | None:
    """The id in an `{ack_for:<uuid>, ok:true}` of older agents, or None."""
    return _between(text, "{ack_for:", ",")


def _between(text: str, before: str, after: str) -> str | None:
    _, found, rest = text.partition(before)
    candidate = rest.partition(after)[0].strip().lower()
    try:
        return parse_id(candidate) if found else None
    except InvalidInput:
        return None
