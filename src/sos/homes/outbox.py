"""What could not be sent: one file a message in the sender's home, sent again under the same id until a store took it."""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import HomeDamaged, SosError
from sos.model.messages import drafted
from sos.model.record import Record
from sos.model.work import Sending

DAMAGED = ".damaged"
MAX_QUEUED = 1000
"""Messages that an outbox holds; more are refused, so that an outage of days does not fill the disk."""


class Queued(Record):
    """One message that waits. `refused`: the store answered, and will never take it."""

    given: Sending
    refused: str = ""


def folder(home: str) -> str:
    """Where a home keeps its outbox."""
    return os.path.join(home, "outbox")


def _path(home: str, identifier: str) -> str:
    return os.path.join(folder(home), f"{identifier}.json")


def put(home: str, queued: Queued) -> None:
    """Keep a message until it is sent. Raises HomeDamaged where the outbox is full, StorageFull."""
    place = files.private_directory(folder(home))
    if len(os.listdir(place)) >= MAX_QUEUED:
        raise HomeDamaged(f"the outbox {place} holds {MAX_QUEUED} messages; this one was not queued", next_step="sos outbox")
    given = queued.given
    made = {**given.fields(), "draft": given.draft.fields(), "refused": queued.refused}
    files.write(_path(home, given.draft.id), wire.dumps(made).encode())


def waiting(home: str) -> list[Queued]:
    """What waits, oldest first: ids are ordered by time. A file that cannot be read is kept aside; see `damaged`."""
    found = []
    for name in _names(home):
        if not name.endswith(".json"):
            continue
        try:
            found.append(_read(home, name.removesuffix(".json")))
        except HomeDamaged:
            path = os.path.join(folder(home), name)
            os.replace(path, path + DAMAGED)
    return found


def damaged(home: str) -> list[str]:
    """Paths of the files that were kept aside: what was to be sent is in them, and nobody could read it."""
    return [os.path.join(folder(home), name) for name in _names(home) if name.endswith(DAMAGED)]


def _names(home: str) -> list[str]:
    try:
        return sorted(os.listdir(folder(home)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.translated(error, folder(home)) from error


def _read(home: str, identifier: str) -> Queued:
    path = _path(home, identifier)
    data = files.read(path)
    try:
        made = wire.loads(data or b"")
        refused, broadcast = made.pop("refused", ""), made.pop("broadcast", False)  # the second: as older versions wrote it
        draft = drafted(made["draft"])
        draft = draft.replace(kind="broadcast") if broadcast else draft
        return Queued(given=Sending(**{**made, "draft": draft}), refused=refused)
    except (SosError, TypeError, KeyError, AttributeError) as error:
        raise HomeDamaged(f"{path} cannot be read: {error}", next_step=f"look at {path}, then remove it") from error


def holds(home: str, identifier: str) -> bool:
    """Whether a message waits here."""
    return os.path.lexists(_path(home, identifier))


def remove(home: str, identifier: str) -> None:
    """It was sent, or its sender gave it up."""
    files.remove(_path(home, identifier))
