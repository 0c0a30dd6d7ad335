"""A small disk of our own, filled to the last byte, and what still works on it; test_full_disk.py runs it in a mount namespace.

Prints one JSON object of what each step answered. `python -m tests.faults.full_disk FOLDER`, FOLDER being the small disk.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.shell import Ran, Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"


def fill(folder: Path) -> None:
    """Take every byte that is left."""
    descriptor = os.open(folder / f"filler-{os.urandom(4).hex()}", os.O_WRONLY | os.O_CREAT)
    size = 1 << 16
    while size:
        try:
            os.write(descriptor, b"x" * size)
        except OSError:
            size //= 2
    os.close(descriptor)


def told(ran: Ran) -> dict[str, Any]:
    """What a step answered."""
    return {"code": ran.code, "out": ran.out, "err": ran.err}


def main(folder: Path) -> dict[str, Any]:
    """The steps, in order."""
    home = folder / "home"
    (home / ".sos").mkdir(parents=True, mode=0o700)
    os.environ.update(HOME=str(home), SOS_HOME=str(home / ".sos"))
    shell = Shell(home)
    shell.join("aa")
    shell.join("bb")
    shell.connect("bb")
    shell.event("SessionStart", SESSION, source="startup")
    shown = [shell.json("send", "--as", "aa", "bb", f"number {number}")["id"] for number in range(3)]
    asked = shell.json("send", "--as", "aa", "--request", "bb", "well?")["id"]
    inside = shell.inside(SESSION)
    fill(folder)
    steps: dict[str, Any] = {"ids": [*shown, asked]}
    # Ordinary sends go on as long as the log has room; then they are refused, and the ballast stands.
    sent = shell.run("send", "--as", "aa", "--json", "bb", "x" * 60_000)
    for _ in range(100):
        if sent.code == 0:
            sent = shell.run("send", "--as", "aa", "--json", "bb", "x" * 60_000)
    steps["refused"] = told(sent)
    steps["ballast_after_refusal"] = os.path.exists(home / ".sos/sos.db.ballast")
    steps["hook"] = shell.event("UserPromptSubmit", SESSION)
    steps["inbox"] = told(inside.run("inbox", "--json"))
    steps["acks"] = [told(inside.run("ack", "--json", identifier)) for identifier in (*shown, asked)]
    steps["help"] = told(inside.run("send", "--json", "operator", "the disk is full"))
    steps["operator"] = told(shell.run("inbox", "--json"))
    steps["whoami"] = told(inside.run("whoami", "--json"))
    steps["doctor"] = told(inside.run("doctor", "--json"))
    steps["guide"] = told(inside.run("guide"))
    steps["join"] = told(shell.run("join", "--name", "cc", "--json"))
    for filler in folder.glob("filler-*"):
        filler.unlink()
    steps["again"] = told(shell.run("send", "--as", "aa", "--json", "bb", "there is room again"))
    steps["ballast_again"] = os.path.exists(home / ".sos/sos.db.ballast")
    steps["inbox_again"] = told(inside.run("inbox", "--json"))
    return steps


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
