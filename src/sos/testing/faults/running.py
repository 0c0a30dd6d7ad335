"""Runs a plan beside the user's store and says what was lost: progress as it goes, a table at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field

from sos.files import check_private, private_directory
from sos.model.errors import InvalidInput
from sos.settings import Settings
from sos.stores.sqlite.database import file_system
from sos.testing.faults.plan import NAMES, Kind, plan
from sos.testing.faults.trials import Trials
from sos.testing.oracle import RULES, Broken
from sos.wiring.local import store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

TRIALS = 1000


@dataclass(slots=True)
class Result:
    """What was tried and what was found."""

    seed: int
    asked: int
    store: str
    done: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    broken: list[tuple[Kind, Broken]] = field(default_factory=list)
    #: What happened in the trials: a run in which nothing was sent or refused shows nothing.
    seen: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 where nothing was lost, 1 where something was, 130 after Ctrl-C."""
        return 1 if self.broken else 130 if self.interrupted else 0

    @property
    def trials(self) -> int:
        """All of them."""
        return sum(self.done.values())

    def fields(self) -> dict[str, Any]:
        """For JSON: stable names."""
        return {
            "seed": self.seed,
            "store": self.store,
            "trials": self.trials,
            "interrupted": self.interrupted,
            "seen": dict(self.seen),
            "faults": [
                {"id": kind, "trials": count, "broken": self._of(kind), "bound": bound(count)}
                for kind, count in self.done.items()
            ],
            "rules": {rule: sum(each.rule == rule for _, each in self.broken) for rule in RULES},
            "broken": [f"{kind}: {each}" for kind, each in self.broken],
        }

    def _of(self, kind: Kind) -> int:
        return sum(of == kind for of, _ in self.broken)

    def table(self) -> str:
        """For people."""
        lines = [f"{'fault':<46} {'trials':>7} {'broken':>7}   at most, of all (3/n)"]
        rows = [(NAMES[kind], count, self._of(kind)) for kind, count in self.done.items()]
        for name, count, bad in [*rows, ("all", self.trials, len(self.broken))]:
            lines.append(f"{name:<46} {count:>7} {bad:>7}   {'-' if bad or not count else f'{bound(count):.1e}'}")
        counts = self.fields()["rules"]
        lines.append(", ".join(f"{what} {count}" for what, count in self.seen.items()))
        lines.append(", ".join(f"{rule} {counts[rule]}" for rule in RULES))
        lines += [f"  {NAMES[kind]}: {each}" for kind, each in self.broken[:20]]
        lines.append(f"seed {self.seed}; the same plan again: sos faults --seed {self.seed} --trials {self.asked}")
        return "\n".join(lines)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What a run is asked for."""
    parser.add_argument("--seed", type=int, help="the same seed makes the same faults (default: a fresh one, printed)")
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"how many (default: {TRIALS})")
    parser.add_argument(
        "--store", metavar="DIRECTORY", help="where to make the stores (default: beside yours, which is not touched)"
    )


def bound(trials: int) -> float | None:
    """The rate that no trial of so many leaves possible, at 95 %: 3/n."""
    return 3 / trials if trials else None


def place_for(settings: Settings, given: str | None) -> str:
    """The directory in which the trials' stores are made: the one given, or the one of the user's store. Raises InvalidInput."""
    place = given or os.path.dirname(store_path(settings))
    if given and not os.path.isdir(given):
        raise InvalidInput(f"{given} is not a directory", next_step="name a directory on the disk that is to be tried")
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    return place


def run(settings: Settings, seed: int | None, trials: int, given: str | None, say: Callable[[str], None]) -> Result:
    """Run the plan of a seed in fresh stores, in a directory of its own beside the user's store, which is not touched."""
    if trials < 1:
        raise InvalidInput(f"{trials} trials show nothing", next_step="sos faults --trials 1000")
    place, seed = place_for(settings, given), int.from_bytes(os.urandom(4), "big") if seed is None else seed
    folder = private_directory(tempfile.mkdtemp(prefix="sos-faults-", dir=place))
    check_private(folder)
    result = Result(seed, trials, f"SQLite on {file_system(os.path.realpath(folder)) or 'this disk'}")
    rounds = plan(seed, trials)
    try:
        for number, each in enumerate(rounds):
            made = Trials(os.path.join(folder, "store"), each)
            say(f"{number + 1}/{len(rounds)}: {each.trials} x {NAMES[each.kind]}")
            try:
                for _ in made.run():
                    result.done[each.kind] += 1
            finally:
                result.broken += [(each.kind, broken) for broken in made.broken]
                result.seen.update(made.log.counts())
            if made.broken:
                os.rename(made.folder, os.path.join(folder, f"broken-{number}"))
    except KeyboardInterrupt:
        result.interrupted = True
    if result.broken:
        say(f"what was broken is kept in {folder}")
    else:
        _remove(folder)
    return result


def _remove(folder: str) -> None:
    for base, directories, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(os.path.join(base, name))
        for name in directories:
            os.rmdir(os.path.join(base, name))
    os.rmdir(folder)


def progress(text: str) -> None:
    """Say how far it is, on standard error: one line that is written over, or nothing where nobody looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
