"""Tasks of your project: give one, claim one for a time, end it with a result.

A claim is a lease: renew it while you work, or the task comes back to be claimed by others. Each claim has a number,
its fence; who lost a claim cannot end the task of who has it now."""

from __future__ import annotations

from sos.cli import forms
from sos.cli.command import limit
from sos.model.errors import InvalidInput
from sos.model.forms import task as task_form
from sos.model.ids import MessageId, is_id, new_id
from sos.model.names import OPERATOR, Slug, label
from sos.model.tasks import DEEDS, LEASE, VIEWS, NewTask, TaskChange
from sos.model.times import iso, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.tasks import Task
    from sos.ports.connection import Connection

EXAMPLE = 'sos task add "look at the parser" --for mumega-codecheck'
_STEP = "sos task list   (ids stand there)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos task`."""
    parser.add_argument("what", choices=["add", "list", "show", "claim", *DEEDS])
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="add: the title; else the task's id, then its result or the reason"
    )
    parser.add_argument("--text", help="add: what is to be done, at length; - reads standard input")
    parser.add_argument("--for", dest="assignee", metavar="AGENT", help="add: who alone may claim it")
    parser.add_argument("--after", action="append", metavar="ID", default=[], help="add, block: a task that must be done before")
    parser.add_argument("--id", help="add: an id of your own (UUID): the same again is the same task")
    parser.add_argument("--lease", metavar="SPAN", help="claim, renew: for how long (default: 15m)")
    parser.add_argument("--fence", type=int, metavar="N", help="the number of the claim (default: this session's)")
    parser.add_argument("--view", choices=VIEWS, default="live", help="list: live (default), mine or ended")
    parser.add_argument("--limit", type=limit, metavar="N", default=50, help="list: at most so many (50)")
    parser.add_argument("--project", help="the operator: of another project (add: default that of --for)")


def run(command: Command) -> int:
    """Do it."""
    given = command.arguments
    project = label(given.project, "project") if given.project else None
    if given.what == "list":
        connection = command.connect()
        found = connection.tasks(given.view, given.limit, project)
        lines = [forms.task_line(each, connection.clock.now()) for each in found]
        command.out("\n".join(lines) or _none(connection, given.view, project), {"tasks": [task_form(each) for each in found]})
        return 0
    return _one(command, _acted(command, project))


def _none(connection: Connection, view: str, project: str | None) -> str:
    """That there are none; to the operator, who sees all projects, also where to look."""
    text = f"no tasks ({view})"
    if connection.slug != OPERATOR:
        return text
    here = project or connection.me.project
    others = sorted({peer.agent.project for peer in connection.peers() if peer.agent.status == "open"} - {here})
    return f"{text} in project {here}{f'; another: sos task list --project {others[0]}' if others else ''}"


def _one(command: Command, task: Task | None) -> int:
    if task is None:
        command.out("no task is open to you", {"task": None})
        return 1
    where = f" in project {task.project}" if command.arguments.what == "add" else ""
    short = f"{task.status}: {task.id}{where}" + (
        f"  claim {task.fence}, until {iso(task.leased_until)}" if task.leased_until else ""
    )
    command.out(forms.task_whole(task) if command.arguments.what in {"show", "claim"} else short, task_form(task))
    return 0


def _acted(command: Command, project: str | None) -> Task | None:
    given = command.arguments
    if given.what == "add":
        return _added(command, project)
    if given.what == "claim" and not given.words:
        return command.connect().claim_task(None, _lease(given), project)
    if not given.words:
        raise InvalidInput(f"sos task {given.what} needs the id of a task", next_step=_STEP)
    identifier, words = _id(given.words[0]), given.words[1:]
    if given.what in {"show", "claim"} and words:
        raise InvalidInput(f"sos task {given.what} takes one id", next_step=_STEP)
    text = command.text(words) if words else ""
    connection = command.connect()
    if given.what == "show":
        return connection.task(identifier, project)
    if given.what == "claim":
        return connection.claim_task(identifier, _lease(given), project)
    return _changed(connection, identifier, text, given, project)


def _added(command: Command, project: str | None) -> Task:
    given = command.arguments
    title = " ".join(given.words)
    text = "" if given.text is None else command.text([given.text])
    blockers = tuple(_id(each) for each in given.after)
    identifier = None if given.id is None else _id(given.id)
    connection = command.connect()
    new = NewTask(
        id=identifier or new_id(connection.clock.now()),
        title=title,
        text=text,
        assignee=None if given.assignee is None else Slug(given.assignee),
        blocked_by=blockers,
    )
    return connection.add_task(new, project)


def _changed(connection: Connection, identifier: MessageId, text: str, given: argparse.Namespace, project: str | None) -> Task:
    blockers = tuple(_id(each) for each in given.after)
    change = TaskChange(deed=given.what, text=text, blocked_by=blockers, lease=_lease(given), fence=given.fence)
    return connection.change_task(identifier, change, project)


def _lease(given: argparse.Namespace) -> int:
    return LEASE if given.lease is None else parse_duration(given.lease)


def _id(text: str) -> MessageId:
    lowered = text.strip().lower()
    if not is_id(lowered):
        raise InvalidInput(f"{text[:80]!a} is not the id of a task", next_step=_STEP)
    return MessageId(lowered)
