"""A consumer whose disk is filled while its handlers run; test_consumer.py runs it in a mount namespace.

`python -m tests.faults.full_consumer DISK FOLDER`: DISK is the small disk, FOLDER lies elsewhere. Prints what was found, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.faults.consumers import MANY, Consumers
from tests.faults.full_disk import fill
from tests.shell import Shell

REFUSED = 20
"""So many ends are refused before there is room again: five attempts of each message would be over by then."""


def main(disk: Path, folder: Path) -> dict[str, Any]:
    """Fill the disk while leases are out, and empty it when many ends were refused."""
    home = disk / "home"
    (home / ".sos").mkdir(parents=True, mode=0o700)
    os.environ.update(HOME=str(home), SOS_HOME=str(home / ".sos"))
    consumers = Consumers(Shell(home), folder)
    try:
        consumers.join()
        consumers.start("first")
        consumers.post(MANY)
        consumers.until(lambda: consumers.count("begun") >= 1)
        fill(disk)
        consumers.open_gate()
        consumers.until(lambda: consumers.count("refused", "storage_full") >= REFUSED)
        for filler in disk.glob("filler-*"):
            filler.unlink()
        return consumers.found()
    finally:
        consumers.end()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
