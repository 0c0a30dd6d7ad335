"""The embedded store as one thing: opening it, never silently anew, and its parts."""

from __future__ import annotations

import os

from sos.model.errors import StoreMissing
from sos.stores.sqlite.agents import SqliteDirectory, SqliteSkills, SqliteTokens
from sos.stores.sqlite.ballast import Ballast
from sos.stores.sqlite.database import Database
from sos.stores.sqlite.mail import SqliteMailbox
from sos.stores.sqlite.ring import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.messages import Durability
    from sos.model.names import Slug
    from sos.stores.sqlite.foreign import SqliteStreams
    from sos.stores.sqlite.ring import Listener
    from sos.stores.sqlite.tasks import SqliteTasks


class Listening:
    """`with` it, one listens. (A generator's context manager would cost every hook an import.)"""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def __enter__(self) -> Listener:
        self._listener = self._ring.listener()
        return self._listener

    def __exit__(self, *_: object) -> None:
        self._ring.dismiss(self._listener)


class SqliteStore:
    """The port `Store` over `path`; quiet files live in `run`."""

    durability: Durability = "disk"
    reader = None

    def __init__(self, path: str, run: str, *, create: bool = False, lock_seconds: float = 5.0) -> None:
        if not create and not os.path.exists(path):
            raise StoreMissing(f"the store {path} is gone")
        self.ballast = Ballast(path)
        self._database = Database(path, lock_seconds=lock_seconds)
        # Even opening needs some room where the last process took SQLite's shared index with it.
        self.ballast.saving(lambda: self._database.open(create=create))
        self._ring = Ring(self._database, run)
        self._skills: SqliteSkills | None = None
        self._tasks: SqliteTasks | None = None
        self.agents = SqliteDirectory(self._database)
        self.mail = SqliteMailbox(self._database, self.agents, self._ring, self.ballast)
        self.tokens = SqliteTokens(self._database)

    @property
    def skills(self) -> SqliteSkills:
        """Skills, made when first asked for: the hook never does."""
        if self._skills is None:
            self._skills = SqliteSkills(self._database)
        return self._skills

    @property
    def tasks(self) -> SqliteTasks:
        """Tasks. Their module is loaded here: the hook and a plain send never ask."""
        if self._tasks is None:
            from sos.stores.sqlite.tasks import SqliteTasks

            self._tasks = SqliteTasks(self._database, self.mail)
        return self._tasks

    @property
    def streams(self) -> SqliteStreams:
        """Foreign streams. Their module is loaded here: the hook and a plain send never ask."""
        from sos.stores.sqlite.foreign import SqliteStreams

        return SqliteStreams(self._database, self.mail, self.agents)

    @property
    def epoch(self) -> str:
        """See `ports.Store.epoch`."""
        return str(self._database.read("SELECT value FROM meta WHERE key = 'epoch'")[0][0])

    def check_once(self, mark: str) -> None:
        """Look through the whole file unless that was done under this mark already. Raises StoreDamaged."""
        if self._database.read("SELECT 1 FROM meta WHERE key = 'checked' AND value = ?", (mark,)):
            return
        self._database.check()
        with self._database.write():
            self._database.read("INSERT OR REPLACE INTO meta (key, value) VALUES ('checked', ?)", (mark,))

    def try_write(self, seconds: float) -> None:
        """Whether a write could begin now. Raises StoreUnreachable, StorageFull."""
        self._database.try_write(seconds)

    def copy(self, path: str) -> int:
        """See `ports.Store.copy`."""
        return self._database.copy(path)

    def wait(self, agent: Slug, seconds: float) -> bool:
        """See `ports.Store.wait`."""
        return self._ring.wait(agent, seconds, lambda: self.mail.count(agent, "unread") > 0)

    def nudge(self, agent: Slug) -> bool:
        """See `ports.Store.nudge`."""
        return self._ring.nudge(agent)

    def listen(self) -> Listening:
        """See `ports.Store.listen`."""
        return Listening(self._ring)

    def close(self) -> None:
        """See `ports.Store.close`."""
        self.mail.close()
        self._ring.close()
        self._database.close()
