"""What the processes of a trial do: a writer, a reader like the hook, a handler with an effect; each says what it was told."""

from __future__ import annotations

import itertools
import os
import signal
import time

from sos.model.addresses import inbox_address
from sos.model.agents import Body, Joining
from sos.model.errors import SosError, StaleFence
from sos.model.ids import MessageId, new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.parcels import Parcel
from sos.model.times import Millis
from sos.model.transitions import Ack, Surface
from sos.stores.sqlite.store import SqliteStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.ports import Store
    from sos.testing.faults.children import Say

WRITERS = ("aa", "cc")
CONTEXT = Slug("bb")
"""Reads as a hook does: print, flush, mark."""
HANDLER = Slug("dd")
"""Works on what it leases; its effect is a reply, and the reply closes the message in the same step."""
PATIENCE = 30.0
"""Seconds after which a handler that cannot empty its inbox is a finding."""
LEASE = 30
"""Milliseconds of a lease: a killed handler's message must come back within the trial."""


def now() -> Millis:
    """The machine's time."""
    return Millis(time.time_ns() // 1_000_000)


def opened(path: str, run: str, *, create: bool = False) -> SqliteStore:
    """The trial's store."""
    return SqliteStore(path, run, create=create, lock_seconds=30)


def settle_in(store: Store) -> None:
    """All agents join."""
    for slug in (*WRITERS, CONTEXT, HANDLER):
        joining = Joining(slug=Slug(slug), name=slug, role="executor", label="trial", project="faults")
        store.agents.enrol(joining, now())
    body = Body(session="reader", agent=CONTEXT, runtime="trial", started_at=now(), seen_at=now())
    store.agents.save_body(body)


def parcel(sender: str, to: str, text: str, identifier: MessageId | None = None, answers: MessageId | None = None) -> Parcel:
    """A message, or a reply to one."""
    draft = Draft(id=identifier or new_id(now()), to=to, text=text)
    if answers is not None:
        draft = draft.replace(kind="reply", in_reply_to=answers)
    address = inbox_address(Slug(to), "faults")
    return Parcel(draft=draft, sender=sender, recipients=(to,), project="faults", address=address, assurance="same-user",
                  sent_at=now())  # fmt: skip


def write(say: Say, path: str, run: str, sender: str, name: str) -> None:
    """Send without end, to the reader and the handler in turn."""
    store = opened(path, run)
    for number in itertools.count():
        made = parcel(sender, (CONTEXT, HANDLER)[number % 2], f"{name} no. {number} " + "x" * (number * 37 % 900))
        say("begin", sender=sender, to=made.draft.to, id=made.draft.id, text=made.draft.text)
        store.mail.post([made])
        say("told", sender=sender, id=made.draft.id)


def read(say: Say, path: str, run: str, name: str, once: bool) -> None:
    """Show what is unread, flush, then mark it, as one hook run after the other."""
    store = opened(path, run)
    for turn in itertools.count(1):
        entries = store.mail.entries(CONTEXT, "unread", 5)
        for entry in entries:
            say("show", sender=entry.message.sender, id=entry.message.id, text=entry.message.text, body=name)
        surface = Surface(at=now(), body="reader", turn=turn)
        body = store.agents.body("reader")
        if body is not None:
            store.mail.settle(body, turn, [(entry.message.seq, surface) for entry in entries])
        if not entries:
            say("idle")
            if once:
                return
            time.sleep(0.002)  # an idle reader of a trial: nobody measures how soon it wakes


def answer_id(message: MessageId) -> MessageId:
    """The id of the handler's answer: derived from the message, so that its effect has one idempotency key."""
    return MessageId(message[:-4] + f"{int(message[-4:], 16) ^ 0xFFFF:04x}")


def handle(say: Say, path: str, run: str, name: str, once: bool) -> None:
    """Lease, answer, acknowledge; what was closed by its answer needs no ack, and a lost lease must refuse one."""
    store, ends, parent = opened(path, run), time.monotonic() + PATIENCE, os.getppid()
    while os.getppid() == parent:  # whoever is idle says nothing, and would not notice that nobody listens
        if once and time.monotonic() > ends:
            raise TimeoutError(f"{store.mail.count(HANDLER, 'unread')} messages cannot be handled")
        at = now()
        store.mail.tick(at)
        taken = store.mail.lease(HANDLER, name, 3, Millis(at + LEASE), at)
        for entry in taken:
            message = entry.message
            made = parcel(HANDLER, message.sender, f"done: {message.id}", answer_id(message.id), message.id)
            say("begin", sender=HANDLER, to=message.sender, id=made.draft.id, text=made.draft.text)
            store.mail.post([made])
            say("told", sender=HANDLER, id=made.draft.id)
            say("acked", agent=HANDLER, sender=message.sender, id=message.id)
        if not taken and once and not store.mail.count(HANDLER, "unread") and store.mail.next_timer() is None:
            return
        if not taken:
            time.sleep(0.002)  # as above


def hold(say: Say, path: str, run: str, span: int) -> None:
    """Lease one message, stand still, and acknowledge it when somebody lets us go on."""
    store, at = opened(path, run), now()
    entries = store.mail.lease(HANDLER, "frozen", 1, Millis(at + span), at)
    say("leased", id=entries[0].message.id, sender=entries[0].message.sender)
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        store.mail.apply(HANDLER, [(entries[0].message.seq, Ack(at=now(), fence=entries[0].delivery.fence))])
    except StaleFence:
        say("ack", accepted=False)
    else:
        say("ack", accepted=True)


def take(say: Say, path: str, run: str, name: str) -> None:
    """Lease all there is, one by one, together with another body."""
    store = opened(path, run)
    say("ready")
    while entries := store.mail.lease(HANDLER, name, 1, Millis(now() + 60_000), now()):
        say("took", sender=entries[0].message.sender, id=entries[0].message.id)
        store.mail.apply(HANDLER, [(entries[0].message.seq, Ack(at=now(), fence=entries[0].delivery.fence))])


def send_one(say: Say, path: str, run: str, sender: str, identifier: str, text: str) -> None:
    """Send one message under a given id."""
    store = opened(path, run)
    say("begin", sender=sender, to=CONTEXT, id=identifier, text=text)
    try:
        store.mail.post([parcel(sender, CONTEXT, text, MessageId(identifier))])
    except SosError as error:
        say("refused", code=error.code)
    else:
        say("told", sender=sender, id=identifier)
