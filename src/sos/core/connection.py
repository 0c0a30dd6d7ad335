"""The port `Connection` over a store in this process: what every face (commands, hook, MCP, SDK) calls."""

from __future__ import annotations

from sos.core import access
from sos.core.working import Working
from sos.model.agents import MAX_NOTE, Myself, Note
from sos.model.deliveries import DAMAGED
from sos.model.errors import Forbidden, InvalidInput, NobodyHere, TextTooLong, UnknownMessage
from sos.model.names import OPERATOR, Slug, label
from sos.model.tasks import LEASE
from sos.model.tokens import ADMIN
from sos.model.transitions import Ack, Kill, Requeue, Surface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.core.tasks import Tasks
    from sos.model.agents import Agent, Bodies, Body, Enrolment, Joining, Peer
    from sos.model.attention import Attention
    from sos.model.deliveries import Delivery, Entry, Story, View
    from sos.model.findings import Answer, Finding
    from sos.model.ids import MessageId
    from sos.model.messages import Message
    from sos.model.skills import Skill
    from sos.model.tasks import NewTask, Task, TaskChange, TaskView
    from sos.model.times import Millis
    from sos.model.tokens import KnownToken, TokenRecord
    from sos.model.turns import Look, Mark


class LocalConnection(Working):
    """The bus as `me` sees it. `session`: the body that acts; empty for a terminal of the operator's.

    Only the recipient's own body changes a delivery: `own` says whether this one is. `scopes` are those of the token that was
    shown: what they do not name is refused with ScopeMissing. `conventions`: addresses that it reads besides the usual.
    """

    # --- in -----------------------------------------------------------------------------------------------------------

    def inbox(self, view: View, limit: int) -> list[Entry]:
        """List without marking anything."""
        self._allow("inbox")
        self._fetch()
        return self.store.mail.entries(self.me.slug, view, limit)

    def count(self, view: View) -> int:
        """How many entries a view holds."""
        self._allow("count")
        self._fetch()
        return self.store.mail.count(self.me.slug, view)

    def read(self, ids: Sequence[MessageId], limit: int = 20) -> list[Entry]:
        """Whole messages, by id or all unread. Marks nothing: call `mark_read` after they were shown and flushed."""
        self._allow("read")
        if ids:
            return self.store.mail.find(self.me.slug, ids)
        self._fetch()
        return self.store.mail.entries(self.me.slug, "unread", limit)

    def ack(self, ids: Sequence[MessageId], sender: str | None = None) -> list[Entry]:
        """Acknowledge messages of the own inbox."""
        self._allow("ack")
        action = Ack(at=self.clock.now(), body=self.session)
        return self.store.mail.apply(self.me.slug, [(self._meant(each, sender).message.seq, action) for each in ids])

    def mark_read(self, entries: Sequence[Entry]) -> None:
        """Mark what was shown in the agent's own body. Anybody else's read is a peek, and this does nothing.

        A damaged message is ended instead, and its sender told.
        """
        if self.own and entries:
            sound = [entry.message.seq for entry in entries if not entry.damaged]
            self.mark(sound, [entry.message.seq for entry in entries if entry.damaged])

    def mark(self, shown: Sequence[int], damaged: Sequence[int]) -> None:
        """`mark_read`, by the messages' numbers."""
        self._allow("mark")
        now = self.clock.now()
        surfaced = Surface(at=now, body=self.session, turn=self.me.turn)
        ended = Kill(at=now, body=self.session, reason=DAMAGED)
        changes = [*((number, surfaced) for number in shown), *((number, ended) for number in damaged)]
        self.store.mail.apply(self.me.slug, changes)

    def wait(self, seconds: float) -> bool:
        """Wait until mail may have come, or a time has made something due, which is done then; at most `seconds`."""
        self._allow("wait")
        timer = self.store.mail.next_timer()
        if timer is not None:
            seconds = min(seconds, max((timer - self.clock.now()) / 1000, 0.001))
        rung = self.store.wait(self.me.slug, seconds)
        self.tick()
        return rung

    def tick(self) -> None:
        """Do what time has made due. See `ports.Mailbox.tick`."""
        self.store.mail.tick(self.clock.now())

    def dead(self, limit: int) -> list[Entry]:
        """The own inbox's dead letters."""
        return self.inbox("dead", limit)

    def requeue(self, ids: Sequence[MessageId]) -> list[Entry]:
        """Give dead letters another life."""
        self._allow("requeue")
        action = Requeue(at=self.clock.now(), body=self.session)
        return self.store.mail.apply(self.me.slug, [(self._meant(each).message.seq, action) for each in ids])

    def drop(self, ids: Sequence[MessageId]) -> list[Entry]:
        """End messages for good; their senders are told."""
        self._allow("drop")
        action = Kill(at=self.clock.now(), body=self.session, reason="dropped by its recipient")
        return self.store.mail.apply(self.me.slug, [(self._meant(each).message.seq, action) for each in ids])

    # --- a hook run over a wire ---------------------------------------------------------------------------------------

    def look(self, *, begins: bool, epoch: str, seen: int) -> Look:
        """Everything that a hook run may show. See `core.turns.look`."""
        from sos.core import turns

        self._allow("look")
        self.tick()
        self._fetch()
        return turns.look(self.store, self.myself().agent, self.session, self.clock.now(), begins=begins, epoch=epoch, seen=seen)

    def settle(
        self,
        body: Body,
        turn: int,
        marks: Sequence[Mark],
        told: Millis | None,
        proven: str | None,
        *,
        lost: bool,
        takes: bool = False,
    ) -> bool:
        """End a hook run. See `core.turns.settle`."""
        from sos.core import turns

        self._allow("settle")
        now = self.clock.now()
        return turns.settle(self.store, self.me, self.session, body, turn, marks, told, proven, now, lost=lost, takes=takes)

    # --- stories and people -------------------------------------------------------------------------------------------

    def trace(self, identifier: MessageId) -> Story:
        """Everything known of one message that this agent sent or received."""
        self._allow("trace")
        story = self.store.mail.story(identifier, None, self.me.slug)
        if not self._mine(story):
            raise UnknownMessage(f"no message {identifier} that {self.me.slug} sent or received")
        return story

    def sent(self, limit: int) -> list[Story]:
        """Where everything stands that this agent sent: not what a former owner of its slug did."""
        from sos.core import canary

        self._allow("sent")
        return [story for story in canary.sent(self.store, self.me, limit) if self._mine(story)]

    def _mine(self, story: Story) -> bool:
        return story.message.sender != self.me.slug or story.message.sent_at >= self.me.joined_at

    def peers(self) -> list[Peer]:
        """The other agents, those that have left as well."""
        from sos.core import people

        self._allow("peers")
        return people.peers(self.store, self.me, self._sees, self.clock.now())

    def myself(self) -> Myself:
        """The own record as it stands now, the body of this session, and the others."""
        body = self.store.agents.body(self.session) if self.session else None
        agent = self.store.agents.agent(self.me.slug) or self.me
        bodies = tuple(self.store.agents.bodies(self.me.slug))
        head = self.store.mail.head()
        return Myself(agent=agent, body=body, bodies=bodies, epoch=self.store.epoch, head=head, scopes=self.scopes)

    def allowed(self) -> tuple[str, ...]:
        """The scopes that it acts with."""
        return self.scopes

    def join_again(self, joining: Joining, tokens: Sequence[KnownToken]) -> Enrolment:
        """See `core.enrolling.again`."""
        from sos.core import enrolling

        self._allow("join_again")
        return enrolling.again(self.store, self.me, joining, tokens, self.clock.now())

    def answers(self, guide: str | None) -> list[Answer]:
        """The four questions. `guide`: the path of the installed guide, if it can be read."""
        from sos.core import readiness

        return readiness.answers(self.store, self.myself().agent, guide)

    def take(self) -> None:
        """Make this session the one that the inbox is shown in. Raises NobodyHere where it is no body of this agent."""
        self._allow("take")
        body = self.myself().body
        if body is None or body.agent != self.me.slug:
            raise NobodyHere("only a running session that is bound to an agent can hold its inbox")
        self.store.agents.hold(self.session)

    def skills(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """Skills that can be seen."""
        found = self.store.skills.list(project, owner)
        near = {self.me.project} | {agent.project for agent in self.store.agents.agents() if self._sees(agent)}
        return [skill for skill in found if skill.project in near]

    def squad(self, squad: str, project: str | None = None) -> list[Slug]:
        """The members of a squad; of the own project where none is named."""
        self._allow("squad")
        members = self.store.agents.squad(project or self.me.project, label(squad, "squad"))
        return [slug for slug in members if (agent := self.store.agents.agent(slug)) is not None and self._sees(agent)]

    def change_squad(self, squad: str, agents: Sequence[str], *, member: bool, project: str | None = None) -> list[Slug]:
        """Put agents into a squad or out of it; its members then. Raises UnknownAgent, InvalidInput."""
        from sos.core import squads

        self._allow("change_squad")
        if project not in {None, self.me.project}:
            access.allow(self.scopes, "send:any-project", ADMIN)
        return squads.change(self.store, project or self.me.project, squad, agents, member=member, sees=self._sees)

    def put_skills(self, skills: Sequence[Skill]) -> None:
        """Declare skills of one's own, or replace them. Raises Forbidden for another's, InvalidInput, Conflict."""
        from sos.model.skills import checked

        self._allow("put_skills")
        for skill in skills:
            if (skill.owner, skill.project) != (self.me.slug, self.me.project):
                raise Forbidden(f"{self.me.slug} declares skills of its own, in its own project")
            checked(skill)
        self.store.skills.put(skills)

    def add_task(self, task: NewTask, project: str | None = None) -> Task:
        """Give a task. See `core.tasks`."""
        from sos.core.tasks import project_for

        self._allow("add_task")
        return self._tasks(project or project_for(self.store, self.me, task)).add(task, self.clock.now())

    def tasks(self, view: TaskView, limit: int, project: str | None = None) -> list[Task]:
        """Tasks of a project."""
        self._allow("tasks")
        return self._tasks(project).listed(view, limit, self.clock.now())

    def task(self, identifier: MessageId, project: str | None = None) -> Task:
        """One task. Raises UnknownTask."""
        self._allow("task")
        return self._tasks(project).task(identifier, self.clock.now())

    def claim_task(self, identifier: MessageId | None = None, lease: int = LEASE, project: str | None = None) -> Task | None:
        """Claim a task, or the next one, for this body."""
        self._allow("claim_task")
        found = self._tasks(project)
        if identifier is None:
            return found.claim_next(lease, self.clock.now())
        return found.claim(identifier, lease, self.clock.now())

    def change_task(self, identifier: MessageId, change: TaskChange, project: str | None = None) -> Task:
        """Renew, end, block, open or cancel a task."""
        self._allow("change_task")
        return self._tasks(project).change(identifier, change, self.clock.now())

    def _tasks(self, project: str | None) -> Tasks:
        from sos.core.tasks import Tasks

        if project not in {None, self.me.project} and self.me.slug != OPERATOR:
            raise Forbidden(f"{self.me.slug} has to do with the tasks of its own project alone", next_step="leave out --project")
        return Tasks(self.store, self.me, project or self.me.project, self.session)

    def canary(self, identifier: MessageId, nonce: str | None = None) -> Entry | None:
        """A test message to oneself as it stands in the inbox; with a nonce it is sent first unless it is there.

        None: it is not there, or the id is that of another agent's.
        """
        from sos.core import canary

        self._allow("canary")
        if nonce is None:
            return canary.find(self.store, self.me, identifier)
        if not (0 < len(nonce) <= 64 and nonce.isalnum() and nonce.isascii()):
            raise InvalidInput("a nonce is 1 to 64 letters and digits")
        return canary.send(self.store, self.me, identifier, nonce, self.clock.now(), self._spelling, self._assurance)

    def canary_came_back(self, identifier: MessageId) -> None:
        """The test message was read back whole: this inbox is tested. Whoever sent one to another agent takes it away so."""
        from sos.core import canary

        self._allow("canary_came_back")
        canary.came_back(self.store, self.me, identifier, self.clock.now())

    def streams(self) -> list[Finding]:
        """See `ports.Connection.streams`."""
        from sos.core import splitbrain

        self._allow("streams")
        reader = self.store.reader
        if reader is None:
            return []
        if ADMIN in self.scopes:
            return splitbrain.look(self.store, reader, self._conventions)
        return splitbrain.own(reader, self.myself().agent, self._conventions)

    def attend(self, attention: Attention, bodies: Bodies) -> Agent:
        """Set who may wake this agent and what a hook may put into its context."""
        from sos.model.attention import attention_of

        self._allow("attend")
        rules = attention_of(attention, attention.wake, f"{attention.every}ms", attention.quiet)
        self.store.agents.attend(self.me.slug, rules, bodies)
        return self.myself().agent

    def note(self) -> Note | None:
        """What this agent left for its next self."""
        self._allow("note")
        return self.store.agents.note(self.me.slug)

    def leave_note(self, text: str) -> None:
        """Leave a note for the next self, in place of the last one; an empty one takes it away. Raises TextTooLong."""
        self._allow("leave_note")
        if len(text) > MAX_NOTE:
            step = "say what the next session must know, and put the rest into a file whose path it names"
            raise TextTooLong(f"a note is at most {MAX_NOTE:,} characters; this one has {len(text):,}", next_step=step)
        whole = text.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be stored
        self.store.agents.leave_note(self.me.slug, Note(at=self.clock.now(), text=whole) if whole.strip() else None)

    def leave(self) -> None:
        """Give the slug back. The record stays."""
        if self.me.slug == OPERATOR:
            raise Forbidden("the operator cannot leave")
        self._allow("leave")
        self.store.agents.close(self.me.slug, self.clock.now())
        self.store.nudge(self.me.slug)

    # --- tokens and the store -----------------------------------------------------------------------------------------

    def tokens(self) -> list[TokenRecord]:
        """What is known of the own tokens; of all agents' for the operator."""
        self._allow("tokens")
        return self.store.tokens.of(None if ADMIN in self.scopes else self.me.slug)

    def add_token(self, token: KnownToken, scopes: Sequence[str] | None = None) -> None:
        """Make a token that was minted or found count as this agent's. Whoever has it keeps its secret.

        Raises InvalidInput for a scope that it cannot have, Conflict where it is another's or was revoked.
        """
        from sos.core import tokens

        self._allow("add_token")
        tokens.add(self.store, self.me, token, scopes, self.clock.now(), embedded=self._assurance == "same-user")

    def revoke_token(self, key: str) -> bool:
        """Revoke a token by its key id; whether it was live. Raises NotFound for what is not the agent's."""
        self._allow("revoke_token")
        from sos.core import tokens

        return tokens.revoke(self.store, self.me, key, self.clock.now(), anybodys=ADMIN in self.scopes)

    def grant(self, agent: str, scope: str, *, granted: bool) -> list[TokenRecord]:
        """Give an agent's tokens a scope, or take it from them. See `core.tokens.grant`."""
        from sos.core import tokens

        self._allow("grant")
        return tokens.grant(self.store, agent, scope, granted=granted)

    def invite(self, token: KnownToken, name: str, role: str, project: str) -> None:
        """Make an invitation count: for 15 minutes, one installation, this name, role and project."""
        from sos.core import enrolling

        self._allow("invite")
        self.store.tokens.add(enrolling.invitation(token, name, role, project, self.clock.now()))

    def adopt_agent(self, agent: Agent, tokens: Sequence[TokenRecord], skills: Sequence[Skill]) -> Enrolment:
        """Take over an agent of an embedded deployment. See `core.adopting`."""
        from sos.core import adopting

        self._allow("adopt_agent")
        return adopting.agent(self.store, agent, tokens, skills, self.clock.now())

    def adopt_mail(self, message: Message, deliveries: Sequence[Delivery]) -> int:
        """Take over a message that waits there. See `core.adopting`."""
        from sos.core import adopting

        self._allow("adopt_mail")
        return adopting.mail(self.store, message, deliveries)

    def adopt_task(self, task: Task) -> bool:
        """Take over a task. See `core.adopting`."""
        from sos.core import adopting

        self._allow("adopt_task")
        return adopting.task(self.store, task)

    def copy(self, path: str) -> int:
        """Copy the store to a new file; its bytes. See `ports.Store.copy`."""
        return self.store.copy(path)
