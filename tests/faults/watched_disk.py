"""A small disk of our own that fills up, and what the watchdog does; test_watched_disk.py runs it in a mount namespace.

Prints one JSON object of what each step answered. `python -m tests.faults.watched_disk FOLDER`, FOLDER being the small disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.full_disk import fill, told
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"


def take(folder: Path, name: str, percent: int) -> None:
    """A file with which this share of the disk is used."""
    found = os.statvfs(folder)
    wanted = found.f_blocks * percent // 100 - (found.f_blocks - found.f_bfree)
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, wanted * found.f_frsize)
    os.close(descriptor)


def state(folder: Path) -> dict[str, Any]:
    """Whether the ballast is there, and what is left."""
    found = os.statvfs(folder)
    return {"ballast": (folder / "home/.sos/ballast").exists(), "free": found.f_bavail * found.f_frsize}


def grow(folder: Path, mebibytes: int) -> None:
    """Give the disk another size: a large one costs no memory until it is filled."""
    subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", str(folder)], check=True)


def elsewhere(folder: Path) -> dict[str, Any]:
    """What a send answers where the store's disk is full and the home's is not."""
    store = folder / "other"
    store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "none", str(store)], check=True)
    shell = Shell(folder, {"SOS_HOME": str(folder / "second"), "SOS_STORE": f"sqlite://{store}/sos.db", "HOME": str(folder)})
    shell.join("aa")
    fill(store)
    sent = shell.run("send", "--as", "aa", "aa", "x" * 60_000)
    for _ in range(100):
        if sent.code == 0:
            sent = shell.run("send", "--as", "aa", "aa", "x" * 60_000)
    return told(sent)


def small(folder: Path) -> dict[str, Any]:
    """A home on a disk with hardly an inode left, and read-only."""
    few = folder / "few"
    few.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m,nr_inodes=1000,mode=700", "none", str(few)], check=True)
    shell = Shell(folder, {"SOS_HOME": str(few / "sos"), "HOME": str(few), "TMPDIR": str(few)})
    (few / "many").mkdir()
    for number in range(950):
        (few / "many" / str(number)).touch()
    inodes = told(shell.run("watchdog", "--once"))
    for number in range(950):
        (few / "many" / str(number)).unlink()
    shell.run("watchdog", "--once")
    subprocess.run(["mount", "-o", "remount,ro", str(few)], check=True)
    return {"inodes": inodes, "sealed": told(shell.run("watchdog", "--once"))}


def main(folder: Path) -> dict[str, Any]:
    """The steps, in order."""
    home = folder / "home"
    (home / ".sos").mkdir(parents=True, mode=0o700)
    os.environ.update(HOME=str(home), SOS_HOME=str(home / ".sos"), TMPDIR=str(folder))
    shell = Shell(home)
    shell.join("aa")
    shell.join("bb")
    shell.connect("bb")
    shell.event("SessionStart", SESSION, source="startup")
    steps: dict[str, Any] = {}

    def look(name: str) -> None:
        steps[name] = {**told(shell.run("watchdog", "--once", "--json")), **state(folder)}

    def free(mebibytes: int) -> None:
        for filler in [*folder.glob("filler-*"), *folder.glob("big/*")]:
            filler.unlink()
        grow(folder, mebibytes)

    steps["elsewhere"] = elsewhere(folder)
    steps |= small(folder)
    (folder / "big").mkdir()
    look("first")
    look("well")
    grow(folder, 200)
    take(folder, "big/warning", 60)
    look("warning")
    look("still")
    steps["warned"] = [shell.event("UserPromptSubmit", SESSION) for _ in range(2)]
    take(folder, "big/critical", 97)
    look("critical")
    steps["words"] = told(shell.run("watchdog", "--once"))
    steps["rung"] = [shell.event("UserPromptSubmit", SESSION) for _ in range(2)]
    fill(folder)
    look("full")
    free(2000)
    look("again")
    look("later")
    steps["over"] = shell.event("UserPromptSubmit", SESSION)
    grow(folder, 200)
    fill(folder)
    sent = shell.run("send", "--as", "aa", "bb", "x" * 60_000)
    for _ in range(100):
        if sent.code == 0:
            sent = shell.run("send", "--as", "aa", "bb", "x" * 60_000)
    steps["failure"] = {**told(sent), **state(folder)}
    steps["log"] = (home / ".sos/log").read_text()
    return steps


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
