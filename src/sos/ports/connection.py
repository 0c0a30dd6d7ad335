"""What every face calls: the bus as one agent sees it."""

from __future__ import annotations

from typing import Protocol

from sos.model.tasks import LEASE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Agent, Bodies, Body, Enrolment, Myself, Note, Peer
    from sos.model.attention import Attention
    from sos.model.deliveries import Delivery, Entry, Story, View
    from sos.model.findings import Answer, Finding
    from sos.model.ids import MessageId
    from sos.model.messages import Draft, Message, Receipt
    from sos.model.names import Slug
    from sos.model.skills import Skill
    from sos.model.tasks import NewTask, Task, TaskChange, TaskView
    from sos.model.tokens import KnownToken, TokenRecord
    from sos.model.work import Sending
    from sos.ports import Clock


class Connection(Protocol):
    """The bus as one agent sees it, whether its store is in this process or behind a server.

    What the token shown has no scope for raises ScopeMissing. Every call may raise StoreUnreachable: nothing is known then of
    what it would have changed, and it may be done again, since a message has its id.
    """

    @property
    def me(self) -> Agent:
        """The agent as it was when the connection was made."""
        ...

    @property
    def slug(self) -> Slug:
        """The agent's, known without asking."""
        ...

    @property
    def session(self) -> str:
        """The body that acts; empty for a terminal of the operator's."""
        ...

    @property
    def own(self) -> bool:
        """Whether this is the agent's own body. Only that changes a delivery; anybody else looks."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that ages are told by."""
        ...

    def send(self, draft: Draft) -> Receipt:
        """Send to one agent. Raises UnknownAgent (with the nearest names), InvalidInput, IdConflict, InboxFull."""
        ...

    def broadcast(self, draft: Draft, squad: str | None = None, project: str | None = None) -> Receipt:
        """Send to everybody of the project, or of a squad of it, or (`*`, the operator) of all projects.

        `project`: another than the own one, the operator's right. Raises NoRecipients, Forbidden, ScopeMissing.
        """
        ...

    def reply(self, answered: MessageId, draft: Draft, sender: str | None = None) -> Receipt:
        """Answer a message of the own inbox; that closes a request. Whom it goes to is filled in. Raises TooManyHops."""
        ...

    def ack(self, ids: Sequence[MessageId], sender: str | None = None) -> list[Entry]:
        """Acknowledge messages of the own inbox. Raises UnknownMessage; Conflict where several senders used the id."""
        ...

    def lease(self, limit: int, span: int, busy: Sequence[str]) -> list[Entry]:
        """Take up to `limit` unread messages for handlers, one of each sender that is not `busy`, for `span` milliseconds.

        Raises InvalidInput.
        """
        ...

    def extend(self, number: int, fence: int, span: int) -> None:
        """The handler of a message goes on for `span` milliseconds more. Raises StaleFence, UnknownMessage."""
        ...

    def release(self, number: int, fence: int, rest: int, reason: str) -> Entry:
        """The attempt failed: again after `rest` milliseconds; the last one makes a dead letter. Raises StaleFence."""
        ...

    def conclude(self, number: int, fence: int, sends: Sequence[Sending]) -> list[Receipt]:
        """Acknowledge a message together with all that its handler sends, or neither. Raises StaleFence, what sends raise."""
        ...

    def beat(self, body: Body) -> None:
        """This body lives, and what it does. Raises WrongAgent for another's."""
        ...

    def inbox(self, view: View, limit: int) -> list[Entry]:
        """List without marking anything."""
        ...

    def count(self, view: View) -> int:
        """How many entries a view holds."""
        ...

    def read(self, ids: Sequence[MessageId], limit: int = 20) -> list[Entry]:
        """Whole messages, by id or all unread. Marks nothing: call `mark_read` after they were shown and flushed."""
        ...

    def mark_read(self, entries: Sequence[Entry]) -> None:
        """Mark what was shown in the agent's own body; does nothing in another."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until mail may have come, or a time has made something due, which is done then; at most `seconds`."""
        ...

    def tick(self) -> None:
        """Do what time has made due, where nobody else does."""
        ...

    def dead(self, limit: int) -> list[Entry]:
        """The own inbox's dead letters."""
        ...

    def requeue(self, ids: Sequence[MessageId]) -> list[Entry]:
        """Give dead letters another life."""
        ...

    def drop(self, ids: Sequence[MessageId]) -> list[Entry]:
        """End messages for good; their senders are told."""
        ...

    def trace(self, identifier: MessageId) -> Story:
        """Everything known of one message that this agent sent or received. Raises UnknownMessage."""
        ...

    def sent(self, limit: int) -> list[Story]:
        """Where everything stands that this agent sent, the newest first."""
        ...

    def peers(self) -> list[Peer]:
        """The other agents, those that have left as well."""
        ...

    def myself(self) -> Myself:
        """The own record as it stands now, the body of this session, and the others."""
        ...

    def allowed(self) -> tuple[str, ...]:
        """The scopes of the tokens that are shown."""
        ...

    def answers(self, guide: str | None) -> list[Answer]:
        """The four questions. `guide`: the path of the installed guide, if it can be read."""
        ...

    def take(self) -> None:
        """Make this session the one that the inbox is shown in. Raises NobodyHere where it is no body of this agent."""
        ...

    def skills(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """Skills that can be seen."""
        ...

    def squad(self, squad: str, project: str | None = None) -> list[Slug]:
        """The members of a squad; of the own project where none is named."""
        ...

    def change_squad(self, squad: str, agents: Sequence[str], *, member: bool, project: str | None = None) -> list[Slug]:
        """Put agents into a squad or out of it; its members then. Raises UnknownAgent, InvalidInput."""
        ...

    def put_skills(self, skills: Sequence[Skill]) -> None:
        """Declare skills of one's own, or replace them. Raises Forbidden for another's, InvalidInput, Conflict."""
        ...

    def add_task(self, task: NewTask, project: str | None = None) -> Task:
        """Give a task to the own project; the operator to any. The same again is the same task.

        Raises UnknownAgent, UnknownTask (to wait for), InvalidInput, IdConflict, TextTooLong, Conflict where there are too many.
        """
        ...

    def tasks(self, view: TaskView, limit: int, project: str | None = None) -> list[Task]:
        """Tasks that have not ended, the oldest first; of those the own; or those that have ended, the newest first."""
        ...

    def task(self, identifier: MessageId, project: str | None = None) -> Task:
        """One task. Raises UnknownTask."""
        ...

    def claim_task(self, identifier: MessageId | None = None, lease: int = LEASE, project: str | None = None) -> Task | None:
        """Claim a task for `lease` milliseconds, or the oldest that one may; None where there is none.

        A claim of the same body's that holds is made longer. Raises UnknownTask, TaskTaken, TaskBlocked, Forbidden, InvalidInput.
        """
        ...

    def change_task(self, identifier: MessageId, change: TaskChange, project: str | None = None) -> Task:
        """Renew, end, block, open or cancel a task. Raises UnknownTask, StaleFence, TaskTaken, InvalidInput, TextTooLong."""
        ...

    def canary(self, identifier: MessageId, nonce: str | None = None) -> Entry | None:
        """A test message to oneself as it stands in the inbox; with a nonce it is sent first unless it is there.

        None: it is not there, or the id is that of another agent's.
        """
        ...

    def canary_came_back(self, identifier: MessageId) -> None:
        """The test message was read back whole: acknowledge it, and write down that this inbox is tested.

        Whoever sent one to another agent (a probe) takes it away so. Raises UnknownMessage.
        """
        ...

    def streams(self) -> list[Finding]:
        """The split-brain check of the streams that carry the agent's name; of all of them for the operator.

        None where the store has no streams of others. It goes through the server's keys, which may take some seconds.
        """
        ...

    def attend(self, attention: Attention, bodies: Bodies) -> Agent:
        """Set who may wake this agent and what a hook may put into its context; its record then."""
        ...

    def note(self) -> Note | None:
        """What this agent left for its next self."""
        ...

    def leave_note(self, text: str) -> None:
        """Leave a note for the next self, in place of the last one; an empty one takes it away. Raises TextTooLong."""
        ...

    def leave(self) -> None:
        """Give the slug back. The record stays."""
        ...

    def tokens(self) -> list[TokenRecord]:
        """What is known of the own tokens; of all agents' for the operator."""
        ...

    def add_token(self, token: KnownToken, scopes: Sequence[str] | None = None) -> None:
        """Make a token count as this agent's. Its secret is not handed over. Raises InvalidInput, Conflict."""
        ...

    def revoke_token(self, key: str) -> bool:
        """Revoke a token by its key id; whether it was live. Raises NotFound for what is not the agent's."""
        ...

    def grant(self, agent: str, scope: str, *, granted: bool) -> list[TokenRecord]:
        """Give an agent's tokens a scope, or take it away; those that were changed. The operator's. Raises UnknownAgent."""
        ...

    def invite(self, token: KnownToken, name: str, role: str, project: str) -> None:
        """Make an invitation count, for 15 minutes and one use. Raises InvalidInput, BadName."""
        ...

    def adopt_agent(self, agent: Agent, tokens: Sequence[TokenRecord], skills: Sequence[Skill]) -> Enrolment:
        """Take over an agent of an embedded deployment. The administrator's. Raises SlugTaken, ProjectChanged, Conflict."""
        ...

    def adopt_mail(self, message: Message, deliveries: Sequence[Delivery]) -> int:
        """Take over a message that waits there; for how many recipients it was new. The administrator's."""
        ...

    def adopt_task(self, task: Task) -> bool:
        """Take over a task; whether it was new. The administrator's."""
        ...

    def copy(self, path: str) -> int:
        """Copy the store to a new file; its bytes. Raises Conflict where it is not in this process."""
        ...
