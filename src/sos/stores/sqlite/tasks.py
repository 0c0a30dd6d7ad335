"""Tasks in SQLite. Not loaded by the hook or a plain send."""

from __future__ import annotations

from sos.model import wire
from sos.model.plain import made, plain
from sos.model.tasks import ENDED, FORGOTTEN_AT_ONCE, KEPT, MAX_LIVE, too_many
from sos.stores.sqlite.database import queries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.ids import MessageId
    from sos.model.parcels import Parcel
    from sos.model.tasks import Task
    from sos.stores.sqlite.database import Database, Row
    from sos.stores.sqlite.mail import SqliteMailbox


class SqliteTasks:
    """The port `TaskStore` over one database file."""

    def __init__(self, database: Database, mail: SqliteMailbox) -> None:
        self._database = database
        self._mail = mail
        self._sql = queries("tasks")

    def _run(self, name: str, values: object) -> list[Row]:
        return self._database.read(self._sql[name], values)

    def add(self, task: Task, told: Sequence[Parcel]) -> Task:
        """See `ports.TaskStore.add`."""
        with self._database.write():
            known = self.find(task.project, [task.id])
            if known:
                return known[0]
            before = task.created_at - KEPT
            self._run("forget", {"project": task.project, "before": before, "most": FORGOTTEN_AT_ONCE})
            if self._run("count_live", (task.project,))[0][0] >= MAX_LIVE:
                raise too_many(task.project)
            self._save(task, told)
            return task

    def find(self, project: str, ids: Sequence[MessageId]) -> list[Task]:
        """See `ports.TaskStore.find`."""
        return [_task_of(row) for each in ids for row in self._run("find", (project, each))]

    def list(self, project: str, *, live: bool, limit: int) -> list[Task]:
        """See `ports.TaskStore.list`."""
        return [_task_of(row) for row in self._run("live" if live else "ended", (project, limit))]

    def swap(self, before: Task, after: Task, told: Sequence[Parcel]) -> bool:
        """See `ports.TaskStore.swap`."""
        with self._database.write():
            if self.find(after.project, [after.id]) != [before]:
                return False
            self._save(after, told)
            return True

    def _save(self, task: Task, told: Sequence[Parcel]) -> None:
        live = int(task.status not in ENDED)
        self._run("save", (task.project, task.id, live, task.created_at, task.changed_at, wire.dumps(plain(task))))
        with self._mail.batch() as batch:
            for parcel in told:
                self._mail.tell(parcel, batch)


def _task_of(row: Row) -> Task:
    return made("Task", wire.loads(row[0]), "a task")  # type: ignore[no-any-return]
