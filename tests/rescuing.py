"""A machine without Python: the rescue program under a bare shell, with the coreutils or busybox and nothing else on its PATH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import tools
from tests.shell import Ran, Shell

SHELLS = {
    "dash": ("dash", "coreutils"),
    "busybox sh": ("busybox", "coreutils"),
    "busybox alone": ("busybox", "busybox"),
}
COREUTILS = (
    "cat", "cksum", "cp", "date", "df", "id", "ls", "mkdir", "mv", "od", "readlink", "rm", "rmdir", "sha256sum", "sleep", "sync",
    "tail", "timeout", "tr",
)  # fmt: skip
ROOMY = "disk 1000000000 1000000 999000000 1% /"
"""A line of df: nothing is wrong with this disk, whatever the machine of the tests has."""


@dataclass
class Box:
    """A shell in a home. `programs`: what its PATH has, the real tools or what a test puts in their place."""

    home: Path
    interpreter: Sequence[str]
    programs: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return Path(self.extra.get("SOS_HOME") or self.home / ".sos")

    @property
    def script(self) -> Path:
        return self.root / "bin" / "sos-rescue"

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": str(self.programs), **self.extra}

    def run(self, *words: str | bytes, stdin: int = subprocess.DEVNULL, cwd: Path | None = None) -> Ran:
        done = subprocess.run(
            [*self.interpreter, str(self.script), *words],
            env=self.environment, cwd=cwd or self.home, stdin=stdin, capture_output=True, check=False,
        )  # fmt: skip
        assert b"not found" not in done.stderr, done.stderr
        assert b"sos-rescue: line" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def replace(self, program: str, body: str) -> None:
        """Put a program of a test's own on the PATH."""
        path = self.programs / program
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def disk(self, line: str, inodes: str = ROOMY) -> None:
        """What df says of every place."""
        self.replace("df", f"case $1 in -Pi) echo '{inodes}' ;; *) echo '{line}' ;; esac")


def box(kind: str, shell: Shell, folder: Path) -> Box:
    """A box of one of the SHELLS in a terminal's home, on a disk with room."""
    interpreter, brought = SHELLS[kind]
    programs = folder / kind
    programs.mkdir()
    busybox = tools.find("busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in COREUTILS:
        if brought == "coreutils":
            (programs / name).symlink_to(tools.find("coreutils", name))
        elif name in applets:
            (programs / name).symlink_to(busybox)
    path = tools.find(interpreter)
    made = Box(shell.home, [path, "sh"] if interpreter == "busybox" else [path], programs, {"TMPDIR": str(folder)})
    made.disk(ROOMY)
    return made


def broken(ran: Ran) -> list[str]:
    """What a check calls broken."""
    return [line.removeprefix("   BROKEN   ") for line in ran.out.splitlines() if line.startswith("   BROKEN")]


def inside(box: Box, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script with mounts of its own; its words are the home and what runs the rescue program there."""
    tools.find("unshare")
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", str(box.home)], check=False, capture_output=True).returncode:
        tools.not_allowed("mount a disk")
    return subprocess.run(
        [*unshare, "sh", "-euc", script, "sh", str(box.home), *box.interpreter, str(box.script)],
        env={**box.environment, "PATH": f"{box.programs}:{os.environ['PATH']}"}, cwd="/",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
