"""How each watched agent is: said when it changes, and kept in a file for `sos watch status` while a watch runs."""

from __future__ import annotations

import os
import threading
import time

from sos import files
from sos.model import wire
from sos.model.errors import HomeDamaged, SosError, UnreadableJson
from sos.model.record import Record
from sos.model.times import LATEST, Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Standing(Record):
    """One thing that is done for an agent, and how that goes."""

    agent: str
    does: str
    #: What is wrong now, and since when; empty where all is well.
    trouble: str = ""
    since: Millis | None = None
    #: The last thing that failed, whether or not it was made good since.
    failed: str = ""
    failed_at: Millis | None = None
    #: Whether nothing was handed over since.
    failing: bool = False


class State:
    """Of one running watch. Threads may say things at the same time."""

    def __init__(self, root: str, say: Callable[[str], None]) -> None:
        self._root = root
        self._say = say
        self._lock = threading.Lock()
        self._troubles: dict[tuple[str, str], tuple[str, Millis]] = {}
        self._failures: dict[tuple[str, str], tuple[str, Millis, bool]] = {}
        self._saved = b""
        self._unsaved = ""

    def began(self, agent: str, does: str) -> None:
        """It is done from now on."""
        with self._lock:
            self._troubles.pop((agent, does), None)
            self._troubles.pop((agent, ""), None)
        self._say(f"{agent}: {does}")

    def ended(self, agent: str, does: str) -> None:
        """It is done no longer."""
        with self._lock:
            self._troubles.pop((agent, does), None)
            self._failures.pop((agent, does), None)
        self._say(f"{agent}: no longer {does}")

    def trouble(self, agent: str, does: str, text: str) -> None:
        """What is wrong with it, said where it is not what was said last; an empty text is the end of the trouble."""
        with self._lock:
            before = self._troubles.pop((agent, does), ("", Millis(0)))
            if text:
                self._troubles[agent, does] = before if before[0] == text else (text, _now())
        if text != before[0]:
            self._say(f"{agent}: {text or 'well again'}")

    def failed(self, agent: str, does: str, text: str, *, failing: bool) -> None:
        """Something failed; `failing`: it is so until something of it goes well."""
        with self._lock:
            self._failures[agent, does] = (text, _now(), failing)
        self._say(f"{agent}: {text}")

    def went_well(self, agent: str, does: str) -> None:
        """What failed before is over."""
        with self._lock:
            if (agent, does) in self._failures:
                text, at, _ = self._failures[agent, does]
                self._failures[agent, does] = (text, at, False)

    def troubled(self) -> list[str]:
        """The agents with whom there is or was trouble."""
        with self._lock:
            return sorted({agent for agent, _ in (*self._troubles, *self._failures)})

    def save(self, done: Iterable[tuple[str, str]]) -> None:
        """Write down how it stands with what is done, where that has changed. A disk that refuses is said, and ends nothing."""
        with self._lock:
            keys = sorted({*done, *self._troubles})
            standings = [self._standing(key).fields() for key in keys]
        data = wire.dumps({"process": os.getpid(), "standings": standings}, indent=1).encode()
        if data == self._saved:
            return
        try:
            files.write(_path(self._root), data)
            self._saved, self._unsaved = data, ""
        except SosError as error:
            if error.message != self._unsaved:
                self._unsaved = error.message
                self._say(f"its state cannot be written: {error.message}")

    def _standing(self, key: tuple[str, str]) -> Standing:
        agent, does = key
        trouble, since = self._troubles.get(key, ("", None))
        failed, at, failing = self._failures.get(key, ("", None, False))
        return Standing(agent=agent, does=does, trouble=trouble, since=since, failed=failed, failed_at=at, failing=failing)


def lock(root: str) -> files.Lock:
    """Held by the one watch that runs in a home. Raises HomeNotPrivate, StorageFull."""
    return files.Lock(os.path.join(files.private_directory(os.path.join(root, "run")), "watch.lock"), 0.1)


def runs(root: str) -> bool:
    """Whether a watch runs in a home. Raises HomeNotPrivate."""
    if not os.path.exists(os.path.join(root, "run", "watch.lock")):
        return False
    held = lock(root)
    if not held.acquire():
        return True
    held.close()
    return False


def load(root: str) -> list[Standing]:
    """What the running watch wrote last. Raises HomeDamaged, HomeNotPrivate."""
    path = _path(root)
    data = files.read(path)
    if data is None:
        return []
    try:
        return [_standing(each) for each in wire.loads(data)["standings"]]
    except (UnreadableJson, KeyError, TypeError, ValueError) as error:
        step = "end sos watch run, and start it again: it writes the file anew"
        raise HomeDamaged(f"{path} cannot be read: {error}", next_step=step) from error


def _standing(given: Any) -> Standing:
    made = Standing(**given)
    times = [at for at in (made.since, made.failed_at) if at is not None]
    if not all(isinstance(text, str) for text in (made.agent, made.does, made.trouble, made.failed)):
        raise ValueError("no text")
    if not all(type(at) is int and 0 <= at <= LATEST for at in times):
        raise ValueError("no time")
    return made


def _path(root: str) -> str:
    return os.path.join(root, "run", "watch.json")


def _now() -> Millis:
    return Millis(time.time_ns() // 1_000_000)
