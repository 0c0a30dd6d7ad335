"""From `sos doctor --fix`, or the one command that it names, to the message shown: over every scripted way to break an agent.

The ways are those of tests/breakages, in all five runtimes. What a person alone can do (trust, a switch of the user's own, a
process, a server) is counted by itself. A way that is not mended is named.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from bench._measure import quantile, say
from tests.breakages.deeds import Way
from tests.breakages.patient import Patient
from tests.breakages.ways import WAYS
from tests.serving import Serving

SHARE, MEDIAN = 0.95, 60
"""Of the ways that no person is needed for, those that must be mended; and seconds, typically."""


def main() -> None:
    """Measure."""
    for name in [name for name in os.environ if name.startswith(("SOS_", "CLAUDE"))]:
        del os.environ[name]  # of the session in which this runs
    by_person = [way for way in WAYS if callable(way.mend)]
    by_command = [way for way in WAYS if not callable(way.mend)]
    times = {way: taken for way in WAYS if (taken := mended(way)) is not None}
    for way in WAYS:
        if way not in times:
            print(f"not mended: {way.name}")
    fixed = [way for way in by_command if way in times]
    alone = sum(way.mend is None for way in fixed)
    print(f"{len(WAYS)} ways: {alone} mended by --fix, {len(fixed) - alone} by one command that is named, "
          f"{sum(way in times for way in by_person)} of {len(by_person)} by what a person alone can do")  # fmt: skip
    say("mended by --fix or one command", len(fixed) / len(by_command), "ways that need no person", SHARE, at_least=True)
    typical = quantile([times[way] for way in fixed], 0.5) / 1000
    slowest = max(fixed, key=lambda way: times[way])
    say(f"to the message shown, p50 {typical:.2f} s, slowest {times[slowest]:.1f} s ({slowest.name})", typical, "1 s", MEDIAN)


def mended(way: Way) -> float | None:
    """Seconds from the mend's beginning to the message shown in a new session; None where it is not shown."""
    with tempfile.TemporaryDirectory() as folder:
        serving = Serving(Path(folder) / "server") if way.over_server else None
        patient = Patient(Path(folder) / "home", serving, way.runtime)
        try:
            patient.send(way.waits)
            way.do(patient)
            begun = time.monotonic()
            if way.mend is None:
                patient.doctor("--fix")
            elif callable(way.mend):
                way.mend(patient)
            else:
                patient.shell.run(*way.mend)
            try:
                patient.arrives()
            except (AssertionError, OSError, ValueError, KeyError):  # however a hook that is still broken is noticed
                return None
            return time.monotonic() - begun
        finally:
            patient.close()


if __name__ == "__main__":
    main()
