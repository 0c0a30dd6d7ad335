"""What a connection can be asked over a wire: one table for the server, the client, the OpenAPI document and the tests.

Each operation is a method of the port `Connection`, with the types of its arguments and of its result as `model.plain` reads
them. What it may do is decided behind it, where the method itself is (core/connection.py).
"""

from __future__ import annotations

from sos.model.record import Record
from sos.model.tasks import LEASE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from sos.model.tokens import Service

    Verb = Literal["GET", "POST"]

SESSION_HEADER = "SOS-Session"
"""The agent's own body that asks: a runtime's session, or `-` for a process without one. Without it: a look."""
AGENT_HEADER = "SOS-Agent"
"""Whose token it must be: a home that holds another agent's is found out."""
NO_SESSION = "-"
EXPIRES_HEADER = "SOS-Token-Expires"
"""In an answer: when the token that was shown expires, in milliseconds of the epoch, where it does."""
MAX_BODY = 1 << 20
"""Bytes of a request: a text of 64 KiB in the longest spelling that JSON has for it, and what goes with it."""
MAX_WAIT = 30.0
"""Seconds that one request waits for mail; who wants to wait longer asks again."""


class Operation(Record):
    """One operation. A GET changes nothing and takes its arguments in the query; a POST takes a JSON object."""

    name: str
    verb: Verb
    path: str
    #: Whose token it takes.
    service: Service
    says: str
    arguments: dict[str, str]
    result: str
    defaults: dict[str, Any] = {}  # a Record's default is never changed


def _get(path: str, service: Service, name: str, says: str, result: str, /, **arguments: str) -> Operation:
    return _made("GET", path, service, name, says, result, arguments)


def _post(path: str, service: Service, name: str, says: str, result: str, /, **arguments: str) -> Operation:
    return _made("POST", path, service, name, says, result, arguments)


_WORDS = {"None": None, "False": False}


def _made(verb: Verb, path: str, service: Service, name: str, says: str, result: str, arguments: dict[str, str]) -> Operation:
    pairs = {key: kind.partition(" = ") for key, kind in arguments.items()}
    defaults = {key: _WORDS[default] if default in _WORDS else int(default) for key, (_, _, default) in pairs.items() if default}
    kinds = {key: kind for key, (kind, _, _) in pairs.items()}
    return Operation(
        name=name, verb=verb, path=path, service=service, says=says, arguments=kinds, result=result, defaults=defaults
    )


_IDS, _SENDER = "list[MessageId]", "str | None = None"

OPERATIONS: tuple[Operation, ...] = (
    _post("/v1/messages", "bus", "send", "Send to one agent.", "Receipt", draft="Draft"),
    _post("/v1/broadcasts", "bus", "broadcast", "Send to everybody of the project, or of a squad of it.", "Receipt",
          draft="Draft", squad="str | None = None", project="str | None = None"),
    _post("/v1/replies", "bus", "reply", "Answer a message of the own inbox.", "Receipt",
          answered="MessageId", draft="Draft", sender=_SENDER),
    _get("/v1/messages/sent", "bus", "sent", "Where everything stands that this agent sent.", "list[Story]", limit="int"),
    _get("/v1/messages/trace", "bus", "trace", "Everything known of one message.", "Story", identifier="MessageId"),
    _get("/v1/inbox", "bus", "inbox", "List without marking anything.", "list[Entry]", view="View", limit="int"),
    _get("/v1/inbox/count", "bus", "count", "How many entries a view holds.", "int", view="View"),
    _get("/v1/inbox/messages", "bus", "read", "Whole messages, by id or all unread. Marks nothing.", "list[Entry]",
         ids=_IDS, limit="int = 20"),
    _post("/v1/inbox/ack", "bus", "ack", "Acknowledge messages.", "list[Entry]", ids=_IDS, sender=_SENDER),
    _post("/v1/inbox/shown", "bus", "mark", "Mark what was shown in the agent's own body, by number.", "None",
          shown="list[int]", damaged="list[int]"),
    _post("/v1/inbox/requeue", "bus", "requeue", "Give dead letters another life.", "list[Entry]", ids=_IDS),
    _post("/v1/inbox/drop", "bus", "drop", "End messages for good.", "list[Entry]", ids=_IDS),
    _post("/v1/inbox/take", "bus", "take", "Make this session the one that the inbox is shown in.", "None"),
    _get("/v1/inbox/wait", "bus", "wait", "Wait until mail may have come.", "bool", seconds="float"),
    _post("/v1/turns/look", "bus", "look", "Everything that a hook run may show.", "Look",
          begins="bool", epoch="str", seen="int"),
    _post("/v1/turns/settle", "bus", "settle", "End a hook run: what was shown, and the body's new state.", "bool",
          body="Body", turn="int", marks="list[Mark]", told="Millis | None", proven="str | None", lost="bool",
          takes="bool = False"),
    _post("/v1/handling/lease", "bus", "lease", "Take unread messages for a handler.", "list[Entry]",
          limit="int", span="int", busy="list[str]"),
    _post("/v1/handling/extend", "bus", "extend", "The handler of a message goes on.", "None",
          number="int", fence="int", span="int"),
    _post("/v1/handling/release", "bus", "release", "The attempt at a message failed.", "Entry",
          number="int", fence="int", rest="int", reason="str"),
    _post("/v1/handling/conclude", "bus", "conclude", "End the handling of a message, with all that the handler sends.",
          "list[Receipt]", number="int", fence="int", sends="list[Sending]"),
    _post("/v1/handling/beat", "bus", "beat", "This body lives, and what it does.", "None", body="Body"),
    _get("/v1/me", "bus", "myself", "The own record, the body of this session, and the others.", "Myself"),
    _get("/v1/answers", "registry", "answers", "The four questions.", "list[Answer]", guide="str | None = None"),
    _get("/v1/peers", "registry", "peers", "The other agents.", "list[Peer]"),
    _post("/v1/canary", "bus", "canary", "A test message to oneself: sent unless it is there, and as it stands.", "Entry | None",
          identifier="MessageId", nonce="str | None = None"),
    _post("/v1/canary/back", "bus", "canary_came_back", "The canary came back whole, or is taken away.", "None",
          identifier="MessageId"),
    _post("/v1/attention", "registry", "attend", "Who may wake this agent, and what a hook may show it.", "Agent",
          attention="Attention", bodies="Bodies"),
    _get("/v1/streams", "bus", "streams", "Streams that carry the agent's name and are not read, or are read and never written.",
         "list[Finding]"),
    _get("/v1/note", "bus", "note", "What this agent left for its next self.", "Note | None"),
    _post("/v1/note", "bus", "leave_note", "Leave a note for the next self in place of the last one; an empty one takes it away.",
          "None", text="str"),
    _post("/v1/leave", "registry", "leave", "Give the slug back.", "None"),
    _get("/v1/tokens", "registry", "tokens", "What is known of the own tokens.", "list[TokenRecord]"),
    _post("/v1/tokens", "registry", "add_token", "Make a token count as this agent's; its secret stays with the agent.", "None",
          token="KnownToken", scopes="list[str] | None = None"),
    _post("/v1/tokens/revoke", "registry", "revoke_token", "Revoke a token by its key id.", "bool", key="str"),
    _post("/v1/enrolments", "join", "enrol", "Enrol whom an invitation is for.", "Enrolment",
          joining="Joining", tokens="list[KnownToken]", install="str"),
    _post("/v1/enrolments/again", "registry", "join_again", "The same agent joins again.", "Enrolment",
          joining="Joining", tokens="list[KnownToken]"),
    _post("/v1/invitations", "admin", "invite", "Make an invitation count.", "None",
          token="KnownToken", name="str", role="str", project="str"),
    _post("/v1/grants", "admin", "grant", "Give an agent's tokens a scope, or take it from them.", "list[TokenRecord]",
          agent="str", scope="str", granted="bool"),
    _post("/v1/move/agents", "admin", "adopt_agent", "Take over an agent of an embedded deployment.", "Enrolment",
          agent="Agent", tokens="list[TokenRecord]", skills="list[Skill]"),
    _post("/v1/move/mail", "admin", "adopt_mail", "Take over a message that waits there; for how many it was new.", "int",
          message="Message", deliveries="list[Delivery]"),
    _post("/v1/move/tasks", "admin", "adopt_task", "Take over a task; whether it was new.", "bool", task="Task"),
    _get("/v1/skills", "squad", "skills", "Skills that can be seen.", "list[Skill]",
         project="str | None = None", owner="Slug | None = None"),
    _get("/v1/squads", "registry", "squad", "The members of a squad.", "list[Slug]", squad="str", project="str | None = None"),
    _post("/v1/squads", "squad", "change_squad", "Put agents into a squad or out of it.", "list[Slug]",
          squad="str", agents="list[str]", member="bool", project="str | None = None"),
    _post("/v1/skills", "squad", "put_skills", "Declare skills of one's own, or replace them.", "None", skills="list[Skill]"),
    _post("/v1/tasks", "squad", "add_task", "Give a task.", "Task", task="NewTask", project="str | None = None"),
    _get("/v1/tasks", "squad", "tasks", "Tasks of the project.", "list[Task]",
         view="TaskView", limit="int", project="str | None = None"),
    _get("/v1/tasks/one", "squad", "task", "One task.", "Task", identifier="MessageId", project="str | None = None"),
    _post("/v1/tasks/claim", "squad", "claim_task", "Claim a task, or the next one.", "Task | None",
          identifier="MessageId | None = None", lease=f"int = {LEASE}", project="str | None = None"),
    _post("/v1/tasks/change", "squad", "change_task", "Renew, end, block, open or cancel a task.", "Task",
          identifier="MessageId", change="TaskChange", project="str | None = None"),
)  # fmt: skip
