"""Bytes on disk per message of 228 bytes, indexes and facts included, against the body."""

from __future__ import annotations

import os
import sys

from bench._measure import BODY, parcel, place, say
from sos.model.agents import Body
from sos.model.ids import MessageId
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.transitions import Action, Arrive, Surface


def main(count: int = 1_000_000) -> None:
    """Measure: every message posted, surfaced and proven in the context."""
    with place() as made:
        store, session = made.store(), "s"
        store.agents.save_body(Body(session=session, agent=Slug("bb"), runtime="x", started_at=Millis(0), seen_at=Millis(0)))
        path = os.path.join(made.root, "sos.db")
        before = os.path.getsize(path)
        for _ in range(0, count, 1000):
            changes: list[tuple[MessageId, Action]] = []
            for posted in store.mail.post([parcel() for _ in range(1000)]):
                message = posted.message
                shown = Millis(message.sent_at + 20 * 60_000)
                changes.append((message.id, Surface(at=shown, body=session, turn=1, mark="f" * 32, provable=True)))
                changes.append((message.id, Arrive(at=shown, body=session, evidence="hook_additional_context (Stop)")))
            store.mail.apply(Slug("bb"), changes)
        store.close()
        size = os.path.getsize(path) - before
        say(f"bytes per message at {count:,}", size / count / len(BODY), f"the body of {len(BODY)} bytes", 2)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
