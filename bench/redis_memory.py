"""What 100,000 idle agents take on a Redis server: registered, and besides with one unread message each."""

from __future__ import annotations

from bench._measure import parcel, say
from bench._redis import Place, place, populate

AGENTS = 100_000
GOAL = 60.0
"""Megabytes."""


def main() -> None:
    """Measure the server's own account of its data, before and after."""
    with place("--appendonly", "no") as made:
        store = made.store(0)
        before = _used(made)
        populate(store, AGENTS)
        registered = _used(made) - before
        say(f"{AGENTS:,} registered agents, megabytes", registered, "1 MB", GOAL)
        for start in range(0, AGENTS, 500):
            store.mail.post([parcel(f"a-{number}") for number in range(start, start + 500)])
        print(f"  with one unread message each: {_used(made) - before:,.0f} MB")
        store.close()


def _used(made: Place) -> float:
    info = made.client().info("memory")
    return float(info["used_memory_dataset"]) / 1_000_000


if __name__ == "__main__":
    main()
