"""What stays in memory while nothing happens: no process of ours, but for Claude Code's monitor, which waits for mail."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench._measure import SESSION, Place, cpu_seconds, place, private_bytes, say

MEGABYTE = 1 << 20


def main() -> None:
    """Measure."""
    with place() as made:
        made.hook("SessionStart")
        made.sos("send", "--as", "aa", "bb", "hello")
        made.hook("UserPromptSubmit")
        say("processes of ours after join, connect, send and hook", len(_ours(made)), "process", 0)
        monitor = subprocess.Popen(
            [sys.executable, "-m", "sos", "wait", "--line"],
            env=made.environment, cwd=made.folder, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            time.sleep(3)  # it has started and waits
            if monitor.poll() is not None:
                raise SystemExit(f"the monitor ended with {monitor.returncode}")
            own = private_bytes(monitor.pid)
            before = cpu_seconds(monitor.pid)
            time.sleep(5)
            say("the monitor's own memory in MB", own / MEGABYTE, "1 MB", 15)
            print(f"  and {(cpu_seconds(monitor.pid) - before) / 5 * 100:.2f} % of a processor; session {SESSION[:8]}")
        finally:
            monitor.kill()
            monitor.wait()


def _ours(made: Place) -> list[str]:
    """Processes whose environment names this place's home."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"HOME={made.folder}".encode() in file.read().split(b"\0"):
                        found.append(name)
            except OSError:
                continue  # gone, or another user's
    return found


if __name__ == "__main__":
    main()
