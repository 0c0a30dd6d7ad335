"""From nothing to the first message in an agent's hook: five commands, the installation among them.

What is installed is a wheel of this very tree, built before the clock starts; the registry is as near as a file can be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

from bench._measure import SESSION, say


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=os.getcwd()) as folder:
        wheel = _wheel(folder)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SOS_", "CLAUDE"))}
        environment = {**kept, "HOME": folder, "UV_PYTHON": sys.executable, "UV_OFFLINE": "1"}
        sos = os.path.join(folder, ".local", "bin", "sos")
        commands = [
            f"{_uv(folder)} tool install -q {wheel}",
            f"{sos} join --name aa --role builder --project demo",
            f"{sos} join --name bb --role builder --project demo",
            f"{sos} connect claude --as bb --dir {folder}",
            f"{sos} send --as aa bb 'is the build green?'",
        ]
        begun = time.perf_counter()
        times = []
        for command in commands:
            started = time.perf_counter()
            subprocess.run(["/bin/sh", "-c", command], env=environment, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        shown = b"".join(_hook(folder, environment, event) for event in ("SessionStart", "UserPromptSubmit"))
        whole = time.perf_counter() - begun
        if b"| is the build green?" not in shown:
            raise SystemExit(f"the message did not surface: {shown!r}")
        say("install to the first message surfaced, in seconds", whole, "1 s", 5)
        say("commands", len(commands), "command", 5)
        print("  install {:.1f} s, join {:.2f} s, join {:.2f} s, connect {:.2f} s, send {:.2f} s".format(*times))


def _wheel(folder: str) -> str:
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, os.getcwd()], check=True)
    (name,) = (name for name in os.listdir(folder) if name.endswith(".whl"))
    return os.path.join(folder, name)


def _uv(folder: str) -> str:
    """The installer of the README's first line, itself installed before the clock starts."""
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", f"{folder}/uv", "uv"], check=True)
    return f"{folder}/uv/bin/uv"


def _hook(folder: str, environment: dict[str, str], event: str) -> bytes:
    with open(os.path.join(folder, ".claude", "skills", "sos", "hooks", "hooks.json"), encoding="utf-8") as file:
        line = json.load(file)["hooks"][event][0]["hooks"][0]["command"]
    told = {"session_id": SESSION, "hook_event_name": event, "cwd": folder, "transcript_path": "", "source": "startup"}
    ran = subprocess.run(
        ["/bin/sh", "-c", line], env={**environment, "CLAUDE_CODE_SESSION_ID": SESSION}, cwd=folder,
        input=json.dumps(told).encode(), capture_output=True, check=True,
    )  # fmt: skip
    return ran.stdout


if __name__ == "__main__":
    main()
