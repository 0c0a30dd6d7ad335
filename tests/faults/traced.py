"""Real commands under strace: which system calls they make on our files, and what they do when one fails or is the last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import tools
from tests.shell import Ran, Shell

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "openat", "ftruncate", "mkdir")
LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")


@dataclass(frozen=True)
class Call:
    """One system call on a file of ours, or on standard output: the how manieth of its name, and on what."""

    name: str
    number: int
    what: str


def strace() -> str:
    """The tool, tried: where it may not trace, it is as good as missing."""
    found = tools.find("strace")
    if subprocess.run([found, "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        tools.missing("strace", "may not trace here")
    return found


class Traced:
    """A terminal whose commands can be traced and hurt."""

    def __init__(self, shell: Shell, log: Path) -> None:
        self.shell = shell
        self.log = log
        self.tool = strace()

    def run(self, *words: str, inject: str = "", session: str = "", stdin: str = "") -> Ran:
        """Run `sos …` under strace, with an injection like `fsync:error=EIO:when=3`."""
        more = ["-e", f"inject={inject}"] if inject else []
        environment = {**self.shell.environment, "PYTHONDONTWRITEBYTECODE": "1"}
        if session:
            environment |= {"CLAUDE_CODE_SESSION_ID": session, "CLAUDE_PID": "999999999"}
        done = subprocess.run(
            [self.tool, "-f", "-y", "-s", "0", "-o", str(self.log), "-e", f"trace={','.join(CALLS)}", *more,
             sys.executable, "-m", "sos", *words],
            env=environment, cwd=self.shell.home, input=stdin.encode(), capture_output=True, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def elsewhere(self) -> bool:
        """Whether the injection met another call than it was meant for: how many modules Python opens is not always the same."""
        hurt = [line for line in self.log.read_text(errors="replace").splitlines() if "(INJECTED)" in line]
        return bool(hurt) and not any(str(self.shell.root) in line or " write(1<" in line for line in hurt)

    def calls(self) -> list[Call]:
        """What the last run did to files below our root and to standard output, in order."""
        found, counts = [], dict.fromkeys(CALLS, 0)
        for line in self.log.read_text(errors="replace").splitlines():
            matched = LINE.match(line)
            if matched is None:
                continue
            name, arguments, _ = matched.groups()
            counts[name] += 1
            paths = re.findall(r'[<"](/[^>"]*)[>"]', arguments)
            ours = [path for path in paths if path.startswith(f"{self.shell.root}/") or path == str(self.shell.root)]
            if name == "write" and arguments.startswith("1<"):
                found.append(Call(name, counts[name], "standard output"))
            elif ours:
                found.append(Call(name, counts[name], ours[0].removeprefix(str(self.shell.root)).lstrip("/")))
        return found
