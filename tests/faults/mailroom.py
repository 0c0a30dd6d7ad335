"""A process that sends, shows, leases, answers and acknowledges, and says each receipt on standard output: for power cuts.

`python -m tests.faults.mailroom FOLDER SEED`: the store in FOLDER is made by it, and outlives two checkpoints.
"""

from __future__ import annotations

import json
import os
import random
import sys

from sos.model.deliveries import MAX_ATTEMPTS
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.transitions import Ack, Surface
from sos.testing.faults import acts

LEASE = 5
"""Milliseconds."""
BIG = 9_000
"""Characters of each eighth text: it takes pages of its own."""


def say(kind: str, **facts: object) -> None:
    """One line, one write: the recorder puts it in its place among the changes."""
    os.write(1, json.dumps({"kind": kind, **facts}).encode() + b"\n")


def main(folder: str, seed: int) -> None:
    """Some two hundred transactions of all kinds."""
    store, chance = acts.opened(os.path.join(folder, "sos.db"), os.path.join(folder, "run"), create=True), random.Random(seed)
    acts.settle_in(store)
    say("ready")
    for number in range(160):
        sender = chance.choice(acts.WRITERS)
        to = chance.choice((acts.CONTEXT, acts.HANDLER))
        made = acts.parcel(sender, to, f"no. {number} " + "x" * (BIG if number % 8 == 0 else 200))
        say("begin", sender=sender, to=to, id=made.draft.id, text=made.draft.text)
        store.mail.post([made])
        say("told", sender=sender, id=made.draft.id)
        if number % 3 == 0:
            entries = store.mail.entries(acts.CONTEXT, "unread", 4)
            for entry in entries:
                say("show", sender=entry.message.sender, id=entry.message.id, text=entry.message.text, body="reader")
            body = store.agents.body("reader")
            assert body is not None
            mark = Surface(at=acts.now(), body="reader", turn=number)
            store.mail.settle(body, number, [(entry.message.seq, mark) for entry in entries])
            for entry in entries[:1]:
                store.mail.apply(Slug(acts.CONTEXT), [(entry.message.seq, Ack(at=acts.now()))])
                say("acked", agent=acts.CONTEXT, sender=entry.message.sender, id=entry.message.id)
        if number % 5 == 0:
            at = acts.now()
            store.mail.tick(at)
            for entry in store.mail.lease(acts.HANDLER, "handler", 2, Millis(at + LEASE), at):
                say("leased", id=entry.message.id, fence=entry.delivery.fence)
                if number % 10 and entry.delivery.attempts < MAX_ATTEMPTS - 1:
                    continue  # its lease lapses, and it is given again
                store.mail.apply(acts.HANDLER, [(entry.message.seq, Ack(at=at, fence=entry.delivery.fence))])
                say("acked", agent=acts.HANDLER, sender=entry.message.sender, id=entry.message.id)
    os._exit(0)  # as a command leaves: closing would be a hidden checkpoint


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
