"""`sos doctor` over ten agents and `sos watchdog --once`, as whole processes: milliseconds, against the design's limits."""

from __future__ import annotations

import os
import subprocess
import sys

from bench._measure import in_turn, place, quantile, say

AGENTS = 10
DOCTOR, WATCHDOG = 1500, 150
"""Milliseconds that each may take (p50)."""


def main() -> None:
    """Measure."""
    with place() as made:
        sos = os.path.join(os.path.dirname(sys.executable), "sos")
        environment = {key: value for key, value in made.environment.items() if key != "CLAUDE_CODE_SESSION_ID"}

        def run(*words: str) -> None:
            done = subprocess.run(words, env=environment, cwd=made.folder, check=False, capture_output=True)
            if done.returncode not in {0, 1}:  # 1: a finding, as on a disk that is nearly full
                raise SystemExit(done.stderr.decode())

        for number in range(AGENTS - 2):
            run(sos, "join", "--name", f"more-{number}", "--role", "builder", "--project", "demo")
            os.mkdir(folder := os.path.join(made.folder, f"work-{number}"))
            run(sos, "connect", "claude", "--as", f"more-{number}", "--dir", folder)
        bare, doctor, watchdog = in_turn(
            20,
            lambda: run(sys.executable, "-c", "pass"),
            lambda: run(sos, "doctor"),
            lambda: run(sos, "watchdog", "--once"),
        )
        for name, times, most in (("sos doctor, 10 agents", doctor, DOCTOR), ("sos watchdog --once", watchdog, WATCHDOG)):
            typical, base = quantile(times, 0.5), quantile(bare, 0.5)
            # The limit is of the design, in milliseconds; as a ratio it is the same limit in bare starts of this machine.
            say(f"{name}, p50 {typical:.0f} ms of {most} ms", typical / base, "python3 -c pass", round(most / base, 1))


if __name__ == "__main__":
    main()
