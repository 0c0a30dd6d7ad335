"""`python -m sos.testing.faults`: break a store of your own kind on purpose, and see what is lost."""

from __future__ import annotations

import argparse
import json
import sys

from sos.model.errors import SosError
from sos.settings import load
from sos.testing.faults import running


def main(arguments: list[str] | None = None) -> int:
    """As `sos faults`, also where the command is not on the path."""
    parser = argparse.ArgumentParser(prog="python -m sos.testing.faults", description=__doc__)
    running.arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    given = parser.parse_args(arguments)
    try:
        result = running.run(load(), given.seed, given.trials, given.store, running.progress)
    except SosError as error:
        print(f"{error.message}\n     next: {error.next_step}", file=sys.stderr)
        return error.exit_code
    running.progress("")
    print(json.dumps(result.fields()) if given.json else result.table())
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
