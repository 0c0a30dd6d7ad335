"""A server's bus as one agent sees it: each method of the port is one request of the table in model/operations.py."""

from __future__ import annotations

from sos.model import wire
from sos.model.errors import Conflict, InvalidInput, TokenRefused
from sos.model.names import Slug
from sos.model.operations import AGENT_HEADER, EXPIRES_HEADER, MAX_WAIT, NO_SESSION, OPERATIONS, SESSION_HEADER
from sos.model.plain import made, plain
from sos.model.tasks import LEASE
from sos.model.times import Millis
from sos.model.tokens import parse_token, require_kind
from sos.remote.http import Server, quoted
from sos.remote.refusals import away, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sos.model.agents import Agent, Bodies, Body, Enrolment, Joining, Myself, Note, Peer
    from sos.model.attention import Attention
    from sos.model.deliveries import Delivery, Entry, Story, View
    from sos.model.findings import Answer, Finding
    from sos.model.ids import MessageId
    from sos.model.messages import Draft, Message, Receipt
    from sos.model.operations import Operation
    from sos.model.skills import Skill
    from sos.model.tasks import NewTask, Task, TaskChange, TaskView
    from sos.model.tokens import KnownToken, Service, TokenRecord
    from sos.model.turns import Look, Mark
    from sos.model.work import Sending
    from sos.ports import Clock

CALL_SECONDS = 5.0
"""How long one call may take, waiting apart."""
MARGIN, STREAMS_SECONDS = 5.0, 30.0
"""Seconds that the answer to a wait may be late, and that looking through a server's streams may take longer."""
_EXPIRES = EXPIRES_HEADER.lower()
_TABLE = {operation.name: operation for operation in OPERATIONS}


class HttpConnection:
    """The port `Connection` over HTTP. `urls` and `tokens`: of each service; what has none is refused before it is asked.

    `agent`: whose the tokens must be; the server refuses another's.
    """

    def __init__(
        self,
        urls: Mapping[Service, str],
        tokens: Mapping[Service, str],
        clock: Clock,
        session: str = "",
        *,
        own: bool = True,
        agent: str = "",
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        servers: dict[str, Server] = {}
        self._servers = {service: servers.setdefault(url, Server(url)) for service, url in urls.items()}
        self._tokens = dict(tokens)
        #: When the first of the tokens that were shown expires, as the server says.
        self.expires: Millis | None = None
        self._me: Agent | None = None
        self._agent = agent
        self._seconds = call_seconds
        self.clock = clock
        self.session = session
        self.own = own

    @property
    def me(self) -> Agent:
        """The agent whose bus token this is, as it was when it was first asked for."""
        if self._me is None:
            self._me = self.myself().agent
        return self._me

    @property
    def slug(self) -> Slug:
        """The agent's: as it was said, else as the server says."""
        return Slug(self._agent) if self._agent else self.me.slug

    def _ask(self, name: str, seconds: float = 0.0, /, **arguments: object) -> Any:
        operation = _TABLE[name]
        text = self._tokens.get(operation.service)
        if text is None:
            raise TokenRefused(f"there is no {operation.service} token here", next_step="sos token where")
        token = parse_token(text)  # a typo, or another service's, is found before it is shown to anybody
        require_kind(token, operation.service)
        headers = {"Authorization": f"Bearer {token.text}", "Accept": "application/json"}
        if self._agent:
            headers[AGENT_HEADER] = self._agent
        if self.own:
            headers[SESSION_HEADER] = self.session or NO_SESSION
        target, body = operation.path, b""
        if operation.verb == "GET":
            target += _query(arguments)
        else:
            headers["Content-Type"] = "application/json"
            body = wire.dumps(plain(arguments)).encode()
        server = self._servers[operation.service]
        answer = server.request(operation.verb, target, headers, body, self._seconds + seconds)
        self._note(answer.headers.get(_EXPIRES, ""))
        if answer.status != 200:
            raise refusal(server.url, answer.status, answer.body)
        return _understood(operation, server.url, answer.body)

    def _note(self, expires: str) -> None:
        if expires.isdigit() and expires.isascii() and len(expires) < 16:
            at = Millis(int(expires))
            self.expires = at if self.expires is None else min(self.expires, at)

    def token_of(self, service: Service) -> str | None:
        """The token that is shown to a service."""
        return self._tokens.get(service)

    def hold(self, service: Service, text: str) -> None:
        """Show this token to a service from now on."""
        self._tokens[service] = text
        self.expires = None

    # --- out ----------------------------------------------------------------------------------------------------------

    def send(self, draft: Draft) -> Receipt:
        """See `ports.Connection.send`."""
        return self._ask("send", draft=draft)  # type: ignore[no-any-return]  # the table says what each one gives

    def broadcast(self, draft: Draft, squad: str | None = None, project: str | None = None) -> Receipt:
        """See `ports.Connection.broadcast`."""
        return self._ask("broadcast", draft=draft, squad=squad, project=project)  # type: ignore[no-any-return]

    def reply(self, answered: MessageId, draft: Draft, sender: str | None = None) -> Receipt:
        """See `ports.Connection.reply`."""
        return self._ask("reply", answered=answered, draft=draft, sender=sender)  # type: ignore[no-any-return]

    def ack(self, ids: Sequence[MessageId], sender: str | None = None) -> list[Entry]:
        """See `ports.Connection.ack`."""
        return self._ask("ack", ids=ids, sender=sender)  # type: ignore[no-any-return]

    # --- in -----------------------------------------------------------------------------------------------------------

    def lease(self, limit: int, span: int, busy: Sequence[str]) -> list[Entry]:
        """See `ports.Connection.lease`."""
        return self._ask("lease", limit=limit, span=span, busy=busy)  # type: ignore[no-any-return]

    def extend(self, number: int, fence: int, span: int) -> None:
        """See `ports.Connection.extend`."""
        self._ask("extend", number=number, fence=fence, span=span)

    def release(self, number: int, fence: int, rest: int, reason: str) -> Entry:
        """See `ports.Connection.release`."""
        return self._ask("release", number=number, fence=fence, rest=rest, reason=reason)  # type: ignore[no-any-return]

    def conclude(self, number: int, fence: int, sends: Sequence[Sending]) -> list[Receipt]:
        """See `ports.Connection.conclude`."""
        return self._ask("conclude", number=number, fence=fence, sends=sends)  # type: ignore[no-any-return]

    def beat(self, body: Body) -> None:
        """See `ports.Connection.beat`."""
        self._ask("beat", body=body)

    def inbox(self, view: View, limit: int) -> list[Entry]:
        """See `ports.Connection.inbox`."""
        return self._ask("inbox", view=view, limit=limit)  # type: ignore[no-any-return]

    def count(self, view: View) -> int:
        """See `ports.Connection.count`."""
        return self._ask("count", view=view)  # type: ignore[no-any-return]

    def read(self, ids: Sequence[MessageId], limit: int = 20) -> list[Entry]:
        """See `ports.Connection.read`."""
        return self._ask("read", ids=ids, limit=limit)  # type: ignore[no-any-return]

    def mark_read(self, entries: Sequence[Entry]) -> None:
        """See `ports.Connection.mark_read`."""
        if self.own and entries:
            sound = [entry.message.seq for entry in entries if not entry.damaged]
            self.mark(sound, [entry.message.seq for entry in entries if entry.damaged])

    def wait(self, seconds: float) -> bool:
        """See `ports.Connection.wait`; at most `MAX_WAIT` at a time."""
        span = min(seconds, MAX_WAIT)
        return self._ask("wait", span + MARGIN, seconds=span)  # type: ignore[no-any-return]

    def tick(self) -> None:
        """The server watches the time."""

    def dead(self, limit: int) -> list[Entry]:
        """See `ports.Connection.dead`."""
        return self.inbox("dead", limit)

    def requeue(self, ids: Sequence[MessageId]) -> list[Entry]:
        """See `ports.Connection.requeue`."""
        return self._ask("requeue", ids=ids)  # type: ignore[no-any-return]

    def drop(self, ids: Sequence[MessageId]) -> list[Entry]:
        """See `ports.Connection.drop`."""
        return self._ask("drop", ids=ids)  # type: ignore[no-any-return]

    # --- a hook run ---------------------------------------------------------------------------------------------------

    def look(self, *, begins: bool, epoch: str, seen: int) -> Look:
        """See `core.turns.look`."""
        return self._ask("look", begins=begins, epoch=epoch, seen=seen)  # type: ignore[no-any-return]

    def settle(
        self, body: Body, turn: int, marks: Sequence[Mark], told: Millis | None, proven: str | None, *, lost: bool, takes: bool
    ) -> bool:
        """See `core.turns.settle`."""
        said: dict[str, Any] = {"body": body, "turn": turn, "marks": marks, "told": told, "proven": proven}
        return self._ask("settle", **said, lost=lost, takes=takes)  # type: ignore[no-any-return]

    def mark(self, shown: Sequence[int], damaged: Sequence[int]) -> None:
        """`mark_read`, by the messages' numbers."""
        self._ask("mark", shown=shown, damaged=damaged)

    # --- stories and people -------------------------------------------------------------------------------------------

    def trace(self, identifier: MessageId) -> Story:
        """See `ports.Connection.trace`."""
        return self._ask("trace", identifier=identifier)  # type: ignore[no-any-return]

    def sent(self, limit: int) -> list[Story]:
        """See `ports.Connection.sent`."""
        return self._ask("sent", limit=limit)  # type: ignore[no-any-return]

    def peers(self) -> list[Peer]:
        """See `ports.Connection.peers`."""
        return self._ask("peers")  # type: ignore[no-any-return]

    def myself(self) -> Myself:
        """See `ports.Connection.myself`."""
        return self._ask("myself")  # type: ignore[no-any-return]

    def allowed(self) -> tuple[str, ...]:
        """See `ports.Connection.allowed`. The registry knows of the others."""
        keys = {parse_token(text).key_id for service, text in self._tokens.items() if service != "bus"}
        return (*self.myself().scopes, *(scope for record in self.tokens() if record.key_id in keys for scope in record.scopes))

    def answers(self, guide: str | None) -> list[Answer]:
        """See `ports.Connection.answers`."""
        return self._ask("answers", guide=guide)  # type: ignore[no-any-return]

    def take(self) -> None:
        """See `ports.Connection.take`."""
        self._ask("take")

    def skills(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """See `ports.Connection.skills`."""
        return self._ask("skills", project=project, owner=owner)  # type: ignore[no-any-return]

    def squad(self, squad: str, project: str | None = None) -> list[Slug]:
        """See `ports.Connection.squad`."""
        return self._ask("squad", squad=squad, project=project)  # type: ignore[no-any-return]

    def change_squad(self, squad: str, agents: Sequence[str], *, member: bool, project: str | None = None) -> list[Slug]:
        """See `ports.Connection.change_squad`."""
        return self._ask("change_squad", squad=squad, agents=agents, member=member, project=project)  # type: ignore[no-any-return]

    def put_skills(self, skills: Sequence[Skill]) -> None:
        """See `ports.Connection.put_skills`."""
        self._ask("put_skills", skills=skills)

    def add_task(self, task: NewTask, project: str | None = None) -> Task:
        """See `ports.Connection.add_task`."""
        return self._ask("add_task", task=task, project=project)  # type: ignore[no-any-return]

    def tasks(self, view: TaskView, limit: int, project: str | None = None) -> list[Task]:
        """See `ports.Connection.tasks`."""
        return self._ask("tasks", view=view, limit=limit, project=project)  # type: ignore[no-any-return]

    def task(self, identifier: MessageId, project: str | None = None) -> Task:
        """See `ports.Connection.task`."""
        return self._ask("task", identifier=identifier, project=project)  # type: ignore[no-any-return]

    def claim_task(self, identifier: MessageId | None = None, lease: int = LEASE, project: str | None = None) -> Task | None:
        """See `ports.Connection.claim_task`."""
        return self._ask("claim_task", identifier=identifier, lease=lease, project=project)  # type: ignore[no-any-return]

    def change_task(self, identifier: MessageId, change: TaskChange, project: str | None = None) -> Task:
        """See `ports.Connection.change_task`."""
        return self._ask("change_task", identifier=identifier, change=change, project=project)  # type: ignore[no-any-return]

    def canary(self, identifier: MessageId, nonce: str | None = None) -> Entry | None:
        """See `ports.Connection.canary`."""
        return self._ask("canary", identifier=identifier, nonce=nonce)  # type: ignore[no-any-return]

    def canary_came_back(self, identifier: MessageId) -> None:
        """See `ports.Connection.canary_came_back`."""
        self._ask("canary_came_back", identifier=identifier)

    def streams(self) -> list[Finding]:
        """See `ports.Connection.streams`."""
        return self._ask("streams", STREAMS_SECONDS)  # type: ignore[no-any-return]

    def attend(self, attention: Attention, bodies: Bodies) -> Agent:
        """See `ports.Connection.attend`."""
        return self._ask("attend", attention=attention, bodies=bodies)  # type: ignore[no-any-return]

    def note(self) -> Note | None:
        """See `ports.Connection.note`."""
        return self._ask("note")  # type: ignore[no-any-return]

    def leave_note(self, text: str) -> None:
        """See `ports.Connection.leave_note`."""
        self._ask("leave_note", text=text)

    def leave(self) -> None:
        """See `ports.Connection.leave`."""
        self._ask("leave")

    # --- tokens and the store -----------------------------------------------------------------------------------------

    def tokens(self) -> list[TokenRecord]:
        """See `ports.Connection.tokens`."""
        return self._ask("tokens")  # type: ignore[no-any-return]

    def add_token(self, token: KnownToken, scopes: Sequence[str] | None = None) -> None:
        """See `ports.Connection.add_token`."""
        self._ask("add_token", token=token, scopes=scopes)

    def revoke_token(self, key: str) -> bool:
        """See `ports.Connection.revoke_token`."""
        return self._ask("revoke_token", key=key)  # type: ignore[no-any-return]

    def grant(self, agent: str, scope: str, *, granted: bool) -> list[TokenRecord]:
        """See `ports.Connection.grant`."""
        return self._ask("grant", agent=agent, scope=scope, granted=granted)  # type: ignore[no-any-return]

    def invite(self, token: KnownToken, name: str, role: str, project: str) -> None:
        """See `ports.Connection.invite`."""
        self._ask("invite", token=token, name=name, role=role, project=project)

    def enrol(self, joining: Joining, tokens: Sequence[KnownToken], install: str) -> Enrolment:
        """Enrol by the invitation that this connection has as its `join` token. See `core.enrolling.invited`."""
        return self._ask("enrol", joining=joining, tokens=tokens, install=install)  # type: ignore[no-any-return]

    def join_again(self, joining: Joining, tokens: Sequence[KnownToken]) -> Enrolment:
        """Join again, by the registry token. See `core.enrolling.again`."""
        return self._ask("join_again", joining=joining, tokens=tokens)  # type: ignore[no-any-return]

    def adopt_agent(self, agent: Agent, tokens: Sequence[TokenRecord], skills: Sequence[Skill]) -> Enrolment:
        """See `ports.Connection.adopt_agent`."""
        return self._ask("adopt_agent", agent=agent, tokens=tokens, skills=skills)  # type: ignore[no-any-return]

    def adopt_mail(self, message: Message, deliveries: Sequence[Delivery]) -> int:
        """See `ports.Connection.adopt_mail`."""
        return self._ask("adopt_mail", message=message, deliveries=deliveries)  # type: ignore[no-any-return]

    def adopt_task(self, task: Task) -> bool:
        """See `ports.Connection.adopt_task`."""
        return self._ask("adopt_task", task=task)  # type: ignore[no-any-return]

    def copy(self, path: str) -> int:
        """Refused: a server's store is copied where the server is."""
        raise Conflict(f"the store is behind {self._servers['bus'].url}: nothing was written to {path}",
                       next_step="run sos backup where sos serve runs")  # fmt: skip

    def close(self) -> None:
        """Close idle connections."""
        for server in self._servers.values():
            server.close()


def _query(arguments: Mapping[str, object]) -> str:
    pairs = []
    for name, value in arguments.items():
        several = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
        pairs += [f"{name}={quoted(str(each))}" for each in several]
    return "?" + "&".join(pairs) if pairs else ""


def _understood(operation: Operation, url: str, body: bytes) -> Any:
    try:
        return made(operation.result, wire.loads(body), operation.name)
    except InvalidInput as error:
        raise away(url, f"gave an answer that cannot be understood: {error.message}") from error
