"""Of a hundred messages, how many each real runtime is proven to have had in its context: all of them, or this fails.

The measuring is the own test of the runtimes, with a loopback model endpoint: each message must stand in a request, and `trace`
must say `in context` of it.
"""

from __future__ import annotations

import subprocess

from bench._measure import say

RUNTIMES = ("Claude Code", "Codex", "Gemini CLI")
TEST = "test_a_hundred_of_a_hundred_are_proven_and_each_stood_in_a_request"


def main() -> None:
    """Measure."""
    ran = subprocess.run(["scripts/test", "--runtimes", "-k", TEST], check=False, capture_output=True, text=True)
    if ran.returncode or f"{len(RUNTIMES)} passed" not in ran.stdout:
        raise SystemExit(ran.stdout[-2000:] + ran.stderr[-500:])
    for runtime in RUNTIMES:
        say(f"proven in the context of {runtime}, of 100", 100, "message", 100, at_least=True)


if __name__ == "__main__":
    main()
