"""Tasks: work that is given to a project, claimed by one agent for a time, and ended once. All of its rules, without I/O.

A claim is a lease with a number, the fence, that grows with each claim: who lost the lease cannot end the task of who has it now
(https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html). Nothing watches leases: a claim that has lapsed is
open again to whoever looks.
"""

from __future__ import annotations

from sos.model.errors import Conflict, Forbidden, IdConflict, InvalidInput, StaleFence, TaskBlocked, TaskTaken, TextTooLong
from sos.model.ids import parse_id
from sos.model.messages import MAX_TEXT
from sos.model.record import Record
from sos.model.times import DAY, MINUTE, Millis, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from sos.model.agents import Agent
    from sos.model.ids import MessageId
    from sos.model.names import Slug

    TaskStatus = Literal["open", "claimed", "blocked", "done", "failed", "cancelled"]
    TaskView = Literal["live", "mine", "ended"]
    TaskDeed = Literal["renew", "done", "fail", "block", "open", "cancel"]

STATUSES: tuple[TaskStatus, ...] = ("open", "claimed", "blocked", "done", "failed", "cancelled")
VIEWS: tuple[TaskView, ...] = ("live", "mine", "ended")
DEEDS: tuple[TaskDeed, ...] = ("renew", "done", "fail", "block", "open", "cancel")
ENDED = frozenset(("done", "failed", "cancelled"))
LEASE = 15 * MINUTE
"""Milliseconds that a claim lasts unless it is said or renewed: an agent's turn may take minutes."""
SHORTEST_LEASE = 1000
LONGEST_LEASE = DAY
MAX_CLAIMS = 5
"""Claims of one task that may lapse, as of a message's handlers: what killed so many kills the next one too."""
MAX_TITLE = 200
MAX_BLOCKERS = 50
MAX_LIVE = 10_000
"""Tasks of a project that have not ended."""
KEPT = 30 * DAY
"""What has ended is kept for as long as done messages are (model/retention.py)."""
FORGOTTEN_AT_ONCE = 20
"""Ended tasks that one new one takes with it, at most."""


class NewTask(Record):
    """What its creator says of a task. `id`: the same again, with the same content, is the same task."""

    id: MessageId
    title: str
    text: str = ""
    #: Who alone may claim it.
    assignee: Slug | None = None
    #: Tasks of the same project that must be done before.
    blocked_by: tuple[MessageId, ...] = ()


class Task(NewTask):
    """A task as it stands."""

    project: str
    creator: Slug
    created_at: Millis
    status: TaskStatus = "open"
    owner: Slug | None = None
    #: The body that claimed it.
    body: str = ""
    claimed_at: Millis | None = None
    leased_until: Millis | None = None
    #: The number of the newest claim.
    fence: int = 0
    #: Claims that lapsed, since it was last opened on purpose.
    lapses: int = 0
    #: The result, or why it failed, is blocked, or was cancelled.
    result: str = ""
    changed_at: Millis
    #: Grows with each change.
    version: int = 1


class TaskChange(Record):
    """What is to become of a task. `fence`: the number of the claim that it is done under; None: that of the body that asks."""

    deed: TaskDeed
    text: str = ""
    blocked_by: tuple[MessageId, ...] = ()
    lease: int = LEASE
    fence: int | None = None


def created(new: NewTask, creator: Agent, project: str, now: Millis) -> Task:
    """The task that an agent gives. Raises InvalidInput, TextTooLong."""
    if not (len(new.title.strip()) > 0 and len(new.title) <= MAX_TITLE and new.title.isprintable()):
        raise InvalidInput(f"a task needs a title of one line and at most {MAX_TITLE} characters", next_step="sos task --help")
    _check_text(new.text)
    for each in (new.id, *new.blocked_by):
        parse_id(each)
    if len(new.blocked_by) > MAX_BLOCKERS or new.id in new.blocked_by:
        raise InvalidInput(f"a task waits for at most {MAX_BLOCKERS} others, and not for itself", next_step="sos task --help")
    return Task(**new.fields(), project=project, creator=creator.slug, created_at=now, changed_at=now)


def too_many(project: str) -> Conflict:
    """The refusal of one task more."""
    return Conflict(f"{project} has {MAX_LIVE:,} tasks that have not ended; nothing was stored", next_step="sos task list")


def known_again(known: Task, new: Task) -> Task:
    """The task that is there already under the id of a new one. Raises IdConflict where it is not the same."""
    same = all(getattr(known, field) == getattr(new, field) for field in ("title", "text", "assignee", "creator"))
    if not same:
        raise IdConflict(f"the id {new.id} belongs to another task", next_step="give it a new id (leave out --id)")
    return known


def seen(task: Task, now: Millis, waits_for: Sequence[MessageId] = ()) -> Task:
    """The task as it is to whoever looks: a lapsed claim is open again. `waits_for`: its blockers that are not done."""
    if task.status == "claimed" and (task.leased_until or 0) <= now:
        lapses = task.lapses + 1
        if lapses >= MAX_CLAIMS:
            task = task.replace(status="failed", lapses=lapses, result=f"given up: {lapses} claims of it lapsed")
        else:
            task = task.replace(status="open", owner=None, body="", leased_until=None, lapses=lapses)
    if task.status == "open" and waits_for:
        task = task.replace(status="blocked")
    return task


def claimed(task: Task, agent: Agent, body: str, lease: int, now: Millis, waits_for: Sequence[MessageId]) -> Task:
    """The task with a claim of this body's; its own claim that holds is renewed. Raises TaskTaken, TaskBlocked, Forbidden."""
    check_lease(lease)
    if task.status == "claimed" and _holds(task, agent) and task.body == body and (task.leased_until or 0) > now:
        return _next(task, now, leased_until=Millis(now + lease))
    found = seen(task, now, waits_for)
    if found.status == "claimed":
        raise TaskTaken(f"{found.owner} has claimed it until {iso(found.leased_until or now)}")
    if found.status == "blocked":
        why = f"it waits for {', '.join(waits_for[:3])}" if waits_for else f"it is blocked: {found.result}"
        raise TaskBlocked(why)
    if found.status in ENDED:
        raise TaskTaken(f"it is {found.status} already")
    if found.assignee is not None and not _is(agent, found.assignee, found.created_at):
        raise Forbidden(f"it is {found.assignee}'s to claim", next_step="sos task list")
    return _next(
        found, now, status="claimed", owner=agent.slug, body=body, claimed_at=now,
        leased_until=Millis(now + lease), fence=task.fence + 1, result="",
    )  # fmt: skip


def changed(task: Task, change: TaskChange, agent: Agent, body: str, now: Millis, *, admin: bool) -> Task:
    """The task after a change; the same one where that was made before. `admin`: the operator may all that its creator may.

    Raises StaleFence, TaskTaken, Forbidden, InvalidInput, TextTooLong.
    """
    _check_text(change.text)
    check_lease(change.lease)
    if _was_made(task, change, agent):
        return task
    creator = admin or _is(agent, task.creator, task.created_at)
    if task.status in ENDED and not (change.deed == "open" and task.status == "failed" and creator):
        raise TaskTaken(f"it is {task.status} already; nothing was changed")
    if not (creator and change.deed in {"open", "cancel"}):
        _require_claim(task, change, agent, body)
    if change.deed == "renew":
        return _next(task, now, leased_until=Millis(now + change.lease))
    return _next(task, now, **_outcome(task, change))


def _outcome(task: Task, change: TaskChange) -> dict[str, object]:
    """The fields that a deed sets, apart from `renew`'s."""
    free = {"owner": None, "body": "", "leased_until": None}
    if change.deed == "open":
        return {**free, "status": "open", "blocked_by": (), "lapses": 0, "result": change.text}
    if change.deed == "block":
        if not (change.text or change.blocked_by):
            raise InvalidInput("say what blocks it: a reason, or other tasks", next_step="sos task --help")
        blockers = tuple(dict.fromkeys((*task.blocked_by, *change.blocked_by)))
        if len(blockers) > MAX_BLOCKERS or task.id in blockers:
            raise InvalidInput(f"a task waits for at most {MAX_BLOCKERS} others, and not for itself", next_step="sos task --help")
        # One that waits for others is open again once they are done; one with a reason alone when somebody opens it.
        return {**free, "status": "open" if change.blocked_by else "blocked", "blocked_by": blockers, "result": change.text}
    endings: dict[str, TaskStatus] = {"done": "done", "fail": "failed", "cancel": "cancelled"}
    return {"status": endings[change.deed], "leased_until": None, "result": change.text}


def _was_made(task: Task, change: TaskChange, agent: Agent) -> bool:
    """Whether this very change is how the task ended: its answer was lost, and it is asked for again."""
    ended = {"done": "done", "fail": "failed", "cancel": "cancelled"}.get(change.deed)
    mine = agent.slug in {task.owner, task.creator} and change.fence in {None, task.fence}
    return ended is not None and task.status == ended and task.result == change.text and mine


def _require_claim(task: Task, change: TaskChange, agent: Agent, body: str) -> None:
    """Raise StaleFence where this is not the claim that counts. One that lapsed counts until another is made."""
    if task.status != "claimed" or not _holds(task, agent):
        raise StaleFence(f"{agent.slug} has no claim on it: it is {task.status}; nothing was changed", next_step="sos task list")
    if change.fence is not None and change.fence != task.fence:
        raise StaleFence(
            f"the claim {change.fence} was lost, the newest is {task.fence}; nothing was changed", next_step="sos task list"
        )
    if change.fence is None and task.body != body:
        raise StaleFence(
            f"another body of {agent.slug} has claimed it; nothing was changed", next_step=f"name its claim: --fence {task.fence}"
        )


def _holds(task: Task, agent: Agent) -> bool:
    return task.owner is not None and _is(agent, task.owner, task.claimed_at or task.created_at)


def _is(agent: Agent, slug: str, since: Millis) -> bool:
    """Whether an agent is the one that had this slug then: who takes a free slug takes over no work."""
    return agent.slug == slug and agent.joined_at <= since


def is_for(task: Task, agent: Agent) -> bool:
    """Whether a live task waits for this agent: it has claimed it, or it alone may."""
    return _holds(task, agent) or (task.assignee is not None and _is(agent, task.assignee, task.created_at))


def _next(task: Task, now: Millis, **changes: object) -> Task:
    return task.replace(**changes, changed_at=now, version=task.version + 1)


def _check_text(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("the text holds half of a character", next_step="give it as UTF-8") from error
    if size > MAX_TEXT:
        raise TextTooLong(f"the text has {size:,} bytes; a task holds at most {MAX_TEXT:,}")


def check_lease(lease: int) -> None:
    """Raise InvalidInput for a lease that no claim may have."""
    if not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise InvalidInput("a lease is 1 second to 24 hours", next_step="--lease 15m")
