"""A small disk of our own without free inodes, or read-only; test_limits.py runs it in a mount namespace.

Prints one JSON object: for each step its exit code, whether its answer has a name, and what was there afterwards.
`python -m tests.faults.small_limits FOLDER inodes|readonly`, FOLDER being the small disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.shell import Ran, Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"


def told(ran: Ran) -> dict[str, Any]:
    """What a step answered."""
    return {"code": ran.code, "out": ran.out, "err": ran.err}


def take_inodes(folder: Path) -> None:
    """Make empty files until there is no inode left."""
    for number in range(100_000):
        try:
            (folder / f"filler-{number}").touch()
        except OSError:
            return


def main(folder: Path, limit: str) -> dict[str, Any]:
    """The steps, in order: all is well, the limit, all is well again."""
    home = folder / "home"
    (home / ".sos").mkdir(parents=True, mode=0o700)
    os.environ.update(HOME=str(home), SOS_HOME=str(home / ".sos"))
    shell = Shell(home)
    for name in ("aa", "bb"):
        shell.join(name)
    shell.connect("bb")
    shell.event("SessionStart", SESSION, source="startup")
    sent = [shell.json("send", "--as", "aa", "bb", f"number {number}")["id"] for number in range(3)]
    if limit == "inodes":
        take_inodes(folder)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    inside = shell.inside(SESSION)
    steps: dict[str, Any] = {"ids": sent}
    steps["send"] = told(shell.run("send", "--as", "aa", "--json", "bb", "under the limit"))
    steps["hook"] = shell.event("UserPromptSubmit", SESSION)
    steps["inbox"] = told(inside.run("inbox", "--json"))
    steps["ack"] = told(inside.run("ack", "--json", sent[0]))
    steps["join"] = told(shell.run("join", "--name", "cc", "--json", "--project", "demo"))
    steps["guide"] = told(inside.run("guide"))
    if limit == "inodes":
        for filler in folder.glob("filler-*"):
            filler.unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    steps["join again"] = shell.join("cc")
    steps["send again"] = told(shell.run("send", "--as", "aa", "--json", "bb", "after it"))
    steps["recent"] = [entry["text"] for entry in shell.json("inbox", "--as", "bb", "--view", "recent")["entries"]]
    return steps


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
