"""Tasks in Redis."""

from __future__ import annotations

from sos.model.plain import made, plain
from sos.model.tasks import ENDED, FORGOTTEN_AT_ONCE, KEPT, MAX_LIVE, too_many
from sos.stores.redis import keys, rows
from sos.stores.redis.server import one_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.ids import MessageId
    from sos.model.parcels import Parcel
    from sos.model.tasks import Task
    from sos.stores.redis.server import Server
    from sos.stores.redis.step import Step, Steps


class RedisTasks:
    """The port `TaskStore` over a server."""

    def __init__(self, server: Server, steps: Steps) -> None:
        self._server = server
        self._steps = steps

    def add(self, task: Task, told: Sequence[Parcel]) -> Task:
        """See `ports.TaskStore.add`."""
        where, live, ended = keys.tasks(task.project), keys.live_tasks(task.project), keys.ended_tasks(task.project)

        def work(step: Step) -> Task:
            (known,) = step.get((where, task.id))
            if known is not None:
                return _task_of(known)
            until = f"({task.created_at - KEPT}"
            count, old = self._server.read(
                ("ZCARD", live), ("ZRANGEBYSCORE", ended, "-inf", until, "LIMIT", 0, FORGOTTEN_AT_ONCE)
            )
            for each in old:
                step.write("HDEL", where, each)
                step.write("ZREM", ended, each)
            if count >= MAX_LIVE:
                raise too_many(task.project)
            _save(step, task, told)
            return task

        return self._steps.run(work)

    @one_call
    def find(self, project: str, ids: Sequence[MessageId]) -> list[Task]:
        """See `ports.TaskStore.find`."""
        (found,) = self._server.read(("HMGET", keys.tasks(project), *ids)) if ids else ([],)
        return [_task_of(each) for each in found if each is not None]

    @one_call
    def list(self, project: str, *, live: bool, limit: int) -> list[Task]:
        """See `ports.TaskStore.list`."""
        if live:
            (ids,) = self._server.read(("ZRANGE", keys.live_tasks(project), 0, limit - 1))
        else:
            (ids,) = self._server.read(("ZREVRANGE", keys.ended_tasks(project), 0, limit - 1))
        return self.find(project, [each.decode() for each in ids])

    def swap(self, before: Task, after: Task, told: Sequence[Parcel]) -> bool:
        """See `ports.TaskStore.swap`."""

        def work(step: Step) -> bool:
            (known,) = step.get((keys.tasks(after.project), after.id))
            if known is None or _task_of(known) != before:
                return False
            _save(step, after, told)
            return True

        return self._steps.run(work)


def _save(step: Step, task: Task, told: Sequence[Parcel]) -> None:
    live, ended = keys.live_tasks(task.project), keys.ended_tasks(task.project)
    step.write("HSET", keys.tasks(task.project), task.id, rows.dumps(plain(task)))
    if task.status in ENDED:
        step.write("ZREM", live, task.id)
        step.write("ZADD", ended, task.changed_at, task.id)
    else:
        step.write("ZREM", ended, task.id)
        step.write("ZADD", live, task.created_at, task.id)
    for parcel in told:
        step.tell(parcel)


def _task_of(value: bytes) -> Task:
    return made("Task", rows.loads(value), "a task")  # type: ignore[no-any-return]
