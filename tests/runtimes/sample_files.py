"""Writes what runtimes were seen to say into samples/: without this machine's paths and secrets, and cut to a readable size."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SAMPLES = Path(__file__).parent / "samples"
CUT_ABOVE, KEEP = 700, 200


class Scrubber:
    """Replaces what belongs to one machine; `places` are pairs of a path here and a neutral one, the longest first."""

    def __init__(self, places: Sequence[tuple[str, str]]) -> None:
        self._places = (*places, (sys.executable, "/usr/bin/python3"))

    @classmethod
    def of(cls, root: Path, home: Path, program: Path) -> Scrubber:
        """For a throw-away machine at `root` with its home and the runtime's program, four folders below all runtimes."""
        return cls([(str(home), "/home/user"), (str(root), "/home/user/test"), (str(program.parents[3]), "/home/user/runtimes")])

    def clean(self, value: object) -> Any:
        """The value without paths and secrets, and with long texts and lists cut in the middle."""
        text = json.dumps(value)
        for machine, neutral in self._places:
            text = text.replace(machine, neutral)
        text = re.sub(r'(MESSAGING_TOKEN(?:": "|=))[0-9a-f]+', r"\1<secret>", text)
        text = re.sub(r"OS Version: [^\\\"]+|(?<=\"osVersion\": \")[^\"]+", "Linux", text)
        return shortened(json.loads(text))

    def write(self, name: str, values: Iterable[object]) -> None:
        """The file samples/NAME, one cleaned value a line."""
        SAMPLES.mkdir(exist_ok=True)
        (SAMPLES / name).write_text("".join(json.dumps(self.clean(value), ensure_ascii=False) + "\n" for value in values))


def shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > CUT_ABOVE:
        return f"{value[:KEEP]} [... {len(value) - 2 * KEEP} characters cut ...] {value[-KEEP:]}"
    if isinstance(value, list):
        rest = [f"[... {len(value) - 4} items cut ...]"] if len(value) > 6 else []
        return [shortened(item) for item in (value[:4] if rest else value)] + rest
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value
