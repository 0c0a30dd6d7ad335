"""Parcels as the script takes them, and what it says became of each. Posting is one round trip: nothing is read before."""

from __future__ import annotations

from functools import lru_cache

from sos.model import transitions
from sos.model.addresses import is_direct
from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE, Delivery, rank_of
from sos.model.errors import IdConflict, InboxFull, UnknownAgent
from sos.model.names import OPERATOR, SYSTEM
from sos.model.parcels import Posted, message_of
from sos.model.times import SECOND, iso
from sos.stores.redis import keys, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.errors import SosError
    from sos.model.messages import Durability, Message
    from sos.model.parcels import Parcel
    from sos.model.transitions import Action

_TYPES = {"ack": "ack", "broadcast": "broadcast"}
"""What older readers call a kind; everything else is `chat` to them."""
_FRESH = [Delivery(recipient="", rank=rank) for rank in range(5)]
_FRESH_VALUES = [rows.delivery_value(delivery) for delivery in _FRESH]
_is_direct = lru_cache(1024)(is_direct)
"""Few addresses are written to again and again, and reading one takes longer than all else of its message's entry."""
MARK = "sos"
"""A field that only our own entries have: the kind of the message. It proves nothing; the index of ids does."""


class Post:
    """One parcel in a step. `posted` or `error` is set once the step is written."""

    def __init__(self, parcel: Parcel, durability: Durability, *, optional: bool = False) -> None:
        self.parcel = parcel
        self.optional = optional
        self.recipients = tuple(dict.fromkeys(parcel.recipients))
        self.message = message_of(parcel)
        self.posted: Posted | None = None
        self.error: SosError | None = None
        self._durability = durability
        #: What became of deliveries already inside the step that makes them: a reply in the same batch.
        self._answered: dict[str, tuple[Delivery, str]] = {}

    def answer(self, slug: str, action: Action) -> None:
        """A later parcel of the same batch answers this one for a recipient."""
        delivery, _ = self._answered.get(slug, (Delivery(recipient=slug, rank=self._rank), ""))
        outcome = transitions.apply(self.message, delivery, action)
        facts = "\n".join(rows.fact_value(self.message, fact) for fact in outcome.facts)
        self._answered.setdefault(slug, (outcome.delivery, facts))

    @property
    def _rank(self) -> int:
        return rank_of(self.parcel)

    def words(self) -> list[Any]:
        """What step.lua reads of a post."""
        message, sender, rank = self.message, self.parcel.sender, self._rank
        timer = transitions.timer_of(message, _FRESH[rank])
        limit: int | str = INBOX_LIMIT if sender == OPERATOR else INBOX_LIMIT - INBOX_RESERVE
        return [
            int(self.optional), message.id, keys.tag(sender), keys.sent(sender), "" if sender == SYSTEM else limit,
            message.address, message.sha256, str(message.sent_at), "" if timer is None else timer, rank * keys.RANK,
            int(message.kind == "request"), _FRESH_VALUES[rank],
            [] if message.assurance == "claimed" else readable(message), self.recipients,
            [[slug, rows.delivery_value(delivery), facts] for slug, (delivery, facts) in self._answered.items()],
        ]  # fmt: skip

    def texts(self) -> tuple[str, str]:
        """What is large, and so no part of the document: the message as it is kept, and the payload of its readable copy."""
        message = self.message
        return rows.message_value(message, self._durability), "" if message.assurance == "claimed" else payload(message)

    def refusal(self, outcome: list[Any]) -> SosError:
        """The error that an outcome is."""
        match outcome[0]:
            case "unknown":
                return UnknownAgent(f"no agent {outcome[1]!r}")
            case "full":
                return InboxFull(f"the inbox of {outcome[1]} holds {outcome[2]:,} messages that wait; nothing was stored")
            case _:
                return IdConflict(f"{self.parcel.sender} has used {self.parcel.draft.id} for another message")

    def settle(self, outcome: list[Any], posts: list[Post], *, unsure: bool) -> None:
        """Take what the script says. `unsure`: an earlier attempt may have stored this very parcel, and its reply was lost."""
        match outcome[0]:
            case "new":
                self.posted = Posted(parcel=self.parcel, seq=outcome[1], depth=outcome[2])
            case "known":
                message, _, _ = rows.message_of(outcome[1], outcome[2], outcome[3].encode())
                first = unsure and message.sent_at == self.parcel.sent_at
                self.posted = Posted(parcel=self.parcel, seq=message.seq, depth=0, known=None if first else message)
            case "same":
                twin = posts[outcome[1] - 1].posted
                self.posted = None if twin is None else twin.replace(known=twin.message, depth=0)
            case "dropped":
                pass
            case _:
                self.error = self.refusal(outcome)

    def result(self) -> Posted:
        """What became of it. Inside a larger step that is not known yet: the message without its number."""
        if self.error is not None:
            raise self.error
        return self.posted or Posted(parcel=self.parcel, seq=0, depth=0)


def readable(message: Message) -> list[str]:
    """The entry in the stream, as the older envelope 1.0: what older readers and SDKs understand. Its payload goes last."""
    target = f"{'agent' if _is_direct(message.address) else 'channel'}:{message.to}"
    return [
        "id", message.id, "type", _TYPES.get(message.kind, "chat"), "source", f"agent:{message.sender}", "target", target,
        "timestamp", iso(message.sent_at), "version", "1.0", "project", message.project, MARK, message.kind, "payload",
    ]  # fmt: skip


def payload(message: Message) -> str:
    """The payload of the entry."""
    made: dict[str, object] = {
        "text": message.text, "source": f"agent:{message.sender}", "timestamp": message.sent_at / SECOND, "kind": message.kind,
    }  # fmt: skip
    if message.thread is not None:
        made["thread"] = message.thread
    if message.in_reply_to is not None:
        made["in_reply_to"] = message.in_reply_to
    return rows.dumps(made)
