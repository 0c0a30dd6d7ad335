"""The hook at a tool batch without mail, whole process, against `sh -c :`."""

from __future__ import annotations

import subprocess

from bench._measure import in_turn, place, quantile, say


def main() -> None:
    """Measure."""
    with place() as made:
        made.hook("SessionStart")
        made.hook("UserPromptSubmit")
        line, environment = made.line("PostToolBatch"), made.environment
        bare, hook = in_turn(
            500,
            lambda: subprocess.run(["/bin/sh", "-c", ":"], env=environment, check=True),
            lambda: subprocess.run(["/bin/sh", "-c", line], env=environment, check=True),
        )
        say("hook without mail, p50", quantile(hook, 0.5) / quantile(bare, 0.5), "sh -c :", 1.5)
        print(f"  sh {quantile(bare, 0.5):.2f} ms, hook p50 {quantile(hook, 0.5):.2f} ms, p99 {quantile(hook, 0.99):.2f} ms")


if __name__ == "__main__":
    main()
