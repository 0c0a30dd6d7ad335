"""Durable sends, one process, one at a time, against the disk's own fdatasync and the raw commit rate of SQLite."""

from __future__ import annotations

import os
import sqlite3
import time

from bench._measure import BODY, fdatasync, in_turn, parcel, place, quantile, say
from sos.model.names import Slug
from sos.model.transitions import Ack


def main() -> None:
    """Measure."""
    with place() as made:
        store = made.store()
        raw = sqlite3.connect(os.path.join(made.folder, "raw.db"), isolation_level=None)
        for pragma in ("journal_mode = wal", "synchronous = full", "wal_autocheckpoint = 0"):
            raw.execute(f"PRAGMA {pragma}")
        raw.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        sends: list[float] = []
        commits: list[float] = []
        syncs: list[float] = []
        for _ in range(30):
            syncs += fdatasync(made.folder, 50)
            commits += in_turn(50, lambda: raw.execute("INSERT INTO message (text) VALUES (?)", (BODY,)))[0]
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
            posted = []
            for _ in range(50):
                made_parcel = parcel()
                begun = time.perf_counter()
                posted.append(store.mail.post([made_parcel])[0].message)
                sends.append(time.perf_counter() - begun)
            store.mail.apply(Slug("bb"), [(message.id, Ack(at=message.sent_at)) for message in posted])
        say("durable send, p50", quantile(sends, 0.5) / quantile(syncs, 0.5), "fdatasync", 2.2)
        say("durable sends per second", quantile(commits, 0.5) / quantile(sends, 0.5), "raw commits", 0.7, at_least=True)
        for name, times in (("fdatasync", syncs), ("commit", commits), ("send", sends)):
            print(f"  {name} {quantile(times, 0.5):.3f} ms")


if __name__ == "__main__":
    main()
