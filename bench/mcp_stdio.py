"""`sos mcp`: from its start to the answer of the first request, and what it takes while idle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from bench._measure import in_turn, place, quantile, say

_FIRST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode() + b"\n"


def main() -> None:
    """Fifty starts of each, in turn."""
    with place() as made:
        sizes: list[int] = []

        def start() -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", "sos", "mcp", "--as", "bb"],
                env=made.environment, cwd=made.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(_FIRST)
            process.stdin.flush()
            process.stdout.readline()
            ready.append(time.perf_counter())
            with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
                sizes.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
            process.stdin.close()
            process.stdout.close()
            process.wait()

        def bare() -> None:
            subprocess.run([sys.executable, "-c", "pass"], check=True)

        ready: list[float] = []
        begun: list[float] = []

        def measured() -> None:
            begun.append(time.perf_counter())
            start()

        _, bares = in_turn(50, measured, bare)
        times = [(end - start) for start, end in zip(begun, ready, strict=True)]
        say("sos mcp, ready", quantile(times, 0.5) / quantile(bares, 0.5), "python -c pass", 4.0)
        print(f"  p50 {quantile(times, 0.5):.1f} ms (goal 40), {max(sizes) / 1e6:.1f} MB (goal 20)")


if __name__ == "__main__":
    main()
