"""An inbox read at a million consumed messages against none, and at 100,000 agents against a few."""

from __future__ import annotations

import sys

from bench._measure import Place, in_turn, parcel, place, quantile, say
from bench.hook_mail import fill
from sos.model.agents import Joining
from sos.model.names import Slug
from sos.model.times import Millis
from sos.stores.sqlite.store import SqliteStore

AGENTS = 100_000


def main(count: int = 1_000_000) -> None:
    """Measure."""
    with place() as empty, place() as full, place() as crowded:
        few, many, among = (waiting(made) for made in (empty, full, crowded))
        fill(many, count)
        crowd(among)
        alone, behind, beside = in_turn(2000, lambda: read(few), lambda: read(many), lambda: read(among))
        say(f"inbox read at {count:,} consumed", quantile(behind, 0.5) / quantile(alone, 0.5), "at none", 1.2)
        say(f"inbox read at {AGENTS:,} agents", quantile(beside, 0.5) / quantile(alone, 0.5), "at two", 1.2)
        print(f"  {quantile(alone, 0.5):.3f} ms, {quantile(behind, 0.5):.3f} ms, {quantile(beside, 0.5):.3f} ms")


def waiting(made: Place) -> SqliteStore:
    """The store of a place, with 10 messages for `bb`."""
    store = made.store()
    store.mail.post([parcel() for _ in range(10)])
    return store


def read(store: SqliteStore) -> int:
    """What a hook asks first."""
    return len(store.mail.entries(Slug("bb"), "due", 64))


def crowd(store: SqliteStore) -> None:
    """Very many agents beside `bb`, each with a message."""
    for start in range(0, AGENTS, 10_000):
        names = [f"agent-{number}" for number in range(start, start + 10_000)]
        with store._database.write():  # noqa: SLF001  # one commit for all of them
            for name in names:
                joining = Joining(slug=Slug(name), name=name, role="executor", label="x", project="demo")
                store.agents.enrol(joining, Millis(0))
        store.mail.post([parcel(to=name) for name in names])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
