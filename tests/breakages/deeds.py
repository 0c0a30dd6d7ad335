"""What a way to break an agent is, and what is done to a file in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.breakages.patient import Patient

Deed = Callable[[Patient], object]


@dataclass(frozen=True)
class Way:
    """One way. `waits`: milliseconds for which the message has waited already.
    `unprivileged`: modes of files count for the doctor.
    """

    name: str
    cause: str
    do: Deed
    mend: tuple[str, ...] | Deed | None = None
    over_server: bool = False
    waits: int = 0
    environment: tuple[tuple[str, str], ...] = ()
    runtime: str = "claude"
    unprivileged: bool = False


def write(path: str, text: str) -> Deed:
    return lambda patient: (patient.home / path).write_text(text)


def edit(path: str, old: str, new: str) -> Deed:
    def do(patient: Patient) -> None:
        file = patient.home / path
        text = file.read_text()
        assert old in text
        mode = file.stat().st_mode
        file.chmod(0o600)
        file.write_text(text.replace(old, new))
        file.chmod(mode)

    return do


def cut(path: str) -> Deed:
    def do(patient: Patient) -> None:
        file = patient.home / path
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return do


def remove(path: str) -> Deed:
    return lambda patient: subprocess.run(["rm", "-r", str(patient.home / path)], check=True)


def zero(path: str) -> Deed:
    """A crash left NUL bytes where the file's own were."""

    def do(patient: Patient) -> None:
        file = patient.home / path
        file.write_bytes(b"\0" * file.stat().st_size)

    return do


def change(path: str, how: Callable[[Any], object]) -> Deed:
    """Change what a file in JSON says."""

    def do(patient: Patient) -> None:
        file = patient.home / path
        made = json.loads(file.read_text().replace("// mine\n", "\n"))
        how(made)
        file.write_text(json.dumps(made, indent=2))

    return do
