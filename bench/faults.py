"""PERF-023: what faults have lost, doubled or accepted: the user's trials here, all of them through `scripts/evidence --full`.

python -m bench.faults            2000 trials without root, in a minute
python -m bench.faults --all      scripts/evidence --full: over 100,000, and writes docs/reference/evidence.md
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sos.settings import load
from sos.testing.faults import running

GOAL = 100_000


def main() -> int:
    """Print the trials and what was broken; the exit code says whether anything was."""
    if "--all" in sys.argv[1:]:
        return subprocess.run([Path(__file__).parent.parent / "scripts" / "evidence", "--full"], check=False).returncode
    with_home = {**os.environ, "HOME": os.environ.get("TMPDIR", "/tmp")}
    result = running.run(load(with_home), None, 2000, with_home["HOME"], running.progress)
    print(result.table())
    print(f"goal: 0 broken; {result.trials} of the {GOAL:,} trials of `scripts/evidence --full`")
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
