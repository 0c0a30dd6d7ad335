"""Tasks over the store: the rules stand in model/tasks.py; here they meet what is stored, and whom it concerns is told."""

from __future__ import annotations

from sos.core.sending import unknown
from sos.model import tasks
from sos.model.addresses import inbox_address
from sos.model.errors import Conflict, InvalidInput, StoreUnreachable, UnknownAgent, UnknownTask
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import OPERATOR, SYSTEM, Slug, address_name
from sos.model.parcels import Parcel
from sos.model.times import Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sos.model.agents import Agent
    from sos.model.ids import MessageId
    from sos.model.tasks import NewTask, Task, TaskChange, TaskView
    from sos.ports import Store

TRIES = 50
"""Times that a change is made again because others were faster; each time one of them got on."""
MOST_WALKED = 1000
"""Tasks that a search for a circle of blockers looks at."""
_TELLS = {
    "done": "{who} has done your task {id}.",
    "failed": "Your task {id} has failed.",
    "blocked": "Your task {id} is blocked.",
    "cancelled": "The task {id} was cancelled.",
}


def project_for(store: Store, me: Agent, new: NewTask) -> str:
    """The project of a task where none is named: the own one; the operator may give one to an agent of any."""
    if me.slug != OPERATOR or new.assignee is None:
        return me.project
    agent = store.agents.agent(address_name(new.assignee))
    return me.project if agent is None or agent.status != "open" else agent.project


class Tasks:
    """The tasks of one project as one agent sees them; `body` is what acts."""

    def __init__(self, store: Store, me: Agent, project: str, body: str) -> None:
        self._store = store
        self._me = me
        self._project = project
        self._body = body

    def add(self, new: NewTask, now: Millis) -> Task:
        """Give a task. Raises UnknownAgent, UnknownTask, InvalidInput, IdConflict, TextTooLong, or Conflict at too many."""
        assignee = None if new.assignee is None else self._assignee(new.assignee)
        made = tasks.created(new.replace(assignee=assignee), self._me, self._project, now)
        self._blockers(made.blocked_by)
        text = f"{self._me.slug} has a task for you: {made.id}."
        told = [] if assignee in {None, self._me.slug} else self._told(made, str(assignee), now, text, now)
        return self._seen([tasks.known_again(self._store.tasks.add(made, told), made)], now)[0]

    def _assignee(self, name: str) -> Slug:
        agent = self._store.agents.agent(address_name(name))
        if agent is None or agent.status != "open" or (agent.project != self._project and agent.slug != OPERATOR):
            if agent is not None and self._me.slug == OPERATOR and agent.status == "open":
                raise UnknownAgent(f"{agent.slug} is in project {agent.project}, not {self._project}",
                                   next_step=f"add --project {agent.project}")  # fmt: skip
            operator = self._me.slug == OPERATOR
            raise unknown(self._store, name, sees=lambda each: operator or each.project == self._project)
        return agent.slug

    def listed(self, view: TaskView, limit: int, now: Millis) -> list[Task]:
        """Tasks that have not ended, the oldest first; of those the agent's own; or those that have, the newest first."""
        if view == "ended":
            return self._store.tasks.list(self._project, live=False, limit=limit)
        # Who asks for its own asks for few among many.
        most = tasks.MAX_LIVE if view == "mine" else limit
        found = self._seen(self._store.tasks.list(self._project, live=True, limit=most), now)
        return [task for task in found if view == "live" or tasks.is_for(task, self._me)][:limit]

    def task(self, identifier: MessageId, now: Millis) -> Task:
        """One task. Raises UnknownTask."""
        return self._seen([self._stored(identifier)], now)[0]

    def claim(self, identifier: MessageId, lease: int, now: Millis) -> Task:
        """Claim a task. Raises UnknownTask, TaskTaken, TaskBlocked, Forbidden."""

        def change(task: Task) -> Task:
            return tasks.claimed(task, self._me, self._body, lease, now, self._waits_for([task])[task.id])

        return self._changed(identifier, change, now)

    def claim_next(self, lease: int, now: Millis) -> Task | None:
        """Claim the oldest task that this agent may claim: first of those that are for it alone. None where there is none."""
        tasks.check_lease(lease)
        live = self._store.tasks.list(self._project, live=True, limit=tasks.MAX_LIVE)
        found = [task for task in self._seen(live, now) if task.status == "open"]
        mine = [task for task in found if task.assignee is not None and tasks.is_for(task, self._me)]
        for task in (*mine, *(task for task in found if task.assignee is None)):
            try:
                return self.claim(task.id, lease, now)
            except Conflict:
                continue  # another was faster
        return None

    def change(self, identifier: MessageId, change: TaskChange, now: Millis) -> Task:
        """Renew, end, block, open or cancel a task. Raises UnknownTask and what `model.tasks.changed` does."""
        self._blockers(change.blocked_by)
        self._check_circle(identifier, change.blocked_by)
        admin = self._me.slug == OPERATOR
        return self._changed(identifier, lambda task: tasks.changed(task, change, self._me, self._body, now, admin=admin), now)

    # --- what is stored -----------------------------------------------------------------------------------------------

    def _stored(self, identifier: MessageId) -> Task:
        found = self._store.tasks.find(self._project, [identifier])
        if not found:
            raise UnknownTask(f"no task {identifier}")
        return found[0]

    def _changed(self, identifier: MessageId, change: Callable[[Task], Task], now: Millis) -> Task:
        for _ in range(TRIES):
            before = self._stored(identifier)
            after = change(before)
            if after is before or self._store.tasks.swap(before, after, self._tell(before, after, now)):
                return self._seen([after], now)[0]
        raise StoreUnreachable("others were faster each time; nothing was changed", next_step="try again")

    def _seen(self, found: Iterable[Task], now: Millis) -> list[Task]:
        """As they are to who looks. What lapsed claims have made fail is written down on the way."""
        kept = list(found)
        waits_for = self._waits_for(kept)
        made = []
        for task in kept:
            seen = tasks.seen(task, now, waits_for[task.id])
            if seen.status == "failed" != task.status:
                seen = seen.replace(leased_until=None, changed_at=now, version=task.version + 1)
                if not self._store.tasks.swap(task, seen, self._tell(task, seen, now)):
                    seen = self._stored(task.id)
            made.append(seen)
        return made

    def _waits_for(self, found: Sequence[Task]) -> dict[MessageId, list[MessageId]]:
        """By task: its blockers that are not done. One that was removed long after its end is no more waited for."""
        wanted = {each for task in found if task.status not in tasks.ENDED for each in task.blocked_by}
        undone = (
            {task.id for task in self._store.tasks.find(self._project, sorted(wanted)) if task.status != "done"}
            if wanted
            else set()
        )
        return {task.id: [each for each in task.blocked_by if each in undone] for task in found}

    def _blockers(self, wanted: Sequence[MessageId]) -> None:
        found = {task.id for task in self._store.tasks.find(self._project, wanted)} if wanted else set()
        missing = [each for each in wanted if each not in found]
        if missing:
            raise UnknownTask(f"no task {missing[0]} to wait for")

    def _check_circle(self, identifier: MessageId, blockers: Sequence[MessageId]) -> None:
        """Refuse blockers that wait for the task themselves, by whatever way: they would all wait for ever."""
        walked: set[MessageId] = set()
        ahead = list(blockers)
        while ahead:
            if identifier in ahead:
                raise InvalidInput(
                    f"{identifier} would wait for itself: one of them waits for it", next_step=f"sos task show {identifier}"
                )
            walked.update(ahead)
            if len(walked) > MOST_WALKED:
                raise InvalidInput(f"more than {MOST_WALKED:,} tasks wait for one another", next_step="sos task list")
            ahead = list({each for task in self._store.tasks.find(self._project, ahead) for each in task.blocked_by} - walked)

    # --- who is told --------------------------------------------------------------------------------------------------

    def _tell(self, before: Task, after: Task, now: Millis) -> list[Parcel]:
        """Its creator hears how it ended or that it is blocked, its owner that it was cancelled: whoever did not do it."""
        if after.status == before.status or after.status not in _TELLS:
            return []
        concerned = {after.creator: after.created_at}
        if after.status == "cancelled" and before.owner is not None:
            concerned[before.owner] = before.claimed_at or before.created_at
        text = _TELLS[after.status].format(who=self._me.slug, id=after.id)
        doer = None if after.lapses > before.lapses else self._me.slug  # nobody has done what lapsed
        told = [self._told(after, slug, since, text, now) for slug, since in concerned.items() if slug != doer]
        return [parcel for parcels in told for parcel in parcels]

    def _told(self, task: Task, slug: str, since: Millis, text: str, now: Millis) -> list[Parcel]:
        """What tells the agent that had this slug then, if it is still here."""
        agent = self._store.agents.agent(Slug(slug))
        if agent is None or agent.status != "open" or agent.joined_at > since:
            return []
        draft = Draft(
            id=new_id(now),
            to=slug,
            # No word of the task itself: what a peer wrote must not come with the mesh's own voice.
            text=f"{text} See: sos task show {task.id}",
            kind="event",
            headers={"event": f"task_{task.status}"},
        )
        return [
            Parcel(
                draft=draft,
                sender=SYSTEM,
                recipients=(slug,),
                project=task.project,
                address=inbox_address(agent.slug, None if agent.slug == OPERATOR else task.project),
                assurance="same-user",
                sent_at=now,
            )
        ]
