"""What a run will do, fixed by its seed alone: the same seed gives the same faults in the same order."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "frozen", "readers", "clock", "twice", "torn"]
#: How each kind is called in the table.
NAMES: dict[Kind, str] = {
    "kill": "kill -9 of writers, a reader, a handler",
    "frozen": "a handler stopped past its lease",
    "readers": "two bodies at one inbox",
    "clock": "clock steps inside a lease",
    "twice": "the same message sent again",
    "torn": "files cut or changed, on copies",
}
_SHARES: dict[Kind, int] = {"kill": 5, "frozen": 1, "readers": 1, "clock": 1, "twice": 1, "torn": 1}
ROUND = 8
"""Trials in one store; the next round begins with a fresh one, so that judging stays cheap."""


@dataclass(frozen=True, slots=True)
class Round:
    """Some trials of one kind in one fresh store."""

    kind: Kind
    trials: int
    seed: int


def plan(seed: int, trials: int) -> tuple[Round, ...]:
    """`trials` trials (at least one of each kind), the kinds in turn, so that a run that is cut short has tried all of them."""
    chance = random.Random(seed)
    left = {kind: max(trials * share // sum(_SHARES.values()), 1) for kind, share in _SHARES.items()}
    left["kill"] += max(trials - sum(left.values()), 0)
    made = []
    while any(left.values()):
        for kind in NAMES:
            count = min(left[kind], ROUND * (_SHARES[kind]))
            if count:
                made.append(Round(kind, count, chance.getrandbits(32)))
                left[kind] -= count
    return tuple(made)
