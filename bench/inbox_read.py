"""An inbox read at a million consumed messages against none."""

from __future__ import annotations

import sys

from bench._measure import in_turn, parcel, place, quantile, say
from bench.hook_mail import fill
from sos.model.names import Slug


def main(count: int = 1_000_000) -> None:
    """Measure."""
    with place() as empty, place() as full:
        stores = [empty.store(), full.store()]
        fill(stores[1], count)
        for store in stores:
            store.mail.post([parcel() for _ in range(10)])
        few, many = in_turn(
            2000,
            lambda: stores[0].mail.entries(Slug("bb"), "due", 64),
            lambda: stores[1].mail.entries(Slug("bb"), "due", 64),
        )
        say(f"inbox read at {count:,} consumed", quantile(many, 0.5) / quantile(few, 0.5), "at none", 1.2)
        print(f"  {quantile(few, 0.5):.3f} ms and {quantile(many, 0.5):.3f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
