"""What a join left undone, kept in the home until it is done: `sos whoami` shows it, the next join and the hook try it again."""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import SosError
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis

FILE = "undone.json"


class Undone(Record):
    """One step of a join that failed without failing the join."""

    #: The step: skills, home, runtime or hook.
    step: str
    since: Millis
    what: str
    next_step: str
    #: What it takes to try it again: names of skills, or the runtime and the directory that it was connected in.
    values: tuple[str, ...] = ()


def path_of(home: str) -> str:
    """Where a home keeps them; there is no file where all is done."""
    return os.path.join(home, FILE)


def load(home: str) -> list[Undone]:
    """What is left. A file that cannot be read counts as nothing left: the next join finds out anew."""
    try:
        made = wire.loads(files.read(path_of(home)) or b"[]")
        return [Undone(**{**each, "values": tuple(each["values"])}) for each in made]
    except (SosError, TypeError, KeyError):
        return []


def save(home: str, left: list[Undone]) -> None:
    """Write down what is left. Raises StorageFull."""
    if left:
        values = [{**each.fields(), "values": list(each.values)} for each in left]
        files.write(path_of(home), wire.dumps(values, indent=1).encode())
    elif os.path.lexists(path_of(home)):
        files.remove(path_of(home))
