"""Tasks in memory."""

from __future__ import annotations

from sos.model.tasks import ENDED, FORGOTTEN_AT_ONCE, KEPT, MAX_LIVE, too_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.ids import MessageId
    from sos.model.parcels import Parcel
    from sos.model.tasks import Task
    from sos.stores.memory.mail import MemoryMailbox
    from sos.stores.memory.store import State


class MemoryTasks:
    """The port `TaskStore` over a `State`."""

    def __init__(self, state: State, mail: MemoryMailbox) -> None:
        self._state = state
        self._mail = mail

    def add(self, task: Task, told: Sequence[Parcel]) -> Task:
        """See `ports.TaskStore.add`."""
        with self._state.step():
            kept = self._state.tasks
            known = kept.get((task.project, task.id))
            if known is not None:
                return known
            old = [
                each for each in self.list(task.project, live=False, limit=MAX_LIVE) if each.changed_at < task.created_at - KEPT
            ]
            for each in old[-FORGOTTEN_AT_ONCE:]:
                del kept[each.project, each.id]
            if len(self.list(task.project, live=True, limit=MAX_LIVE)) == MAX_LIVE:
                raise too_many(task.project)
            kept[task.project, task.id] = task
            for parcel in told:
                self._mail.tell(parcel)
            return task

    def find(self, project: str, ids: Sequence[MessageId]) -> list[Task]:
        """See `ports.TaskStore.find`."""
        with self._state.lock:
            return [found for each in ids if (found := self._state.tasks.get((project, each))) is not None]

    def list(self, project: str, *, live: bool, limit: int) -> list[Task]:
        """See `ports.TaskStore.list`."""
        with self._state.lock:
            found = [task for (where, _), task in self._state.tasks.items() if where == project]
        found = [task for task in found if (task.status not in ENDED) == live]
        return sorted(found, key=lambda task: (task.created_at, task.id) if live else (-task.changed_at, task.id))[:limit]

    def swap(self, before: Task, after: Task, told: Sequence[Parcel]) -> bool:
        """See `ports.TaskStore.swap`."""
        with self._state.step():
            place = after.project, after.id
            if self._state.tasks.get(place) != before:
                return False
            self._state.tasks[place] = after
            for parcel in told:
                self._mail.tell(parcel)
            return True
