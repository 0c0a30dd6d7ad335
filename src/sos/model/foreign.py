"""Entries that others wrote into a stream: five older formats and our own, read so that nothing is dropped and nothing believed.

An entry that nobody understands is shown as such, with its fields. Whatever its fields say, its assurance is `claimed`, and its
sender is written so (`agent:name`) that it never equals a slug: what a store does for a slug it can never do for a claim.
"""

from __future__ import annotations

from sos.model import claims
from sos.model.addresses import DEFAULT_PROJECT, is_direct, parse_address
from sos.model.digests import sha256
from sos.model.messages import (
    DEADLINES,
    MAX_HEADER_TEXT,
    MAX_HEADERS,
    MAX_HOPS,
    Draft,
    ack_for_in,
    request_id_in,
)
from sos.model.parcels import Parcel
from sos.model.record import Record
from sos.model.streams import order
from sos.model.times import DAY, SECOND, Millis, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from sos.model.addresses import Address
    from sos.model.agents import Agent
    from sos.model.ids import MessageId
    from sos.model.messages import MessageKind
    from sos.model.streams import EntryId

    #: current: ours · envelope: 1.0 with a JSON payload · contract: v1, with message_id · kernel: a whole message in `payload` ·
    #: coordination: a whole message in `data` · raw: bare fields, or a payload without a type
    Form = Literal["current", "envelope", "contract", "kernel", "coordination", "raw", "unknown"]
else:
    from sos.model.ids import MessageId

OLDEST = 7 * DAY
"""How far back the time of an entry may lie when it is imported."""
MAX_FIELDS = 32
MAX_SHOWN = 1024
"""Bytes of one field of an unknown entry that are shown."""
MAX_SENDER = 128
_KINDS: dict[str, MessageKind] = {
    "message": "message", "request": "request", "ask": "request", "delegate": "request",
    "reply": "reply", "answer": "reply", "result": "reply", "response": "reply", "ack": "ack",
}  # fmt: skip
_TEXTS = ("text", "question", "message", "body", "content", "summary", "description")
_KNOWN = frozenset(("text", "question", "source", "sender", "timestamp", "payload", "headers", "id", "message_id"))
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-")


class Foreign(Record):
    """One entry of a foreign stream, as far as it can be understood. Everything in it is a claim, its place excepted."""

    stream: Address
    entry: EntryId
    #: A digest of the fields as they stand in the stream: whether another entry stands in this place now.
    mark: str
    form: Form
    id: MessageId
    kind: MessageKind
    sender: str
    text: str
    content_type: str = "text/plain"
    thread: str | None = None
    in_reply_to: MessageId | None = None
    hops: int = 0
    sent_at: Millis
    deadline_in: int | None = None
    expires_in: int | None = None
    headers: dict[str, str] = {}  # a Record's default is never changed

    @property
    def key(self) -> str:
        """What makes two entries one message, in whichever streams they stand: id, sender and text, 32 hexadecimal digits.

        The id alone would let whoever writes first under an id hide what another writes under it.
        """
        parts = [part.encode() for part in (self.id, self.sender, self.text)]
        return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hex()[:32]


def read_entry(stream: Address, entry: EntryId, fields: Mapping[bytes, bytes] | Mapping[str, str]) -> Foreign:
    """What an entry says, in any of the formats, or that nobody understands it. Never raises."""
    try:
        return understood(stream, entry, fields)
    except Exception:  # noqa: BLE001  # foreign data: one entry that trips us up must not stop all that stand behind it
        return _unknown(stream, entry, "", {"(its fields)": "cannot be read"})


def understood(stream: Address, entry: EntryId, fields: Mapping[bytes, bytes] | Mapping[str, str]) -> Foreign:
    """As `read_entry`, without its last resort."""
    pairs: list[tuple[Any, Any]] = list(fields.items())
    flat = {claims.clean(name, 64): claims.clean(value, claims.MAX_FIELD) for name, value in pairs[:MAX_FIELDS]}
    if len(fields) > MAX_FIELDS:
        flat["(more)"] = f"{len(fields) - MAX_FIELDS} fields are not shown"
    mark = claims.mark(pairs)
    form, outer, inner = _recognised(flat)
    if form == "unknown":
        return _unknown(stream, entry, mark, flat)
    return _read(stream, entry, form, outer, inner).replace(mark=mark)


def _recognised(flat: dict[str, str]) -> tuple[Form, dict[str, Any], dict[str, Any]]:
    """The format, what stands on the outside of the message, and its body."""
    payload = claims.body(flat["payload"]) if "payload" in flat else {}
    if {"kind", "sender", "text"} <= flat.keys():
        return "current", flat, flat
    if "type" in flat and "message_id" in flat:
        return "contract", flat, payload
    if "type" in flat and "payload" in flat:
        return "envelope", flat, payload
    if "text" in flat:
        return "raw", flat, flat
    if "payload" in flat:
        if isinstance(payload.get("type"), str) and (payload.keys() & {"source", "target", "payload"}):
            inside = payload.get("payload", payload)
            return "kernel", payload, inside if isinstance(inside, dict) else {"text": inside}
        return "raw", flat, payload
    data = claims.json_object(flat.get("data", ""))
    if data is not None and data.keys() & {"type", "event", "text"}:
        return "coordination", data, data
    return "unknown", {}, {}


def _read(stream: Address, entry: EntryId, form: Form, outer: dict[str, Any], inner: dict[str, Any]) -> Foreign:
    both = {**inner, **outer}  # the outside counts: what a payload claims besides is one claim more
    kind_word = claims.as_text(both.get("kind") if form == "current" else both.get("type", both.get("event")))
    text = claims.cut(_message_text(inner, kind_word))
    answered, asked = claims.identifier(ack_for_in(text)), request_id_in(text)
    kind = _KINDS.get(kind_word.lower(), "message")
    if answered is not None:
        kind = "ack"
    elif asked is not None and kind == "message":
        kind = "request"
    if not is_direct(stream):
        kind = "broadcast"
    sent_at = claims.time(both.get("sent_at", outer.get("timestamp", inner.get("timestamp"))))
    sent_at = _millis(entry) if sent_at is None else sent_at
    return Foreign(
        stream=stream,
        entry=entry,
        mark="",
        form=form,
        id=_first_id(both, "id", "message_id") or raw_id(stream, entry),
        kind=kind,
        sender=claimed(claims.as_text(outer.get("sender") or outer.get("source") or inner.get("source") or inner.get("from"))),
        text=text,
        content_type="text/markdown" if both.get("content_type") == "text/markdown" else "text/plain",
        thread=claims.thread(both.get("thread") or both.get("correlation_id")),
        in_reply_to=answered or _first_id(both, "in_reply_to", "reply_to", "ref_message_id"),
        hops=claims.whole(both.get("hops"), 0, MAX_HOPS),
        sent_at=sent_at,
        deadline_in=_deadline(both, sent_at) if kind == "request" else None,
        expires_in=_expiry(form, outer, sent_at),
        headers=_headers(form, kind_word, asked, both, inner),
    )


def _unknown(stream: Address, entry: EntryId, mark: str, flat: dict[str, str]) -> Foreign:
    lines = ["An entry in an unknown format. Its fields:"]
    lines += [f"{name} = {claims.cut(value, MAX_SHOWN)}" for name, value in flat.items()]
    sender = flat.get("source") or flat.get("sender") or flat.get("from") or ""
    return Foreign(
        stream=stream,
        entry=entry,
        mark=mark,
        form="unknown",
        id=raw_id(stream, entry),
        kind="message" if is_direct(stream) else "broadcast",
        sender=claimed(sender),
        text=claims.cut("\n".join(lines)),
        sent_at=_millis(entry),
        headers={"format": "unknown"},
    )


# --- what becomes of it -------------------------------------------------------------------------------------------------


def parcel_of(foreign: Foreign, agent: Agent, identifier: MessageId, now: Millis) -> Parcel:
    """The parcel that brings an entry to one agent.

    Retention counts from its time, and as long as it is kept, its copies are known: so a claim of another time moves it neither
    into the future nor far back. What it claimed stands in the header `sent-at`.
    """
    target, direct = parse_address(foreign.stream), is_direct(foreign.stream)
    project = target.project if target is not None and target.project is not None else None
    if target is not None and target.squad is not None:
        audience = f"squad {target.squad}"
    else:
        audience = f"project {project}" if project is not None else "all"
    sent_at = max(now - OLDEST, min(foreign.sent_at, now), 0)
    moved = max(sent_at - foreign.sent_at, 0)
    draft = Draft(
        id=identifier,
        to=agent.slug if direct else audience,
        text=foreign.text,
        kind=foreign.kind,
        content_type=foreign.content_type,
        thread=foreign.thread,
        in_reply_to=foreign.in_reply_to,
        deadline_in=None if foreign.deadline_in is None else max(foreign.deadline_in - moved, 1),
        expires_in=None if foreign.expires_in is None else max(foreign.expires_in - moved, 1),
        hops=foreign.hops,
        headers={**foreign.headers, "sent-at": iso(foreign.sent_at)} if moved else foreign.headers,
    )
    return Parcel(
        draft=draft,
        sender=foreign.sender,
        recipients=(agent.slug,),
        project=project or (agent.project if direct else DEFAULT_PROJECT),
        address=foreign.stream,
        assurance="claimed",
        sent_at=Millis(sent_at),
    )


def claimed(name: str) -> str:
    """A claimed sender, `kind:name` as the older envelopes write it: no slug holds a colon. Empty where none is named."""
    name = claims.clean(name.strip(), MAX_SENDER)
    return name if ":" in name else f"agent:{name}"


def raw_id(stream: Address, entry: EntryId) -> MessageId:
    """The id of an entry that carries none: its place. Characters that an id must not hold are written as %xx."""
    place = "".join(each if each in _SAFE else f"%{each.encode('utf-8', 'backslashreplace').hex()}" for each in stream)
    if len(place) > 200:
        place = sha256(place.encode()).hex()[:32]
    return MessageId(f"raw:{place}:{entry}")


def other_id(foreign: Foreign, agent: str) -> MessageId:
    """The id of an entry for one agent where its own id already stands for something else."""
    return MessageId(f"raw:{agent}:{foreign.key}")


class Kept(Record):
    """What a store already has under an id and a sender that an entry names."""

    number: int
    id: MessageId
    sender: str
    text: str
    address: Address
    #: Whether the agent in question has a delivery of it.
    mine: bool


def names_of(foreign: Foreign, agent: str) -> tuple[tuple[MessageId, MessageId], tuple[str, str]]:
    """The ids and the senders under which a store may already have an entry: as it names itself, and as we would."""
    return (foreign.id, other_id(foreign, agent)), (foreign.sender, foreign.sender.removeprefix("agent:"))


def is_known(foreign: Foreign, kept: list[Kept]) -> bool:
    """Whether the agent has this very message already, from another stream, from before a rewind, or from its true sender."""
    return any(each.mine and each.text == foreign.text for each in kept)


def shared(foreign: Foreign, agent: str, kept: list[Kept]) -> int | None:
    """The number of the message that this entry is, where another agent was given it first: one body, one delivery each."""
    for each in kept:
        same = each.sender == foreign.sender and each.text == foreign.text
        if same and (each.address == foreign.stream or each.id == other_id(foreign, agent)):
            return each.number
    return None


def free_id(foreign: Foreign, agent: str, kept: list[Kept]) -> MessageId:
    """The id to store an entry under: its own, unless that already stands for something else."""
    taken = any(each.id == foreign.id and each.sender == foreign.sender for each in kept)
    return other_id(foreign, agent) if taken else foreign.id


# --- parts of reading -----------------------------------------------------------------------------------------------------


def _first_id(both: dict[str, Any], *names: str) -> MessageId | None:
    return next((found for name in names if (found := claims.identifier(both.get(name))) is not None), None)


def _message_text(inner: dict[str, Any], kind_word: str) -> str:
    for name in _TEXTS:
        if name in inner and inner[name] is not None:
            return claims.as_text(inner[name])
    rest = {name: value for name, value in inner.items() if name not in _KNOWN}
    return f"{kind_word}\n{claims.as_text(rest)}".strip() if rest else kind_word


def _millis(entry: EntryId) -> Millis:
    return Millis(min(order(entry)[0], 1 << 60))


def _expiry(form: Form, outer: dict[str, Any], sent_at: Millis) -> int | None:
    """Only where the envelope itself has such a field: what expires in a body is something that the body is about."""
    if form not in {"current", "contract"}:
        return None
    return claims.span(claims.time(outer.get("expires", outer.get("expires_at"))), sent_at)


def _deadline(both: dict[str, Any], sent_at: Millis) -> int | None:
    word = both.get("deadline")
    if isinstance(word, str) and word in DEADLINES:
        return DEADLINES[word]
    seconds = claims.number(both.get("timeout_s"))
    if seconds is not None and 0 < seconds <= DAY / SECOND:
        return int(seconds * SECOND) or None
    return claims.span(claims.time(word), sent_at)


def _headers(form: Form, kind_word: str, asked: str | None, both: dict[str, Any], inner: dict[str, Any]) -> dict[str, str]:
    """What the envelope has no place for: its headers, and short values of its body; bounded, and ours cannot be overwritten."""
    ours = {"format": form, "type": claims.cut(kind_word, 64), "request-id": asked or ""}
    made = {name: value for name, value in ours.items() if value}
    given = both.get("headers")
    given = claims.json_object(given) if isinstance(given, str) else given
    sources = [given if isinstance(given, dict) else {}, inner if form != "current" else {}]
    for name, value in [pair for source in sources for pair in source.items()]:
        usable = 0 < len(name) <= 64 and name.isascii() and name.isprintable() and name not in _KNOWN and name not in _TEXTS
        if (
            usable
            and name not in made
            and name not in ours
            and len(made) < MAX_HEADERS - 1
            and isinstance(value, (str, int, float))
        ):
            made[name] = claims.cut(claims.as_text(value), MAX_HEADER_TEXT)
    return made
