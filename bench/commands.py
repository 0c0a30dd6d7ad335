"""`sos send`, `sos --help` and `sos whoami` as whole processes, against `python3 -c pass`."""

from __future__ import annotations

import os
import subprocess
import sys

from bench._measure import in_turn, place, quantile, say


def main() -> None:
    """Measure."""
    with place() as made:
        sos = os.path.join(os.path.dirname(sys.executable), "sos")
        environment = {key: value for key, value in made.environment.items() if key != "CLAUDE_CODE_SESSION_ID"}

        def run(*words: str) -> None:
            subprocess.run(words, env=environment, cwd=made.folder, check=True, capture_output=True)

        bare, send, help_, whoami = in_turn(
            60,
            lambda: run(sys.executable, "-c", "pass"),
            lambda: run(sos, "send", "--as", "aa", "bb", "hello"),
            lambda: run(sos, "--help"),
            lambda: run(sos, "whoami", "--as", "bb"),
        )
        for name, times in (("sos send", send), ("sos --help", help_), ("sos whoami", whoami)):
            say(f"{name}, p50 {quantile(times, 0.5):.1f} ms", quantile(times, 0.5) / quantile(bare, 0.5), "python3 -c pass", 3)


if __name__ == "__main__":
    main()
